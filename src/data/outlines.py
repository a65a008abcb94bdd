"""Outlines of objects, as COCO's "segmentation" gives them: checked, and read as a grid of cells over a box.

An outline is the JSON of a segmentation: polygons ``[[x1, y1, x2, y2, ...], ...]`` in pixels, the object being all of their
insides together; or a run-length encoding ``{"size": [height, width], "counts": ...}`` of the whole image column by column,
background first, as a list of numbers or compressed to a text. It stays JSON, which is small, until it is needed.

Axes: M cells along each side of a box, E edges of a polygon.
"""

import json
import math
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from pycocotools import mask as coco_masks

from src.data.run_lengths import Rle, run_ends

Outline = msgspec.Raw
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the image

_CELLS = 64  # a side, to look for what an outline smaller than a pixel has in common with its box
_LARGEST_NUMBER = 1e9  # pixels, as for boxes
_SHAPE = 'polygons [[x1, y1, x2, y2, ...], ...] or {"size": [height, width], "counts": ...}'
_DECODER = msgspec.json.Decoder(list[list[float]] | Rle)
_NOTHING = (b"null", b"[]", b"[ ]")


def as_outline(segmentation: Any) -> Outline | None:
    """The outline of an annotation row: its JSON, or the value that was read from it; None where there is no mask."""
    if not isinstance(segmentation, msgspec.Raw):
        segmentation = msgspec.Raw(json.dumps(segmentation).encode())
    return None if memoryview(segmentation).nbytes < 9 and bytes(segmentation) in _NOTHING else segmentation


def outline_fault(outline: Outline, box: Box, size: tuple[int, int]) -> str | None:
    """What is wrong with an outline, if anything.

    Args:
        outline: of an object; box: around it; size: (width, height) of its image.
    """
    try:
        shape = _sound(outline, size)
    except ValueError as error:
        return str(error)
    x1, y1, x2, y2 = _extent(shape)
    width, height = min(x2, box[2]) - max(x1, box[0]), min(y2, box[3]) - max(y1, box[1])
    share = max(width, 0) * max(height, 0) / ((box[2] - box[0]) * (box[3] - box[1]))
    # Where an outline reaches over its box, as every good one does, there is no need to look at its cells.
    if share >= 0.5 or (share > 0 and _touches(outline, box, size)):
        return None
    return f"segmentation covers nothing of bbox {_corners(box)}; draw the one or the other anew"


def rasterise(outline: Outline, box: Box, size: tuple[int, int], cells: int) -> np.ndarray:
    """Which cells of a box an object covers, by their centres.

    Args:
        outline: without fault; box: with a width and a height; size: (width, height) of the image; cells: M.

    Returns:
        uint8 [M, M], 0 or 1; cell (i, j) covers rows i / M to (i + 1) / M and columns j / M to (j + 1) / M of the box. A
        polygon's inside follows the even-odd rule, exactly; of a run-length encoding, the pixel below a centre counts.
    """
    shape = _DECODER.decode(outline)
    x1, y1, x2, y2 = map(float, box)
    if isinstance(shape, list):
        inside = np.zeros((cells, cells), bool)
        for polygon in shape:
            points = np.array(polygon).reshape(-1, 2)
            inside |= _inside((points - (x1, y1)) * (cells / (x2 - x1), cells / (y2 - y1)) - 0.5, cells)
        return inside.astype(np.uint8)
    centres = (np.arange(cells) + 0.5) / cells
    column = np.clip(np.floor(x1 + centres * (x2 - x1)), 0, size[0] - 1).astype(np.int64)
    row = np.clip(np.floor(y1 + centres * (y2 - y1)), 0, size[1] - 1).astype(np.int64)
    return (np.searchsorted(run_ends(shape, size), row[:, None] + column * size[1], "right") % 2).astype(np.uint8)


def segmentation_of(outline: Outline) -> Any:
    """The outline as JSON values, for a COCO file."""
    return msgspec.json.decode(outline)


def whole_mask(outline: Outline, size: tuple[int, int]) -> dict[str, Any]:
    """COCO's own mask of an outline in its image of ``size`` (width, height): compressed, ``{"size", "counts": text}``.

    Raises:
        ValueError: saying what is wrong with the outline.
    """
    shape, (width, height) = _sound(outline, size), size
    if isinstance(shape, list):
        rle = coco_masks.merge(coco_masks.frPyObjects(shape, height, width))
    elif isinstance(shape.counts, list):
        rle = coco_masks.frPyObjects({"size": [height, width], "counts": shape.counts}, height, width)
    else:
        return {"size": [height, width], "counts": shape.counts}
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def _sound(outline: Outline, size: tuple[int, int]) -> list[list[float]] | Rle:
    """The polygons or run lengths of an outline; a ValueError says what is wrong with them."""
    try:
        shape = _DECODER.decode(outline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"segmentation must be {_SHAPE}: {error}") from None
    if isinstance(shape, list):
        for number, polygon in enumerate(shape):
            if fault := _polygon_fault(polygon):
                raise ValueError(f"segmentation, polygon {number}: {fault}")
    else:
        try:
            run_ends(shape, size)
        except ValueError as error:
            raise ValueError(f"segmentation: {error}") from None
    return shape


def _touches(outline: Outline, box: Box, size: tuple[int, int]) -> bool:
    """Whether an outline has a pixel of the image or a cell of the box inside the box."""
    x1, y1, x2, y2 = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    pixels = coco_masks.decode(whole_mask(outline, size))[y1:y2, x1:x2]
    return bool(pixels.any() or rasterise(outline, box, size, _CELLS).any())


def _polygon_fault(polygon: list[float]) -> str | None:
    if len(polygon) % 2:
        return f"has an odd number of coordinates, {len(polygon)}; x and y come in pairs"
    if len(polygon) < 6:
        return f"has {len(polygon) // 2} points; at least 3 enclose something"
    if not -_LARGEST_NUMBER <= min(polygon) <= max(polygon) <= _LARGEST_NUMBER:
        return f"has coordinates beyond {_LARGEST_NUMBER:g} pixels; draw it anew"
    return None


def _inside(points: np.ndarray, cells: int) -> np.ndarray:
    """Even-odd rule for the points (column, row) 0 .. M - 1 of a grid; points [E, 2] of the polygon in the same measure."""
    (xa, ya), (xb, yb) = points.T, np.roll(points, -1, axis=0).T
    rows = np.arange(cells)
    edge, row = np.nonzero((ya[:, None] <= rows) != (yb[:, None] <= rows))
    share = (row - ya[edge]) / (yb[edge] - ya[edge])
    crossing = xa[edge] + share * (xb[edge] - xa[edge])
    # A crossing turns over every point to its left, which are the columns 0 .. ceil(crossing) - 1.
    turns = np.zeros((cells, cells + 1), np.int64)
    np.add.at(turns, (row, np.clip(np.ceil(crossing), 0, cells).astype(np.int64)), 1)
    return turns[:, :0:-1].cumsum(axis=1)[:, ::-1] % 2 == 1


def _extent(shape: list[list[float]] | Rle) -> Box:
    """The box around an outline; without size where it marks nothing."""
    if isinstance(shape, list):
        across, down = (list(chain.from_iterable(part[axis::2] for part in shape)) for axis in (0, 1))
        return min(across), min(down), max(across), max(down)
    height, width = shape.size
    ends = run_ends(shape, (width, height))
    first, last = ends[:-1:2], ends[1::2] - 1
    first, last = first[first <= last], last[first <= last]
    if not len(first):
        return 0.0, 0.0, 0.0, 0.0
    if (first // height != last // height).any():  # a run over two columns counts with all rows
        return float(first[0] // height), 0.0, float(last[-1] // height + 1), float(height)
    top, bottom = (first % height).min(), (last % height).max() + 1
    return float(first[0] // height), float(top), float(last[-1] // height + 1), float(bottom)


def _corners(box: Box) -> str:
    return f"({', '.join(f'{value:g}' for value in box)})" if all(map(math.isfinite, box)) else str(box)
