"""Check the annotation rows of a COCO file."""

from typing import Any

from src.data.checks.box_faults import OUTSIDE_TOLERANCE, all_fractions, all_outside, outside_fault
from src.data.checks.coco.coco_images import no_id
from src.data.checks.coco.json_values import is_box, is_id, is_number, repeated, short, show, unquote
from src.data.formats.label_states import is_blank


def annotation_faults(rows: list[dict], categories: set[int], sizes: dict, faults: list[str]) -> None:
    """Append what is wrong with the rows; ``sizes``: see ``image_faults``."""
    common = _common_fault(rows, sizes)
    if common:
        faults.append(common)
    for index, row in enumerate(rows):
        for fault in _row_faults(row, categories, sizes, common is None):
            faults.append(f"annotations[{index}] (id {show(row, 'id')}): {fault}")
    faults += repeated(rows, "id", "annotation id", "number them anew")


def _common_fault(rows: list[dict], sizes: dict) -> str | None:
    """One fault of all boxes together: fractions of the image, corners instead of (x, y, width, height), another size."""
    rows = [row for row in rows if not is_blank(row)]
    boxes = [row.get("bbox") for row in rows]
    if len(boxes) > 1 and not any(is_box(box) for box in boxes):
        return f"all {len(boxes)} boxes, such as the first: {_box_fault(boxes[0], None)}"
    if not boxes or not all(is_box(box) for box in boxes):
        return None
    if fault := all_fractions(boxes, "bbox", "x and width, y and height"):
        return fault
    image_sizes = [sizes.get(row["image_id"]) if is_id(row.get("image_id")) else None for row in rows]
    if not any(size and _box_fault(box, size) for box, size in zip(boxes, image_sizes, strict=True)):
        return None
    corners = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]
    if not any(_box_fault(box, size) for box, size in zip(corners, image_sizes, strict=True)):
        meant = f"all {len(boxes)} boxes fit into their images as corners (x1, y1, x2, y2)"
        remedy = "if they are corners, write x2 - x1 and y2 - y1 for the last two numbers"
        return f"{meant}, and some do not as COCO's [x, y, width, height]; {remedy}"
    known = [(box, size) for box, size in zip(boxes, image_sizes, strict=True) if size]
    return all_outside([(x, y, x + w, y + h) for (x, y, w, h), _ in known], [size for _, size in known])


def _row_faults(row: dict, categories: set[int], sizes: dict, boxes: bool) -> list[str]:
    """What is wrong with one annotation row; called for every row, so a valid row takes few steps.

    Args:
        boxes: look at the box and its area, too; no if all boxes have a common fault.
    """
    faults = []
    if not is_id(row.get("id")):
        faults.append(f'"id" must be an integer from 0 up, found {show(row, "id")}')
    image_id, category = row.get("image_id"), row.get("category_id")
    if not is_id(image_id) or image_id not in sizes:
        if no_id(image_id) not in sizes:  # else the image has this fault
            faults.append(f"image_id {show(row, 'image_id')} is not among the images; correct it, or take the row out")
        image_id = None
    if is_blank(row):
        return faults
    if not is_id(category) or category not in categories:
        faults.append(
            f"category_id {show(row, 'category_id')} is not among the categories; correct it, or list the category"
        )
    if row.get("iscrowd", 0) not in (0, 1):
        faults.append(f'"iscrowd" must be 0 or 1, found {show(row, "iscrowd")}')
    size = sizes.get(image_id)
    if boxes and (fault := _box_fault(row.get("bbox"), size)):
        faults.append(fault)
    if boxes and "area" in row and (fault := _area_fault(row["area"], size)):
        faults.append(fault)
    return faults


def _area_fault(area: Any, size: tuple[int, int] | None) -> str | None:
    """What is wrong with the area of an object in an image of ``size``, if anything."""
    if not is_number(area) or area <= 0:
        return (
            f'"area" must be a number of pixels above 0, found {short(area)}; correct it, or take the field out, and the '
            "area of the box counts"
        )
    if size and area > (size[0] + 2 * OUTSIDE_TOLERANCE) * (size[1] + 2 * OUTSIDE_TOLERANCE):
        return (
            f'"area" {short(area)} is more than all {size[0]} x {size[1]} pixels of its image; correct it, or take the '
            "field out, and the area of the box counts"
        )
    return None


def _box_fault(box: Any, size: tuple[int, int] | None) -> str | None:
    """What is wrong with one COCO box (x, y, width, height) in an image of ``size``, if anything."""
    if not is_box(box):
        remedy = unquote(box) if isinstance(box, list) else ""
        return f"bbox must be four finite numbers [x, y, width, height], found {short(box)}{remedy}"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return f"bbox {box} has no size; width and height must be above 0: take the row out, or draw the box anew"
    if size is None:
        return None
    fault = outside_fault((x, y, x + width, y + height), size)
    return fault and f"bbox {box} (x, y, width, height) {fault}"


def is_valid(row: dict, sizes: dict[int, tuple[int, int] | None]) -> bool:
    """Whether a row describes an object with a valid box in an image with a valid size."""
    size = sizes.get(row["image_id"]) if is_id(row.get("image_id")) else None
    return size is not None and not is_blank(row) and _box_fault(row.get("bbox"), size) is None
