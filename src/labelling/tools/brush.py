"""Masks that were painted with Label Studio's brush: its own run-length code of the picture's bytes.

The code is a stream of bits, the highest bit of a byte first: 32 bits give the number of words, 5 bits the length of a word
less 1, four times 4 bits the lengths of run counters less 1. Then come runs: one bit (1: one word repeated; 0: as many words
follow), two bits that choose the counter, the counter, which is the length of the run less 1, and the word or words.
The words are red, green, blue and alpha of all pixels, row by row; alpha says what is painted (thi.ng/rle-pack).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.tools.annotated import Box
from src.data.formats.tools.box_mask import check_mask_place


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> tuple[Box | None, dict[str, Any]]:
    """The box around a painted mask, None if nothing is painted, and the mask as COCO's run-length encoding.

    Args:
        code: bytes of the code; size: (width, height) of the image in pixels.

    Raises:
        ValueError: it is no such code, that of a picture of another size, or of one larger than any may be.
    """
    width, height = size
    check_mask_place(0, 0, width, height, size)
    painted = _words(code, 4 * width * height).reshape(height, width, 4)[..., 3] > 0
    rle = coco_masks.encode(np.asfortranarray(painted, np.uint8))
    rle = {"size": [height, width], "counts": rle["counts"].decode("ascii")}
    if not painted.any():
        return None, rle
    rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)), rle


def _words(code: Sequence[int], expected: int) -> np.ndarray:
    try:
        bits = np.unpackbits(np.frombuffer(bytes(code), np.uint8))
    except (ValueError, TypeError):
        raise ValueError("the run lengths of a brush must be bytes") from None
    place = 0

    def number(length: int) -> int:
        nonlocal place
        if place + length > len(bits):
            raise ValueError("the run lengths of a brush end too early")
        value = int("".join(map(str, bits[place : place + length])), 2)
        place += length
        return value

    count = number(32)
    if count != expected:
        raise ValueError(f"a brush mask of {count} words, expected {expected}, four per pixel; paint it on this image")
    word = number(5) + 1
    counters = [number(4) + 1 for _ in range(4)]
    words, filled = np.zeros(count, np.uint8 if word <= 8 else np.uint32), 0
    while filled < count:
        repeated = number(1)
        end = min(filled + 1 + number(counters[number(2)]), count)
        if repeated:
            words[filled:end] = number(word)
        else:
            words[filled:end] = [number(word) for _ in range(end - filled)]
        filled = end
    return words
