"""Read a COCO annotation file and check every entry of it; all faults are reported together."""

import json
import posixpath
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from src.data.checks.box_faults import OUTSIDE_TOLERANCE, all_fractions, all_outside, outside_fault
from src.data.checks.mask_faults import mask_faults
from src.data.checks.odd_ids import LARGEST_ID, as_meant
from src.data.formats.coco_rows import decode_coco
from src.data.formats.json_file import read_json
from src.data.images import LARGEST_SIDE, MOST_PIXELS  # pycocotools allocates memory per pixel along an outline, too
from src.errors import DataError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # control characters; a new line breaks lists of file names
_SHOWN_LETTERS = 100  # most characters of an invalid value in a message
_LARGEST_NUMBER = 1e9  # pixels; beyond it single precision and 32-bit sizes overflow


def read_coco(
    path: str | Path,
    decode: Callable[[bytes], Any] = decode_coco,
    masks: bool = False,
    clear: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """The file as JSON, with all its fields (or those of ``decode``), after ``coco_faults`` found nothing.

    Fields of annotation rows that the product does not read, such as outlines, stay undecoded: see
    ``src.data.formats.coco_rows``, which also writes such a file.

    Args:
        clear: leaves out what cannot be used, before faults are looked for.

    Raises:
        UserError: there is no such file.
        DataError: every fault of the file.
    """
    coco = read_json(path, decode)
    if clear is not None:
        coco = clear(coco)
    faults = coco_faults(coco, masks)
    if faults:
        raise DataError(str(path), faults)
    return coco


class _Image(TypedDict, total=False):
    id: Any
    file_name: Any
    width: Any
    height: Any
    labelled: Any
    also_unlabelled: Any


class _Row(TypedDict, total=False):
    id: Any
    image_id: Any
    category_id: Any
    bbox: Any
    area: Any
    iscrowd: Any
    # what ``src.data.checks.row_marks`` looks at
    ignore: Any
    ignored: Any
    difficult: Any
    deleted: Any
    rotation: Any
    angle: Any
    score: Any
    confidence: Any
    attributes: Any


class _Boxes(TypedDict):
    images: list[_Image]
    annotations: list[_Row]
    categories: list[dict[str, Any]]


class _MaskRow(_Row, total=False):
    segmentation: msgspec.Raw


class _Masks(_Boxes):
    annotations: list[_MaskRow]


def read_coco_boxes(path: str | Path, masks: bool = False, clear: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """As ``read_coco``, without the fields that training and evaluation do not use, such as URLs.

    These fields are skipped while reading: a file of the size of COCO 2017 (489 MB, 860,001 objects) takes 0.9 GiB
    of memory instead of 2.8.

    Args:
        masks: read and check outlines, too; each "segmentation" stays undecoded JSON (``msgspec.Raw``), which takes
            0.3 GiB more memory for the size of COCO 2017.
        clear: see ``read_coco``.
    """
    return read_coco(path, msgspec.json.Decoder(_Masks if masks else _Boxes).decode, masks, clear)


def is_blank(row: dict[str, Any]) -> bool:
    """Whether an annotation row only says "this image is unlabelled" (the reference's form: category -1, zero box)."""
    return row.get("category_id") == -1 and row.get("bbox") == [0, 0, 0, 0]


def coco_faults(coco: Any, masks: bool = False) -> list[str]:
    """One sentence per fault of a COCO file; an empty list if there are none.

    Args:
        masks: whether the detector has masks, so that every object must have one.
    """
    if not isinstance(coco, dict):
        return [f"expected an object with images, annotations and categories, found {_kind(coco)}; is it a COCO file?"]
    if not coco.keys() & {"images", "annotations", "categories"}:
        found = _short(list(coco)[:8])
        return [
            f'found an object with {found}, expected "images", "annotations" and "categories"; convert it to COCO first'
        ]
    faults = []
    for key in ("images", "annotations", "categories"):
        if key not in coco:
            faults.append(f'no "{key}" list; a COCO file has one, if only an empty one')
        elif not isinstance(coco[key], list):
            faults.append(f'"{key}" must be a list, found {_kind(coco[key])}')
        else:
            faults += [
                f"{key}[{i}]: expected an object, found {_kind(x)}"
                for i, x in enumerate(coco[key])
                if type(x) is not dict
            ]
    if faults:
        return faults
    faults, coco = as_meant(coco)  # what follows from wrong ids is no fault of its own
    categories = _category_faults(coco["categories"], faults)
    sizes = _image_faults(coco["images"], faults)
    _annotation_faults(coco["annotations"], categories, sizes, faults)
    if masks:
        images = {image["id"]: image for image in coco["images"] if _is_id(image.get("id")) and sizes[image["id"]]}
        rows = [(place, row) for place, row in enumerate(coco["annotations"]) if _is_valid(row, sizes)]
        faults += mask_faults(rows, images)
    _state_faults(coco["images"], coco["annotations"], faults)
    return faults


def sound_images(coco: Any) -> list[dict]:
    """The valid image entries of any JSON value, one per file name."""
    images = coco.get("images") if isinstance(coco, dict) else None
    sound: dict[str, dict] = {}
    for image in images if isinstance(images, list) else ():
        faults: list[str] = []
        if type(image) is dict:
            _image_faults([image], faults)
            if not faults:
                sound.setdefault(posixpath.normpath(image["file_name"]), image)
    return list(sound.values())


def _category_faults(categories: list[dict], faults: list[str]) -> set[int]:
    """The known category ids; faults are appended."""
    if not categories:
        faults.append('no categories: the classes to detect must be listed, as [{"id": 1, "name": ...}, ...]')
    for index, category in enumerate(categories):
        if not _is_id(category.get("id")):
            faults.append(f'categories[{index}]: "id" must be an integer from 0 up, found {_show(category, "id")}')
        if not _is_text(category.get("name")):
            faults.append(f'categories[{index}]: "name" must be a text, found {_show(category, "name")}')
    _repeated(categories, "id", "category id", "give each category its own", faults)
    _repeated(categories, "name", "category name", "make one category of them", faults)
    return {category["id"] for category in categories if _is_id(category.get("id"))}


def _image_faults(images: list[dict], faults: list[str]) -> dict[int, tuple[int, int] | None]:
    """Image id -> (width, height), None where the size is invalid; faults are appended."""
    sizes: dict[int, tuple[int, int] | None] = {}
    for index, image in enumerate(images):
        file_name = image.get("file_name")
        name = f"images[{index}] ({file_name if isinstance(file_name, str) else 'no file_name'})"
        size_fault = _size_fault(image)
        if size_fault:
            faults.append(f"{name}: {size_fault}")
        if not _is_text(file_name):
            faults.append(f'{name}: "file_name" must be a text, found {_show(image, "file_name")}')
        for flag in ("labelled", "also_unlabelled"):
            if flag in image and not isinstance(image[flag], bool):
                faults.append(f'{name}: "{flag}" must be true or false, found {_show(image, flag)}')
        if _is_id(image.get("id")):
            sizes[image["id"]] = None if size_fault else (image["width"], image["height"])
        else:
            faults.append(f'{name}: "id" must be an integer from 0 up, found {_show(image, "id")}')
    if outside := [place for place, image in enumerate(images) if _leads_out(image.get("file_name"))]:
        shown = _show(images[outside[0]], "file_name")
        where = f"images[{outside[0]}]" if len(outside) == 1 else f"{len(outside)} of the {len(images)} images"
        expected = '"file_name" must be a path inside the image folder'
        faults.append(f"{where}: {expected}, found {shown}; write it from that folder on")
    _repeated(images, "id", "image id", "give each image its own, and its annotations the same", faults)
    names = [{"file": posixpath.normpath(image["file_name"])} for image in images if _is_text(image.get("file_name"))]
    _repeated(names, "file", "image file_name", "make one entry of them, with the annotations of all", faults)
    return sizes


def _leads_out(file_name: Any) -> bool:
    return _is_text(file_name) and (Path(file_name).is_absolute() or ".." in Path(file_name).parts)


def _size_fault(image: dict) -> str | None:
    """What is wrong with the size of an image, if anything."""
    sides = image.get("width"), image.get("height")
    if not all(_is_number(side) and side >= 1 and side % 1 == 0 for side in sides):
        expected, remedy = "whole numbers of pixels from 1 up", ""
    elif max(sides) > LARGEST_SIDE or sides[0] * sides[1] > MOST_PIXELS:
        expected, remedy = (
            f"at most {LARGEST_SIDE}, and {MOST_PIXELS} pixels together",
            "; cut the image into several",
        )
    else:
        return None
    return f'"width" and "height" must be {expected}, found {_show(image, "width")} x {_show(image, "height")}{remedy}'


def _annotation_faults(rows: list[dict], categories: set[int], sizes: dict, faults: list[str]) -> None:
    common = _common_fault(rows, sizes)
    if common:
        faults.append(common)
    for index, row in enumerate(rows):
        for fault in _row_faults(row, categories, sizes, common is None):
            faults.append(f"annotations[{index}] (id {_show(row, 'id')}): {fault}")
    _repeated(rows, "id", "annotation id", "number them anew", faults)


def _common_fault(rows: list[dict], sizes: dict) -> str | None:
    """One fault of all boxes together: fractions of the image, corners instead of (x, y, width, height), another size."""
    rows = [row for row in rows if not is_blank(row)]
    boxes = [row.get("bbox") for row in rows]
    if not boxes or not all(_is_box(box) for box in boxes):
        return None
    if fault := all_fractions(boxes, "bbox", "x and width, y and height"):
        return fault
    image_sizes = [sizes.get(row["image_id"]) if _is_id(row.get("image_id")) else None for row in rows]
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
    if not _is_id(row.get("id")):
        faults.append(f'"id" must be an integer from 0 up, found {_show(row, "id")}')
    image_id, category = row.get("image_id"), row.get("category_id")
    if not _is_id(image_id) or image_id not in sizes:
        faults.append(f"image_id {_show(row, 'image_id')} is not among the images; correct it, or take the row out")
        image_id = None
    if is_blank(row):
        return faults
    if not _is_id(category) or category not in categories:
        faults.append(
            f"category_id {_show(row, 'category_id')} is not among the categories; correct it, or list the category"
        )
    if row.get("iscrowd", 0) not in (0, 1):
        faults.append(f'"iscrowd" must be 0 or 1, found {_show(row, "iscrowd")}')
    size = sizes.get(image_id)
    if boxes and (fault := _box_fault(row.get("bbox"), size)):
        faults.append(fault)
    if boxes and "area" in row and (fault := _area_fault(row["area"], size)):
        faults.append(fault)
    return faults


def _area_fault(area: Any, size: tuple[int, int] | None) -> str | None:
    """What is wrong with the area of an object in an image of ``size``, if anything."""
    if not _is_number(area) or area <= 0:
        return (
            f'"area" must be a number of pixels above 0, found {_short(area)}; correct it, or take the field out, and the '
            "area of the box counts"
        )
    if size and area > (size[0] + 2 * OUTSIDE_TOLERANCE) * (size[1] + 2 * OUTSIDE_TOLERANCE):
        return (
            f'"area" {_short(area)} is more than all {size[0]} x {size[1]} pixels of its image; correct it, or take the '
            "field out, and the area of the box counts"
        )
    return None


def _box_fault(box: Any, size: tuple[int, int] | None) -> str | None:
    """What is wrong with one COCO box (x, y, width, height) in an image of ``size``, if anything."""
    if not _is_box(box):
        return f"bbox must be four finite numbers [x, y, width, height], found {_short(box)}"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return f"bbox {box} has no size; width and height must be above 0: take the row out, or draw the box anew"
    if size is None:
        return None
    fault = outside_fault((x, y, x + width, y + height), size)
    return fault and f"bbox {box} (x, y, width, height) {fault}"


def _state_faults(images: list[dict], rows: list[dict], faults: list[str]) -> None:
    """Append images whose "labelled" flag contradicts their annotation rows."""
    real = Counter(row["image_id"] for row in rows if _is_id(row.get("image_id")) and not is_blank(row))
    blank = {row["image_id"] for row in rows if _is_id(row.get("image_id")) and is_blank(row)}
    for image in images:
        identity, labelled = image.get("id"), image.get("labelled")
        if not _is_id(identity):
            continue
        if labelled is False and real[identity]:
            faults.append(
                f'image {identity} ({_show(image, "file_name")}): "labelled" is false but it has {real[identity]} '
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


def _repeated(entries: list[dict], key: str, what: str, remedy: str, faults: list[str]) -> None:
    counts = Counter(entry[key] for entry in entries if isinstance(entry.get(key), int | str))
    faults += [f"{what} {_short(value)} is used {n} times; {remedy}" for value, n in counts.items() if n > 1]


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_ID


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER  # false for NaN


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(map(_is_number, value))


def _is_valid(row: dict, sizes: dict[int, tuple[int, int] | None]) -> bool:
    """Whether a row describes an object with a valid box in an image with a valid size."""
    size = sizes.get(row["image_id"]) if _is_id(row.get("image_id")) else None
    return size is not None and not is_blank(row) and _box_fault(row.get("bbox"), size) is None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not _CONTROL.search(value)


def _show(entry: dict, key: str) -> str:
    """The value of a field as JSON, or "nothing" if the field is absent."""
    return _short(entry[key]) if key in entry else "nothing"


def _short(value: Any) -> str:
    """The value as JSON, truncated to ``_SHOWN_LETTERS``."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS] + " ..."


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", int: "a number", float: "a number", dict: "an object", type(None): "null"}
    return names.get(type(value), json.dumps(value))
