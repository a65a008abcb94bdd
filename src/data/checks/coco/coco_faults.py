"""Check every entry of a COCO file; all faults are reported together."""

from collections import Counter
from typing import Any

from src.data.checks.coco.coco_images import image_faults
from src.data.checks.coco.coco_objects import annotation_faults, is_valid
from src.data.checks.coco.json_values import is_id, is_text, kind, repeated, short, show
from src.data.checks.mask_faults import mask_faults
from src.data.checks.odd_ids import as_meant
from src.data.classes import control_faults
from src.data.formats.label_states import is_blank

_LISTS = ("images", "annotations", "categories")


def coco_faults(coco: Any, masks: bool = False) -> list[str]:
    """One sentence per fault of a COCO file; an empty list if there are none.

    Args:
        masks: whether the detector has masks, so that every object must have one.
    """
    if not isinstance(coco, dict):
        return [f"expected an object with images, annotations and categories, found {kind(coco)}; is it a COCO file?"]
    if not coco.keys() & set(_LISTS):
        found = short(list(coco)[:8])
        return [
            f'found an object with {found}, expected "images", "annotations" and "categories"; convert it to COCO first'
        ]
    faults = []
    for key in _LISTS:
        if key not in coco:
            faults.append(f'no "{key}" list; a COCO file has one, if only an empty one')
        elif not isinstance(coco[key], list):
            faults.append(f'"{key}" must be a list, found {kind(coco[key])}')
        else:
            faults += [
                f"{key}[{i}]: expected an object, found {kind(x)}"
                for i, x in enumerate(coco[key])
                if type(x) is not dict
            ]
    if faults:
        return faults
    faults, coco = as_meant(coco)  # what follows from wrong ids is no fault of its own
    categories = _category_faults(coco["categories"], faults)
    sizes = image_faults(coco["images"], faults)
    annotation_faults(coco["annotations"], categories, sizes, faults)
    if masks:
        named = [image for image in coco["images"] if is_id(image.get("id")) and is_text(image.get("file_name"))]
        images = {image["id"]: image for image in named if sizes[image["id"]]}
        rows = [
            (place, row)
            for place, row in enumerate(coco["annotations"])
            if is_valid(row, sizes) and row["image_id"] in images
        ]
        faults += mask_faults(rows, images)
    _state_faults(coco["images"], coco["annotations"], faults)
    return faults


def _category_faults(categories: list[dict], faults: list[str]) -> set[int]:
    """The known category ids; faults are appended."""
    if not categories:
        faults.append('no categories: the classes to detect must be listed, as [{"id": 1, "name": ...}, ...]')
    for index, category in enumerate(categories):
        if not is_id(category.get("id")):
            faults.append(f'categories[{index}]: "id" must be an integer from 0 up, found {show(category, "id")}')
        name = category.get("name")
        if isinstance(name, str) and (control := control_faults([name])):
            faults += [f"categories[{index}]: {fault}" for fault in control]
        elif not is_text(name):
            faults.append(f'categories[{index}]: "name" must be a text, found {show(category, "name")}')
    faults += repeated(categories, "id", "category id", "give each category its own")
    faults += repeated(categories, "name", "category name", "make one category of them")
    return {category["id"] for category in categories if is_id(category.get("id"))}


def _state_faults(images: list[dict], rows: list[dict], faults: list[str]) -> None:
    """Append images whose "labelled" flag contradicts their annotation rows."""
    real = Counter(row["image_id"] for row in rows if is_id(row.get("image_id")) and not is_blank(row))
    blank = {row["image_id"] for row in rows if is_id(row.get("image_id")) and is_blank(row)}
    for image in images:
        identity, labelled = image.get("id"), image.get("labelled")
        if not is_id(identity):
            continue
        if labelled is False and real[identity]:
            faults.append(
                f'image {identity} ({show(image, "file_name")}): "labelled" is false but it has {real[identity]} '
                "annotations; remove one or the other"
            )
        if labelled is False and image.get("also_unlabelled"):
            faults.append(
                f'image {identity}: "also_unlabelled" belongs to labelled images only; take one of the two out'
            )
        if labelled is True and identity in blank and not real[identity]:
            faults.append(
                f'image {identity}: "labelled" is true but its only annotation is blank (category_id -1); '
                "take one of the two out"
            )
