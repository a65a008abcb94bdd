"""Outlines of objects in the form of COCO's "segmentation": validate them, and rasterise them over a box.

An outline is the JSON of a segmentation: polygons ``[[x1, y1, x2, y2, ...], ...]`` in pixels, whose union is the object; or a run-length encoding ``{"size": [height, width], "counts": ...}`` of the whole image column by column,
background first, as a list of numbers or a compressed string. It stays JSON, which is small, until it is needed.

Axes: M cells along each side of a box, E edges of a polygon.
"""

import json
import math
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.run_lengths import Rle, run_ends

Outline = msgspec.Raw
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the image

_CELLS = 64  # per side of the grid that tests whether a polygon and its box overlap
# Length of an object's polygons in pixels. pycocotools allocates 40 bytes per pixel and aborts the process when that fails.
_LONGEST = 10_000_000
_LEAST_SIDE = 1e-6  # pixels; single precision may round the side of a tiny box to 0
_SHAPE = 'polygons [[x1, y1, x2, y2, ...], ...] or {"size": [height, width], "counts": ...}'
_DECODER = msgspec.json.Decoder(list[list[float]] | Rle)
_NOTHING = (b"null", b"[]", b"[ ]")


def as_outline(segmentation: Any) -> Outline | None:
    """The outline of an annotation row, from its JSON or its decoded value; None if there is no mask."""
    if not isinstance(segmentation, msgspec.Raw):
        segmentation = msgspec.Raw(json.dumps(segmentation).encode())
    return None if memoryview(segmentation).nbytes < 9 and bytes(segmentation) in _NOTHING else segmentation


def outline_fault(outline: Outline, box: Box, size: tuple[int, int]) -> str | None:
    """What is wrong with an outline, if anything.

    Args:
        outline: of an object; box: around it; size: (width, height) of its image.
    """
    try:
        shape = _parsed(outline, size)
    except ValueError as error:
        return str(error)
    if _covers(shape, box, size) if isinstance(shape, Rle) else _reaches(shape, box):
        return None
    return f"segmentation covers nothing of bbox {_corners(box)}; draw the one or the other anew"


def bounds(outline: Outline, size: tuple[int, int]) -> Box:
    """The upright box around a valid outline in an image of ``size``, cut at its borders; of an empty mask (0, 0, 0, 0)."""
    shape = _DECODER.decode(outline)
    if isinstance(shape, list):
        box = [limit(chain.from_iterable(p[axis::2] for p in shape)) for limit in (min, max) for axis in (0, 1)]
    else:
        x, y, width, height = coco_masks.toBbox(whole_mask(outline, size)).tolist()
        box = [x, y, x + width, y + height]
    return tuple(min(max(value, 0.0), float(size[place % 2])) for place, value in enumerate(box))


def rasterise(outline: Outline, box: Box, size: tuple[int, int], cells: int) -> np.ndarray:
    """The mask of an object over a grid of cells of its box, sampled at the cells' centres.

    Args:
        outline: valid (``outline_fault``); box: inside the image; size: (width, height) of the image; cells: M.

    Returns:
        uint8 [M, M], 0 or 1; cell (i, j) covers rows i / M to (i + 1) / M and columns j / M to (j + 1) / M of the box. A
        polygon is filled by the even-odd rule; a run-length encoding is sampled at the pixel that contains the centre.
    """
    shape = _DECODER.decode(outline)
    if isinstance(shape, list):
        return _cells_of(shape, box, cells)
    x1, y1, width, height = _place(box)
    centres = (np.arange(cells) + 0.5) / cells
    column = np.clip(np.floor(x1 + centres * width), 0, size[0] - 1).astype(np.int64)
    row = np.clip(np.floor(y1 + centres * height), 0, size[1] - 1).astype(np.int64)
    return (np.searchsorted(run_ends(shape, size), row[:, None] + column * size[1], "right") % 2).astype(np.uint8)


def segmentation_of(outline: Outline) -> Any:
    """The outline as JSON values, for a COCO file."""
    return msgspec.json.decode(outline)


def whole_mask(outline: Outline, size: tuple[int, int]) -> dict[str, Any]:
    """An outline as compressed run-length encoding of its image of ``size`` (width, height): ``{"size", "counts": str}``.

    Raises:
        ValueError: the outline is invalid.
    """
    shape, (width, height) = _parsed(outline, size), size
    if isinstance(shape, list):
        rle = coco_masks.merge(coco_masks.frPyObjects(shape, height, width))
    elif isinstance(shape.counts, list):
        rle = coco_masks.frPyObjects({"size": [height, width], "counts": shape.counts}, height, width)
    else:
        return {"size": [height, width], "counts": shape.counts}
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def _parsed(outline: Outline, size: tuple[int, int]) -> list[list[float]] | Rle:
    """The polygons or run lengths of an outline; a ValueError if they are invalid."""
    try:
        shape = _DECODER.decode(outline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"segmentation must be {_SHAPE}: {error}") from None
    if isinstance(shape, list):
        for number, polygon in enumerate(shape):
            if fault := _polygon_fault(polygon, size):
                raise ValueError(f"segmentation, polygon {number}: {fault}")
        if fault := _length_fault(shape, size):
            raise ValueError(f"segmentation: {fault}")
    else:
        try:
            run_ends(shape, size)
        except ValueError as error:
            raise ValueError(f"segmentation: {error}") from None
    return shape


def _reaches(polygons: list[list[float]], box: Box) -> bool:
    """Whether polygons cover a cell of the box."""
    across, down = (list(chain.from_iterable(polygon[axis::2] for polygon in polygons)) for axis in (0, 1))
    width = min(max(across), box[2]) - max(min(across), box[0])
    height = min(max(down), box[3]) - max(min(down), box[1])
    # Bounds that overlap half of the box, as those of correct outlines do, need no rasterising.
    if width > 0 and height > 0 and width * height >= (box[2] - box[0]) * (box[3] - box[1]) / 2:
        return True
    return bool(width > 0 and height > 0 and _cells_of(polygons, box, _CELLS).any())


def _covers(rle: Rle, box: Box, size: tuple[int, int]) -> bool:
    """Whether a run-length encoding has a pixel in the box."""
    x1, y1, x2, y2 = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    ends = run_ends(rle, size)
    first, last = ends[:-1:2], ends[1::2] - 1
    first, last = first[first <= last], last[first <= last]
    (left, top), (right, bottom) = np.divmod(first, size[1]), np.divmod(last, size[1])
    # A run covers a part of its first column, full columns, and a part of its last; or it lies in one column.
    one = left == right
    in_first = (left >= x1) & (left < x2) & (top < y2) & (~one | (bottom >= y1))
    in_last = ~one & (right >= x1) & (right < x2) & (bottom >= y1)
    between = np.maximum(left + 1, x1) < np.minimum(right, x2)
    return bool((in_first | in_last | between).any())


def _polygon_fault(polygon: list[float], size: tuple[int, int]) -> str | None:
    if len(polygon) % 2:
        return f"has an odd number of coordinates, {len(polygon)}; x and y come in pairs"
    if len(polygon) < 6:
        return f"has {len(polygon) // 2} points; at least 3 enclose something"
    for numbers, side in zip((polygon[::2], polygon[1::2]), size, strict=True):
        if min(numbers) < -side or max(numbers) > 2 * side:  # also coordinates with which pycocotools does not end
            return f"lies far outside its image of {size[0]} x {size[1]} pixels; draw it anew"
    return None


def _length_fault(polygons: list[list[float]], size: tuple[int, int]) -> str | None:
    """A fault if polygons, whose edges are at most three sides of the image long, are too long together."""
    if sum(map(len, polygons)) / 2 * 3 * max(size) <= _LONGEST:  # true for nearly all objects
        return None
    corners = [np.array(polygon).reshape(-1, 2) for polygon in polygons]
    length = sum(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum() for points in corners)
    if length <= _LONGEST:
        return None
    return f"its polygons are {length:,.0f} pixels long, expected at most {_LONGEST:,}; draw them with fewer points"


def _cells_of(polygons: list[list[float]], box: Box, cells: int) -> np.ndarray:
    """``rasterise`` of polygons."""
    x1, y1, width, height = _place(box)
    inside = np.zeros((cells, cells), bool)
    for polygon in polygons:
        points = np.array(polygon).reshape(-1, 2)
        inside |= _inside((points - (x1, y1)) * (cells / width, cells / height) - 0.5, cells)
    return inside.astype(np.uint8)


def _place(box: Box) -> tuple[float, float, float, float]:
    """x1, y1, width, height."""
    x1, y1, x2, y2 = map(float, box)
    return x1, y1, max(x2 - x1, _LEAST_SIDE), max(y2 - y1, _LEAST_SIDE)


def _inside(points: np.ndarray, cells: int) -> np.ndarray:
    """Even-odd rule at the grid points (column, row) 0 .. M - 1; ``points`` [E, 2] of the polygon in grid coordinates."""
    (xa, ya), (xb, yb) = points.T, np.roll(points, -1, axis=0).T
    rows = np.arange(cells)
    edge, row = np.nonzero((ya[:, None] <= rows) != (yb[:, None] <= rows))
    fraction = (row - ya[edge]) / (yb[edge] - ya[edge])
    crossing = xa[edge] + fraction * (xb[edge] - xa[edge])
    # A crossing toggles every point to its left, which are the columns 0 .. ceil(crossing) - 1.
    toggles = np.zeros((cells, cells + 1), np.int64)
    np.add.at(toggles, (row, np.clip(np.ceil(crossing), 0, cells).astype(np.int64)), 1)
    return toggles[:, :0:-1].cumsum(axis=1)[:, ::-1] % 2 == 1


def _corners(box: Box) -> str:
    return f"({', '.join(f'{value:g}' for value in box)})" if all(map(math.isfinite, box)) else str(box)
