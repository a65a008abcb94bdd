"""CVAT for images 1.1: one XML file with an element per image; boxes, polygons and masks in pixels.

Rotated boxes are turned about their centre, clockwise. Masks are run lengths, row by row within their box, background first.
A tag named "reviewed" or "skip" on an image says what was done with it; CVAT itself says nothing.
"""

import math
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from src.data.checks.row_marks import RowMark, marks_of
from src.data.formats.tools.annotated import (
    AnnotatedImage,
    Mark,
    Shape,
    box_around,
    join_groups,
    numbers_of,
    rotated_corners,
    whole_numbers_of,
)
from src.data.formats.tools.box_mask import check_mask_place, mask_shape
from src.data.formats.xml_file import read_xml
from src.errors import DataError

REVIEWED, SKIP = "reviewed", "skip"  # tags on images


def is_cvat(root: Element) -> bool:
    """Whether an XML file is of this form, by its outer element."""
    return root.tag == "annotations"


def read_cvat(path: Path) -> tuple[list[str], list[AnnotatedImage]]:
    """The names of the labels in the order of the file, and its images.

    Raises:
        DataError: it is no such file, or an image has no name; faults of single objects are kept with their images.
    """
    root = read_xml(path)
    if not is_cvat(root):
        raise DataError(str(path), [f"expected <annotations> as the outer element, found <{root.tag}>"])
    if root.find("track") is not None:
        raise DataError(str(path), ['made as "CVAT for video"; export it as "CVAT for images 1.1"'])
    parts = {part for whole in root.iter("sublabels") for part in whole.iter("label")}  # points of a skeleton
    of_objects = [label for label in root.iter("label") if label not in parts and label.find("parent") is None]
    labels = [(label.findtext("name") or "", label.findtext("type") or "any") for label in of_objects]
    names = [name for name, kind in labels if name and kind != "tag"]
    untagged = Mark.UNTICKED if (REVIEWED, "tag") in labels else Mark.UNKNOWN
    images, faults = [], []
    for number, element in enumerate(root.findall("image"), start=1):
        try:
            images.append(_image(element, f"{path}, image {element.get('id', number)}", untagged))
        except ValueError as error:
            faults.append(f"image {number}: {error}")
    if faults:
        raise DataError(str(path), faults)
    return names, images


def _image(element: Element, place: str, untagged: Mark) -> AnnotatedImage:
    name = element.get("name")
    if not name:
        raise ValueError('no "name"')
    size = whole_numbers_of([element.get("width"), element.get("height")], f"size of {name}")
    if min(size) < 1:
        raise ValueError(f"size of {name}: {size[0]:g} x {size[1]:g} is no size of an image")
    shapes, unused, blocked, tags, drawn = [], [], [], set(), False
    for number, child in enumerate(element, start=1):
        try:
            if child.tag == "tag":
                tags.add(child.get("label"))
            elif child.tag in _SHAPES:
                shape = replace(_SHAPES[child.tag](child, _label(child), size), marks=_marks(child))
                shapes.append((shape, child.get("group_id")))
            else:
                drawn = True
                unused.append(f"object {number}: a <{child.tag}> is no object with an area")
        except ValueError as error:
            blocked.append(f"object {number}: {error}")
    mark = Mark.SKIPPED if SKIP in tags else Mark.DONE if REVIEWED in tags else untagged
    unused += [f"tag {tag}: says nothing of an object" for tag in sorted(tags - {REVIEWED, SKIP}, key=str)]
    return AnnotatedImage(
        name.replace("\\", "/"),
        join_groups(shapes),
        size,
        mark=mark,
        place=place,
        unused=tuple(unused),
        drawn_unused=drawn,
        blocked=tuple(blocked),
    )


def _marks(element: Element) -> tuple[RowMark, ...]:
    fields = {str(child.get("name")): child.text or "" for child in element.iterfind("attribute")}
    # The rotation that a shape has itself is read; the points of other shapes are where they are.
    return marks_of(fields, rotation=element.tag == "box" and float(element.get("rotation", 0)) % 360 == 0)


def _label(element: Element) -> str:
    name = element.get("label")
    if not name:
        raise ValueError(f"a <{element.tag}> without label")
    return name


def _box(element: Element, label: str, size: tuple[int, int]) -> Shape:
    x1, y1, x2, y2 = numbers_of([element.get(key) for key in ("xtl", "ytl", "xbr", "ybr")], "box")
    (turn,) = numbers_of([element.get("rotation", 0)], "rotation")
    if turn % 360 == 0:
        return Shape(label, (x1, y1, x2, y2))
    corners = rotated_corners((x1, y1, x2, y2), turn, ((x1 + x2) / 2, (y1 + y2) / 2))
    return Shape(label, box_around(corners), rotated=True)


def _polygon(element: Element, label: str, size: tuple[int, int]) -> Shape:
    pairs = [pair.split(",") for pair in (element.get("points") or "").split(";")]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
        raise ValueError("a polygon needs three points or more, as x,y;x,y;...")
    points = numbers_of([number for pair in pairs for number in pair], "polygon")
    return Shape(label, box_around(points), (points,))


def _ellipse(element: Element, label: str, size: tuple[int, int]) -> Shape:
    """The box around an ellipse with half axes rx and ry."""
    x, y, across, down = numbers_of([element.get(key) for key in ("cx", "cy", "rx", "ry")], "ellipse")
    (turn,) = numbers_of([element.get("rotation", 0)], "rotation")
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    half = math.hypot(across * cosine, down * sine), math.hypot(across * sine, down * cosine)
    return Shape(label, (x - half[0], y - half[1], x + half[0], y + half[1]), rotated=turn % 180 != 0)


def _mask(element: Element, label: str, size: tuple[int, int]) -> Shape:
    place = [element.get(key) for key in ("left", "top", "width", "height")]
    left, top, width, height = whole_numbers_of(place, "mask")
    counts = whole_numbers_of((element.get("rle") or "").split(","), "rle")
    check_mask_place(left, top, width, height, size)
    if min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(f"the run lengths of a mask must sum up to {width * height}, the pixels of its box")
    bits = np.repeat((np.arange(len(counts)) % 2).astype(np.uint8), counts).reshape(height, width)
    return mask_shape(label, bits, left, top, size)


_SHAPES = {"box": _box, "polygon": _polygon, "ellipse": _ellipse, "mask": _mask}
