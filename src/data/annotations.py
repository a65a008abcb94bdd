"""The images of a data set and what is known about each: read from COCO JSON or from a plain folder.

An image is in one of three states: labelled with boxes; labelled and empty (looked at, nothing there); unlabelled.
Unlabelled is ``"labelled": false`` on its entry in "images". ``"labelled": true`` says that somebody has reviewed the image,
which an entry without boxes does not say by itself: exporters write the same for an image that nobody has opened yet. The
reference's form (annotation rows with category_id -1 and a zero box) is read too. ``"also_unlabelled": true`` on a labelled image puts it into the unlabelled stream as well
(policy 2 of random_select.py and pick_select.py).
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.coco import is_blank, read_coco_boxes, sound_images
from src.data.formats.json_file import read_json
from src.data.formats.outlines import Outline, as_outline, segmentation_of, whole_mask
from src.data.images import image_size, list_images
from src.errors import DataError, UserError

# What may stay of an image whose label is hidden; fields of other tools could tell what is in the picture.
_HIDDEN_IMAGE_KEYS = ("id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured")
# Some data sets (LVIS) count images and instances in their categories.
_CATEGORY_KEYS = ("id", "name", "supercategory", "keypoints", "skeleton")

COCO_FORM = "COCO JSON"


@dataclass(frozen=True, eq=False)
class ImageEntry:
    """One image.

    Attributes:
        image_id: its id in the annotation file.
        file_name: path relative to the image folder, sub-folders included, with forward slashes.
        width, height: pixels, as shown (after EXIF rotation).
        labelled: False when nobody has said what is in the picture.
        boxes: float32 [N, 4], (x1, y1, x2, y2) in original pixels, inside the image; crowds included.
        labels: int32 [N], 1..K.
        crowd: bool [N], regions that stand for a group and are neither object nor background.
        path: the folder the image lies in; None when it lies in the image folder of the run.
        also_unlabelled: a labelled image that joins the unlabelled stream as well.
        areas: float64 [N], the area of each object in pixels as its annotation gives it, NaN where it gives none; None where
            none does (Pascal VOC, text).
        outlines: of each row of `boxes`, None for a crowd without one; None where masks were not read.
        reviewed: the annotation file says ``"labelled": true``, so that no boxes mean that nothing is there.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    labelled: bool
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    path: Path | None = None
    also_unlabelled: bool = False
    areas: np.ndarray | None = None
    outlines: tuple[Outline | None, ...] | None = None
    reviewed: bool = False


@dataclass(frozen=True, eq=False)
class Annotations:
    """All images of a data set. Label k (1..K) means ``class_names[k - 1]`` and ``category_ids[k - 1]``.

    ``form`` says what they were read from, for the log, and ``crowd_mark`` how it marks a box as a crowd.
    """

    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageEntry, ...]
    form: str = COCO_FORM
    crowd_mark: str = '"iscrowd": 1, as some labelling tools export brush masks'

    @property
    def crowds_and_remedy(self) -> str:
        """What sentences about too many crowds end with."""
        return (
            f"crowds ({self.crowd_mark}), which training and scores leave out; write 0 instead of 1 where a box is a "
            "single object"
        )

    @cached_property
    def labelled(self) -> tuple[ImageEntry, ...]:
        """Images with known content, empty ones included."""
        return tuple(entry for entry in self.images if entry.labelled)

    @cached_property
    def unlabelled(self) -> tuple[ImageEntry, ...]:
        """Images of the unlabelled stream, none with a label: unlabelled ones and those that are also unlabelled."""
        return tuple(_without_labels(entry) for entry in self.images if not entry.labelled or entry.also_unlabelled)


def read_annotations(path: str | Path, masks: bool = False) -> Annotations:
    """Read and check a COCO annotation file; images are ordered by id, classes by category id.

    Args:
        masks: read the outlines of objects, too; then every labelled object must have one.

    Raises:
        UserError: there is no such file.
        DataError: every fault of it, see ``src.data.formats.coco``.
    """
    return from_coco(read_coco_boxes(path, masks), masks)


def from_coco(coco: dict[str, Any], masks: bool = False) -> Annotations:
    """What a checked COCO file (``read_coco``) says; images are ordered by id, classes by category id."""
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
    return Annotations(
        class_names=tuple(category["name"] for category in categories),
        category_ids=tuple(category["id"] for category in categories),
        images=tuple(entries),
    )


def images_despite_faults(path: str | Path) -> Annotations:
    """The images of a COCO file with faults, as far as their own entries are right, with nothing of their labels."""
    try:
        images = sound_images(read_json(path))
    except UserError:
        images = []
    entries = (_empty_entry(image["id"], image["file_name"], image["width"], image["height"], None) for image in images)
    return Annotations((), (), tuple(entries))


def count_empty(labelled: Iterable[ImageEntry]) -> int:
    """How many labelled images have no box: training takes it for granted that nothing is there."""
    return sum(not len(entry.boxes) for entry in labelled)


def image_path(entry: ImageEntry, img_dir: str | Path) -> Path:
    """Where the image lies: its own folder if it has one, else ``img_dir``."""
    return (Path(img_dir) if entry.path is None else entry.path) / entry.file_name


def object_areas(entry: ImageEntry) -> np.ndarray:
    """Areas by which COCO calls objects small or large, float64 [N], pixels: the annotation's, else that of the box."""
    # Corners in single precision tell sides to about a thousandth: 32 x 32 pixels must not come out as 31.9999 x 32.
    sides = (entry.boxes[:, 2:] - entry.boxes[:, :2]).astype(np.float64).round(3)
    boxes = sides[:, 0] * sides[:, 1]
    return boxes if entry.areas is None else np.where(np.isnan(entry.areas), boxes, entry.areas)


def count_boxes(entries: Iterable[ImageEntry]) -> tuple[int, int]:
    """How many objects and how many crowds the images have; training and scores leave crowds out."""
    crowd = np.concatenate([np.zeros(0, bool), *(entry.crowd for entry in entries)])
    return int((~crowd).sum()), int(crowd.sum())


def count_rows(coco: dict[str, Any]) -> tuple[int, int]:
    """``count_boxes`` of the annotation rows of a checked COCO file without blank ones, such as ``hide_labels`` gives."""
    crowds = sum(bool(row.get("iscrowd", 0)) for row in coco["annotations"])
    return len(coco["annotations"]) - crowds, crowds


def boxes_and_crowds(objects: int, crowds: int) -> str:
    """Both numbers as text; crowds only if there are some."""
    return f"{objects} boxes" + (f" and {crowds} crowds" if crowds else "")


def missing_objects(annotations: Annotations) -> str | None:
    """Why there is nothing to find in the labelled images, with a remedy; None if they have an object."""
    objects, crowds = count_boxes(annotations.labelled)
    if objects:
        return None
    if not crowds:
        return f"none of the {len(annotations.labelled)} labelled images has an object"
    return f"all {crowds} boxes are {annotations.crowds_and_remedy}"


def unlabelled_folder(img_dir: str | Path, first_id: int) -> tuple[ImageEntry, ...]:
    """Every image under a folder as an unlabelled entry, sorted by name, with ids from ``first_id`` up.

    Raises:
        UserError: there is no such folder, or no image in it.
        DataError: every file whose header is broken.
    """
    folder = Path(img_dir)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of unlabelled images")
    entries, faults = [], []
    for name in list_images(folder):
        try:
            width, height = image_size(folder / name)
        except UserError as error:
            faults.append(str(error))
            continue
        entries.append(_empty_entry(first_id + len(entries), name, width, height, path=folder))
    if faults:
        raise DataError(str(folder), faults)
    if not entries:
        raise UserError(f"{folder}: no images in this folder")
    return tuple(entries)


def to_coco(annotations: Annotations, masks: bool = False) -> dict[str, Any]:
    """The COCO form: boxes as (x, y, width, height), annotation ids from 1, "labelled" where it is false or was said.

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


def has_outlines(annotations: Annotations) -> bool:
    """Whether the outlines of all labelled images were read."""
    return bool(annotations.labelled) and all(entry.outlines is not None for entry in annotations.labelled)


def _segments(entry: ImageEntry) -> list[dict[str, Any]]:
    """ "segmentation" of each object of an image, and "area" where only the mask tells it."""
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


def content_hash(annotations: Annotations) -> str:
    """A SHA-256 of classes, images and labels, as 64 hexadecimal digits; the form they were read from does not count.

    Nor do areas: nothing is trained on them, and no AP but those by size depends on them.
    """
    digest = hashlib.sha256(repr((annotations.class_names, annotations.category_ids)).encode())
    for entry in annotations.images:
        state = (entry.image_id, entry.file_name, entry.width, entry.height, entry.labelled, entry.also_unlabelled)
        digest.update(repr((state, len(entry.boxes))).encode())
        for column in (entry.boxes, entry.labels, entry.crowd):
            digest.update(column.tobytes())
        for outline in entry.outlines or ():
            digest.update(b"null" if outline is None else outline)
    return digest.hexdigest()


def hide_labels(coco: dict[str, Any], labelled_ids: set[int], also_unlabelled: bool = False) -> dict[str, Any]:
    """A copy of a COCO file in which only the images of ``labelled_ids`` keep their labels.

    These keep ``"labelled": true`` where their entries say it. The others get ``"labelled": false`` and lose every
    annotation row and every field that is not about the file itself. Annotation ids are given anew, because gaps would tell how many objects a hidden image has.

    Args:
        coco: a checked file (``read_coco``); it is not changed.
        labelled_ids: ids of the images that stay labelled.
        also_unlabelled: whether these join the unlabelled stream as well (policy 2).
    """
    images = []
    for image in coco["images"]:
        if image["id"] in labelled_ids:
            kept = {key: value for key, value in image.items() if key not in ("labelled", "also_unlabelled")}
            reviewed = {"labelled": True} if image.get("labelled") is True else {}
            images.append(kept | reviewed | ({"also_unlabelled": True} if also_unlabelled else {}))
        else:
            images.append({key: image[key] for key in _HIDDEN_IMAGE_KEYS if key in image} | {"labelled": False})
    rows = [row for row in coco["annotations"] if row["image_id"] in labelled_ids and not is_blank(row)]
    described = {key: coco[key] for key in ("info", "licenses") if key in coco}
    return described | {
        "images": images,
        "annotations": [row | {"id": number} for number, row in enumerate(rows, start=1)],
        "categories": [{key: row[key] for key in _CATEGORY_KEYS if key in row} for row in coco["categories"]],
    }


def unlabelled_ids(coco: dict[str, Any]) -> set[int]:
    """Ids of the images of a checked COCO file whose content nobody has told."""
    blank = {row["image_id"] for row in coco["annotations"] if is_blank(row)}
    real = {row["image_id"] for row in coco["annotations"] if not is_blank(row)}
    return {image["id"] for image in coco["images"] if not image.get("labelled", image["id"] not in blank - real)}


def also_unlabelled_ids(coco: dict[str, Any]) -> set[int]:
    """Ids of the labelled images of a checked COCO file that join the unlabelled stream as well (policy 2)."""
    blank = {row["image_id"] for row in coco["annotations"] if is_blank(row)}
    real = {row["image_id"] for row in coco["annotations"] if not is_blank(row)}
    joined = {image["id"] for image in coco["images"] if image.get("also_unlabelled", image["id"] in blank & real)}
    return joined - unlabelled_ids(coco)


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
        labelled=image.get("labelled", bool(rows) or not blank),
        boxes=boxes,
        labels=np.array([label_of[row["category_id"]] for row in rows], np.int32),
        crowd=np.array([bool(row.get("iscrowd", 0)) for row in rows], bool),
        also_unlabelled=image.get("also_unlabelled", bool(rows) and blank),
        areas=np.array([row.get("area", math.nan) for row in rows], np.float64),
        outlines=tuple(as_outline(row.get("segmentation")) for row in rows) if masks else None,
        reviewed=image.get("labelled") is True,
    )


def _empty_entry(image_id: int, name: str, width: int, height: int, path: Path | None) -> ImageEntry:
    boxes, labels, crowd = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    return ImageEntry(image_id, name, width, height, False, boxes, labels, crowd, path)


def _without_labels(entry: ImageEntry) -> ImageEntry:
    if not entry.labelled:
        return entry
    empty = _empty_entry(entry.image_id, entry.file_name, entry.width, entry.height, entry.path)
    return replace(empty, also_unlabelled=True)
