"""Decode COCO's run-length encoding of masks: lengths of runs, background first, column by column; compressed or not."""

import msgspec
import numpy as np

_MOST_LETTERS = 12  # characters per number, 5 bits each: as much as 64 bits hold


class Rle(msgspec.Struct):
    """A run-length encoding of a COCO file."""

    size: tuple[int, int]
    counts: str | list[int]


def run_ends(rle: Rle, size: tuple[int, int]) -> np.ndarray:
    """The end of each run, as a number of pixels counted down the columns; runs of odd index are the object.

    Args:
        rle: the encoding; size: (width, height) of its image.

    Returns:
        int64, non-decreasing; the last is width * height.

    Raises:
        ValueError: the encoding is invalid.
    """
    width, height = size
    if rle.size != (height, width):
        raise ValueError(
            f"its size [height, width] is {list(rle.size)}, its image is {[height, width]}; encode the mask of this image"
        )
    counts = _decompress(rle.counts) if isinstance(rle.counts, str) else rle.counts
    pixels = width * height
    # Numbers in lists may exceed 64 bits, so they are summed before NumPy converts them.
    if len(counts) == 0 or min(counts) < 0 or sum(counts) != pixels:
        raise ValueError(
            f"its counts must be 0 or more and sum up to {pixels}, all pixels of the image; encode it anew"
        )
    return np.cumsum(np.asarray(counts, np.int64))


def _decompress(text: str) -> list[int]:
    """The counts of a compressed string: each character, from "0" up, carries 5 bits of a number and a continuation bit.

    From the fourth number on, a number is stored as its difference to the one two before it (pycocotools, rleFrString).
    """
    letters = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if letters.size == 0 or letters.min() < 0 or letters.max() > 63 or letters[-1] & 32:
        raise ValueError('its counts are no compressed text of COCO ("0" to "o", with an end); encode it anew')
    starts = np.concatenate([[0], np.flatnonzero(letters & 32 == 0)[:-1] + 1])
    lengths = np.diff(np.append(starts, letters.size))
    if lengths.max() > _MOST_LETTERS:
        raise ValueError("its counts hold a number of more than 60 bits; encode it anew")
    place = np.arange(letters.size) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((letters & 31) << (5 * place), starts)
    negative = letters[starts + lengths - 1] & 16 > 0
    numbers -= np.where(negative, np.int64(1) << (5 * lengths), 0)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers.tolist()
