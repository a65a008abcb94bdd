"""A COCO file without what cannot be used: boxes without area, and images whose own entry or objects have a fault."""

from collections import defaultdict
from typing import Any

from src.data.checks.coco.coco_faults import coco_faults
from src.data.checks.left_out import LeftOut
from src.data.checks.odd_ids import as_meant


def clear_coco(coco: Any, left_out: LeftOut, masks: bool = False) -> Any:
    """The file without its faulty boxes and images; each of them is noted.

    What is no COCO file, has faulty categories, or ids that are all wrong in one way, stays as it is, for ``coco_faults`` to say.

    Args:
        coco: any JSON value; it is not changed. masks: whether the detector has masks, so that every object must have one.
    """
    lists = [coco.get(key) for key in ("images", "annotations", "categories")] if isinstance(coco, dict) else []
    if not lists or any(type(items) is not list or any(type(item) is not dict for item in items) for items in lists):
        return coco
    images, rows, categories = lists
    if not coco_faults(coco, masks) or coco_faults({"images": [], "annotations": [], "categories": categories}):
        return coco
    if as_meant(coco)[0]:
        return coco
    rows_of = defaultdict(list)
    for row in rows:
        rows_of[_key(row.get("image_id"))].append(row)
    kept_images, kept_rows = [], []
    for image in images:
        name = str(image.get("file_name", f"image {image.get('id')}"))
        own = [_clear_row(row, name, left_out) for row in rows_of.pop(_key(image.get("id")), [])]
        own = [row for row in own if row is not None]
        faults = coco_faults({"images": [image], "annotations": own, "categories": categories}, masks)
        if faults:
            left_out.image(name, faults)
        else:
            kept_images.append(image)
            kept_rows += own
    for lost in rows_of.values():
        for row in lost:
            left_out.box(
                f"image_id {row.get('image_id')}", str(row.get("bbox")), "is of an image that is not in the file"
            )
    return coco | {"images": kept_images, "annotations": kept_rows}


def _clear_row(row: dict[str, Any], name: str, left_out: LeftOut) -> dict[str, Any] | None:
    """The row, without an area that is none; None if its box has no area."""
    box = row.get("bbox")
    numbers = type(box) is list and len(box) == 4 and all(type(value) in (int, float) for value in box)
    if numbers and row.get("category_id") != -1 and (-1e9 <= box[2] <= 0 or -1e9 <= box[3] <= 0):
        left_out.box(name, str(box))
        return None
    area = row.get("area", 1)
    if type(area) not in (int, float) or not area > 0:
        left_out.fields.append({"image": name, "box": str(box), "reason": f"area {area} is no number above 0"})
        return {key: value for key, value in row.items() if key != "area"}
    return row


def _key(value: Any) -> tuple[str, str]:
    """A key of any JSON value; 1, "1" and 1.0 are different ids."""
    return type(value).__name__, str(value)
