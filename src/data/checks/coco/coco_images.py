"""Check the image entries of a COCO file."""

import posixpath
from pathlib import Path
from typing import Any

from src.data.checks.coco.json_values import is_id, is_number, is_text, repeated, show, unquote
from src.data.images import LARGEST_SIDE, MOST_PIXELS  # pycocotools allocates memory per pixel along an outline, too


def sound_images(coco: Any) -> list[dict]:
    """The valid image entries of any JSON value, one per file name."""
    images = coco.get("images") if isinstance(coco, dict) else None
    sound: dict[str, dict] = {}
    for image in images if isinstance(images, list) else ():
        faults: list[str] = []
        if type(image) is dict:
            image_faults([image], faults)
            if not faults:
                sound.setdefault(posixpath.normpath(image["file_name"]), image)
    return list(sound.values())


def image_faults(images: list[dict], faults: list[str]) -> dict[int, tuple[int, int] | None]:
    """Image id, or ``no_id`` of it, -> (width, height), None where one of these is invalid; faults are appended."""
    sizes: dict[int, tuple[int, int] | None] = {}
    size_faults = [_size_fault(image) for image in images]
    common = len(images) > 1 and all(size_faults)
    for index, (image, size_fault) in enumerate(zip(images, size_faults, strict=True)):
        file_name = image.get("file_name")
        name = f"images[{index}] ({file_name if isinstance(file_name, str) else 'no file_name'})"
        if size_fault and not (common and index):
            faults.append(f"{f'all {len(images)} images, such as ' if common else ''}{name}: {size_fault}")
        if not is_text(file_name):
            faults.append(f'{name}: "file_name" must be a text, found {show(image, "file_name")}')
        for flag in ("labelled", "also_unlabelled"):
            if flag in image and not isinstance(image[flag], bool):
                faults.append(f'{name}: "{flag}" must be true or false, found {show(image, flag)}')
        if is_id(image.get("id")):
            sizes[image["id"]] = None if size_fault else (image["width"], image["height"])
        else:
            sizes[no_id(image.get("id"))] = None
            faults.append(f'{name}: "id" must be an integer from 0 up, found {show(image, "id")}')
    if outside := [place for place, image in enumerate(images) if _leads_out(image.get("file_name"))]:
        shown = show(images[outside[0]], "file_name")
        where = f"images[{outside[0]}]" if len(outside) == 1 else f"{len(outside)} of the {len(images)} images"
        expected = '"file_name" must be a path inside the image folder'
        faults.append(f"{where}: {expected}, found {shown}; write it from that folder on")
    faults += repeated(images, "id", "image id", "give each image its own, and its annotations the same")
    names = [{"file": posixpath.normpath(image["file_name"])} for image in images if is_text(image.get("file_name"))]
    faults += repeated(names, "file", "image file_name", "make one entry of them, with the annotations of all")
    return sizes


def no_id(value: Any) -> tuple[str, str]:
    """The key in place of an id that is none, so that rows of its image are not faulty, too."""
    return "no id", repr(value)


def _leads_out(file_name: Any) -> bool:
    return is_text(file_name) and (Path(file_name).is_absolute() or ".." in Path(file_name).parts)


def _size_fault(image: dict) -> str | None:
    """What is wrong with the size of an image, if anything."""
    sides = image.get("width"), image.get("height")
    if not all(is_number(side) and side >= 1 and side % 1 == 0 for side in sides):
        expected, remedy = "whole numbers of pixels from 1 up", unquote(sides)
    elif max(sides) > LARGEST_SIDE or sides[0] * sides[1] > MOST_PIXELS:
        expected, remedy = (
            f"at most {LARGEST_SIDE}, and {MOST_PIXELS} pixels together",
            "; cut the image into several",
        )
    else:
        return None
    return f'"width" and "height" must be {expected}, found {show(image, "width")} x {show(image, "height")}{remedy}'
