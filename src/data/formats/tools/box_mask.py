"""A mask over a box, as labelling tools write it, as an object of its image."""

import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.tools.annotated import Shape
from src.data.images import LARGEST_SIDE, MOST_PIXELS


def check_mask_place(left: int, top: int, width: int, height: int, size: tuple[int, int]) -> None:
    """Raise a ValueError if a mask of ``width`` x ``height`` pixels lies outside its image of ``size``, or this is too large.

    Asked before memory is taken, for a file may state any size.
    """
    if max(size) > LARGEST_SIDE or size[0] * size[1] > MOST_PIXELS:
        raise ValueError(
            f"a mask in an image of more pixels than any may have ({LARGEST_SIDE} a side, {MOST_PIXELS} together); correct its size"
        )
    if not (0 <= left < left + width <= size[0] and 0 <= top < top + height <= size[1]):
        raise ValueError(
            f"a mask at ({left:g}, {top:g}) of {width:g} x {height:g} pixels lies outside its image of {size}"
        )


def mask_shape(label: str, bits: np.ndarray, left: int, top: int, size: tuple[int, int]) -> Shape:
    """The object that the cells [height, width] of ``bits`` which are not 0 cover; see ``check_mask_place``.

    Raises:
        ValueError: they cover nothing.
    """
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if not len(rows):
        raise ValueError("a mask that covers nothing")
    whole = np.zeros((size[1], size[0]), np.uint8, order="F")
    whole[top : top + bits.shape[0], left : left + bits.shape[1]] = bits > 0
    counts = coco_masks.encode(whole)["counts"].decode("ascii")
    box = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    return Shape(label, tuple(map(float, box)), rle={"size": [size[1], size[0]], "counts": counts})
