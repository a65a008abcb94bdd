"""LabelMe: a JSON file per image, ``shapes`` with points in pixels, and ``flags`` of the image.

Of the flags "reviewed" and "skip" say what was done with an image; without "reviewed" among the flags nothing is said.
"""

import base64
import binascii
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from src.data.checks.row_marks import RowMark, marks_of, nested_fields
from src.data.formats.json_file import read_json
from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape, box_around, join_groups, numbers_of
from src.data.formats.tools.box_mask import check_mask_place, mask_shape
from src.errors import DataError

REVIEWED, SKIP = "reviewed", "skip"  # flags of images
KEY = "file_name"  # a field of ours, which LabelMe keeps


def is_labelme(value: Any) -> bool:
    """Whether a JSON value is of this form."""
    return isinstance(value, dict) and isinstance(value.get("shapes"), list) and "imagePath" in value


def read_labelme(path: Path) -> AnnotatedImage:
    """One JSON file.

    Raises:
        UserError: there is no such file.
        DataError: it is no JSON of LabelMe; faults of single objects are kept with the image.
    """
    return labelme_image(read_json(path), path)


def labelme_image(value: Any, path: Path) -> AnnotatedImage:
    """What the JSON file ``path`` says of its image.

    Raises:
        DataError: it is not of this form.
    """
    if not is_labelme(value):
        raise DataError(str(path), ['expected an object with "shapes" and "imagePath", as LabelMe writes it'])
    name = value["imagePath"]
    if not isinstance(name, str) or not name.strip():
        raise DataError(str(path), ['"imagePath" must be a text'])
    if "\0" in name:
        raise DataError(str(path), [f'"imagePath" {name[:60]!r} has a null character, which no file name has'])
    size = _size(value, path)
    shapes, unused, blocked = [], [], []
    for number, row in enumerate(value["shapes"], start=1):
        try:
            shape = _shape(row, size)
            if shape is None:
                unused.append(f"shape {number}: a {row.get('shape_type')} is no object with an area")
            else:
                group = row.get("group_id")
                shape = replace(shape, marks=_marks(row))
                shapes.append((shape, group if isinstance(group, int | str) else None))
        except ValueError as error:
            blocked.append(f"shape {number}: {error}")
    key = value.get(KEY)
    return AnnotatedImage(
        name.replace("\\", "/"),
        join_groups(shapes),
        size,
        mark=_mark(value.get("flags")),
        key=key if isinstance(key, str) and key else None,
        place=str(path),
        unused=tuple(unused),
        drawn_unused=bool(unused),
        blocked=tuple(blocked),
    )


def _marks(row: dict[str, Any]) -> tuple[RowMark, ...]:
    """The marks among the fields of a shape, its flags, and its attributes (X-AnyLabeling)."""
    fields = dict(row) | nested_fields(row.get("flags")) | nested_fields(row.get("attributes"))
    return marks_of(fields, rotation=row.get("shape_type") == "rectangle")  # other points are where they are


def _mark(flags: Any) -> Mark:
    flags = flags if isinstance(flags, dict) else {}
    if _is_ticked(flags.get(SKIP)):
        return Mark.SKIPPED
    if _is_ticked(flags.get(REVIEWED)):
        return Mark.DONE
    return Mark.UNTICKED if REVIEWED in flags else Mark.UNKNOWN


def _is_ticked(flag: Any) -> bool:
    """Whether a flag is set; a text such as "false" is not."""
    return flag is True or flag == 1


def _size(value: dict[str, Any], path: Path) -> tuple[int, int] | None:
    sides = value.get("imageWidth"), value.get("imageHeight")
    if sides == (None, None):
        return None
    if not all(type(side) is int and side > 0 for side in sides):
        raise DataError(str(path), [f'"imageWidth" and "imageHeight" must be numbers of pixels, found {sides}'])
    return sides


def _shape(row: Any, size: tuple[int, int] | None) -> Shape | None:
    """One object; None if it has no area."""
    if not isinstance(row, dict) or not isinstance(row.get("label"), str) or not row["label"].strip():
        raise ValueError('"label" must be a text')
    pairs = row.get("points")
    if not (isinstance(pairs, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)):
        raise ValueError('"points" must be a list of [x, y]')
    points = numbers_of([number for pair in pairs for number in pair], '"points"')
    kind, count = row.get("shape_type") or "polygon", len(pairs)
    if kind == "rectangle" and count == 2 or kind == "mask" and count == 2 and not row.get("mask"):
        return Shape(row["label"], box_around(points))
    if kind == "mask" and count == 2:
        return _mask(row, points, size)
    if kind == "circle" and count == 2:  # centre and a point on the circle
        radius = math.dist(points[:2], points[2:])
        return Shape(row["label"], (points[0] - radius, points[1] - radius, points[0] + radius, points[1] + radius))
    if kind in ("oriented_rectangle", "rotation") and count == 4:  # the second is that of X-AnyLabeling
        return Shape(row["label"], box_around(points), rotated=True)
    if kind == "polygon" and count >= 3:
        return Shape(row["label"], box_around(points), (points,))
    if kind in ("point", "points", "line", "linestrip"):
        return None
    raise ValueError(f"a {kind} of {count} points is no object")


def _mask(row: dict[str, Any], points: tuple[float, ...], size: tuple[int, int] | None) -> Shape:
    """A mask is a PNG of the box, whose last row and column are those of the second point."""
    if size is None:
        raise ValueError('a mask needs "imageWidth" and "imageHeight"')
    try:
        data = np.frombuffer(base64.b64decode(row["mask"], validate=True), np.uint8)
        bits = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except (binascii.Error, TypeError, ValueError, cv2.error):
        bits = None
    if bits is None or bits.ndim != 2:
        raise ValueError('"mask" is no picture of one channel')
    left, top = round(points[0]), round(points[1])
    check_mask_place(left, top, bits.shape[1], bits.shape[0], size)
    return mask_shape(row["label"], bits, left, top, size)
