"""The annotation file of the next stage: the present one, and the images that the labellers have answered."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pycocotools import mask as coco_masks

from src.data.formats.label_states import also_unlabelled_ids, is_blank, unlabelled_ids
from src.data.formats.outlines import as_outline, whole_mask
from src.data.formats.tools.annotated import Shape
from src.labelling.answers.answer import Answer, NotUsed
from src.labelling.difference import is_untouched


def merge(
    coco: dict[str, Any], answers: Mapping[str, Answer], sizes: Mapping[str, tuple[int, int]], replace: bool
) -> tuple[dict[str, Any], list[str], list[NotUsed]]:
    """Add labels to a copy of a checked COCO file (``read_coco``).

    An image that is not in it yet, of a folder of unlabelled images, gets an entry. An image that is labelled in it already
    keeps its labels unless ``replace``.

    Args:
        answers: image -> answer; only labels change anything. sizes: image -> (width, height) in pixels.

    Returns:
        The file, the names of the images whose labels are new, and labels that are not taken because there are others.
    """
    new, not_used = _choose(coco, answers, replace)
    joined = bool(also_unlabelled_ids(coco))
    id_of = {image["file_name"]: image["id"] for image in coco["images"]}
    added = [key for key in new if key not in id_of]
    id_of |= {key: number for number, key in enumerate(added, start=max(id_of.values(), default=0) + 1)}
    changed = {id_of[key] for key in new}
    images = [_entry(image, joined) if image["id"] in changed else image for image in coco["images"]]
    for key in added:
        width, height = sizes[key]
        images.append(_entry({"id": id_of[key], "file_name": key, "width": width, "height": height}, joined))
    rows = [row for row in coco["annotations"] if row["image_id"] not in changed]
    category_of = {category["name"]: category["id"] for category in coco["categories"]}
    shapes = [(key, shape) for key in new for shape in answers[key].shapes]
    first = max((row["id"] for row in coco["annotations"]), default=0) + 1
    for number, (key, shape) in enumerate(shapes, start=first):
        row = {"id": number, "image_id": id_of[key], "category_id": category_of[shape.label]}
        rows.append(row | _described(shape, sizes[key]))
    return coco | {"images": images, "annotations": rows}, new, not_used


def _choose(coco: dict[str, Any], answers: Mapping[str, Answer], replace: bool) -> tuple[list[str], list[NotUsed]]:
    """Images whose labels are to be taken, and labels that give way to others."""
    bare = unlabelled_ids(coco)
    labelled = {image["file_name"]: image["id"] for image in coco["images"] if image["id"] not in bare}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    known = defaultdict(list)
    for row in coco["annotations"]:
        if not is_blank(row):
            known[row["image_id"]].append(_shape(row, names))
    new, not_used = [], []
    for key, answer in answers.items():
        if not answer.is_label or key in labelled and is_untouched(known[labelled[key]], answer.shapes):
            continue
        if key in labelled and not replace:
            reason = "the image is labelled otherwise in --ann_file; --replace_labels takes these labels"
            not_used.append(NotUsed(key, answer.place, reason))
        else:
            new.append(key)
    return new, not_used


def _entry(image: dict[str, Any], joined: bool) -> dict[str, Any]:
    """The entry of an image that is labelled now; under policy 2 labelled images join the unlabelled stream."""
    return image | {"labelled": True} | ({"also_unlabelled": True} if joined else {})


def _described(shape: Shape, size: tuple[int, int]) -> dict[str, Any]:
    """bbox, area, iscrowd and, where there is an outline, segmentation."""
    x1, y1, x2, y2 = shape.box
    row = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": int(shape.crowd)}
    outline = None if shape.segmentation is None else as_outline(shape.segmentation)
    if outline is None:
        return row
    return row | {"area": _area(outline, size) or row["area"], "segmentation": shape.segmentation}


def _area(outline: Any, size: tuple[int, int]) -> float:
    """Pixels of an outline; 0 if it is thinner than one."""
    return float(coco_masks.area(whole_mask(outline, size)))


def _shape(row: dict[str, Any], names: Mapping[int, str]) -> Shape:
    x, y, width, height = row["bbox"]
    outline = row.get("segmentation")
    polygons = tuple(map(tuple, outline)) if isinstance(outline, list) and outline else None
    rle = outline if isinstance(outline, dict) else None
    box = x, y, x + width, y + height
    return Shape(names[row["category_id"]], box, polygons, rle, crowd=bool(row.get("iscrowd")))
