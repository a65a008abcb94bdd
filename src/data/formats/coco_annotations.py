"""COCO JSON -> annotations, and back."""

import contextlib
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

from src.data.annotations import Annotations, ImageEntry, object_areas, unlabelled_entry
from src.data.checks.coco.coco_images import sound_images
from src.data.checks.row_marks import coco_marks, mark_doubts
from src.data.formats.coco import read_coco_boxes
from src.data.formats.json_file import read_json
from src.data.formats.label_states import is_blank, is_labelled, joins_unlabelled
from src.data.formats.outlines import as_outline, segmentation_of, whole_mask
from src.data.images import image_size
from src.errors import UserError


def read_annotations(path: str | Path, masks: bool = False, clear: Callable[[Any], Any] | None = None) -> Annotations:
    """Read and check a COCO annotation file; images are ordered by id, classes by category id.

    Args:
        masks: read the outlines of objects, too; then every labelled object must have one. clear: see ``read_coco``.

    Raises:
        UserError: there is no such file.
        DataError: every fault of it, see ``src.data.checks.coco.coco_faults``.
    """
    return from_coco(read_coco_boxes(path, masks, clear), masks)


def from_coco(coco: dict[str, Any], masks: bool = False) -> Annotations:
    """The annotations of a checked COCO file (``read_coco``); images are ordered by id, classes by category id."""
    categories = sorted(coco["categories"], key=lambda category: category["id"])
    label_of = {category["id"]: label for label, category in enumerate(categories, start=1)}
    rows_of, blank = defaultdict(list), set()
    for row in coco["annotations"]:
        if is_blank(row):
            blank.add(row["image_id"])
        else:
            rows_of[row["image_id"]].append(row)
    entries = (
        _entry(image, rows_of.get(image["id"], []), image["id"] in blank, label_of, masks)
        for image in sorted(coco["images"], key=lambda image: image["id"])
    )
    marks = [(row["image_id"], mark) for row in coco["annotations"] for mark in coco_marks(row)]
    names = {image["id"]: image["file_name"] for image in coco["images"]} if marks else {}
    return Annotations(
        class_names=tuple(category["name"] for category in categories),
        category_ids=tuple(category["id"] for category in categories),
        images=tuple(entries),
        doubts=mark_doubts(((names[identity], mark) for identity, mark in marks), 'write "iscrowd": 1 in their rows'),
    )


def images_despite_faults(path: str | Path) -> Annotations:
    """The images of a COCO file with faults, as far as their own entries are valid, without labels."""
    try:
        images = sound_images(read_json(path))
    except UserError:
        images = []
    entries = (unlabelled_entry(image["id"], image["file_name"], (image["width"], image["height"])) for image in images)
    return Annotations((), (), tuple(entries))


def with_real_sizes(coco: Any, img_dir: Path) -> Any:
    """A COCO file with width and height of the images as they lie on the disk, as far as they can be read."""
    images = []
    for image in sound_images(coco):
        with contextlib.suppress(UserError):
            width, height = image_size(img_dir / image["file_name"])
            images.append(image | {"width": width, "height": height})
    real = {image["id"]: image for image in images}
    return coco | {"images": [real.get(_id_of(image), image) for image in coco["images"]]} if real else coco


def _id_of(image: Any) -> Any:
    identity = image.get("id") if isinstance(image, dict) else None
    return identity if isinstance(identity, int) else None


def to_coco(annotations: Annotations, masks: bool = False) -> dict[str, Any]:
    """The COCO form: boxes as (x, y, width, height), annotation ids from 1, "labelled" where it is false or was stated.

    Args:
        masks: with "segmentation" (a crowd without an outline is its box). The entries must have outlines. Where an
            annotation gives no "area", it is that of the mask, as COCO's tools count it; otherwise that of the box.
    """
    images, rows = [], []
    for entry in annotations.images:
        image = {"id": entry.image_id, "file_name": entry.file_name, "width": entry.width, "height": entry.height}
        flags = {"labelled": entry.labelled} if entry.reviewed or not entry.labelled else {}
        flags |= {"also_unlabelled": True} if entry.also_unlabelled else {}
        images.append(image | flags)
        segments = _segments(entry) if masks else [{}] * len(entry.boxes)
        columns = (entry.boxes, entry.labels, entry.crowd, object_areas(entry))
        for box, label, crowd, area, segment in zip(*(column.tolist() for column in columns), segments, strict=True):
            row = {
                "id": len(rows) + 1,
                "image_id": entry.image_id,
                "category_id": annotations.category_ids[label - 1],
                "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                "area": area,
                "iscrowd": int(crowd),
            }
            rows.append(row | segment)
    named = zip(annotations.category_ids, annotations.class_names, strict=True)
    categories = [{"id": identity, "name": name, "supercategory": name} for identity, name in named]
    return {"images": images, "annotations": rows, "categories": categories}


def _entry(image: dict, rows: list[dict], blank: bool, label_of: dict[int, int], masks: bool) -> ImageEntry:
    width, height = int(image["width"]), int(image["height"])
    boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    boxes = np.clip(boxes, 0, (width, height, width, height)).astype(np.float32)
    return ImageEntry(
        image_id=image["id"],
        file_name=image["file_name"],
        width=width,
        height=height,
        labelled=is_labelled(image, bool(rows), blank),
        boxes=boxes,
        labels=np.array([label_of[row["category_id"]] for row in rows], np.int32),
        crowd=np.array([bool(row.get("iscrowd", 0)) for row in rows], bool),
        also_unlabelled=joins_unlabelled(image, bool(rows), blank),
        areas=np.array([row.get("area", math.nan) for row in rows], np.float64),
        outlines=tuple(as_outline(row.get("segmentation")) for row in rows) if masks else None,
        reviewed=image.get("labelled") is True,
    )


def _segments(entry: ImageEntry) -> list[dict[str, Any]]:
    """ "segmentation" of each object of an image, and "area" where only the mask gives it."""
    given = [False] * len(entry.boxes) if entry.areas is None else (~np.isnan(entry.areas)).tolist()
    segments = []
    for box, outline, has_area in zip(entry.boxes.tolist(), entry.outlines, given, strict=True):
        if outline is None:
            x1, y1, x2, y2 = box
            segments.append({"segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]]})
            continue
        segment = {"segmentation": segmentation_of(outline)}
        if not has_area:
            segment["area"] = float(coco_masks.area(whole_mask(outline, (entry.width, entry.height))))
        segments.append(segment)
    return segments
