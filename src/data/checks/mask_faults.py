"""Faults of masks in the annotation rows of a COCO file: objects without a mask, invalid outlines."""

import json
from collections.abc import Sequence
from typing import Any

from src.data.formats.outlines import as_outline, outline_fault

_REMEDY = 'draw its outline as "segmentation", mark it "iscrowd": 1 if it is a group, or take a system without masks'


def mask_faults(rows: Sequence[tuple[int, dict[str, Any]]], images: dict[int, dict[str, Any]]) -> list[str]:
    """One sentence for every fault of a mask; one for all if no object has one.

    Args:
        rows: place in the file and annotation row, each with a valid bbox and an image_id of `images`.
        images: image id -> image entry with a valid size.
    """
    without_mask, faulty, objects = [], [], 0
    for index, row in rows:
        image, outline = images[row["image_id"]], as_outline(row.get("segmentation"))
        objects += not row.get("iscrowd", 0)
        if outline is None:
            if not row.get("iscrowd", 0):
                without_mask.append(f"{_name(index, row)}: the object of {image['file_name']} has no mask; {_REMEDY}")
            continue
        width, height = size = int(image["width"]), int(image["height"])
        x, y, w, h = row["bbox"]
        box = (max(x, 0), max(y, 0), min(x + w, width), min(y + h, height))
        if fault := outline_fault(outline, box, size):
            faulty.append(f"{_name(index, row)}, an object of {image['file_name']}: {fault}")
    if len(without_mask) == objects > 1:
        index, row = rows[0]
        first = f"{_name(index, row)} of {images[row['image_id']]['file_name']}"
        without_mask = [f"none of the {objects} objects has a mask, such as {first}; for each, {_REMEDY}"]
    return without_mask + faulty


def _name(index: int, row: dict[str, Any]) -> str:
    return f"annotations[{index}] (id {json.dumps(row.get('id'))})"
