"""Run-length encodings are read as pycocotools writes them, and what is none is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from src.data.formats.run_lengths import Rle, run_ends

QUICK = settings(max_examples=60)


def painted(ends: np.ndarray, width: int, height: int) -> np.ndarray:
    """The mask that the ends of runs describe, run by run."""
    flat, start = np.zeros(width * height, np.uint8), 0
    for index, end in enumerate(ends.tolist()):
        flat[start:end] = index % 2
        start = end
    return flat.reshape(width, height).T


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 70), st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]))
def test_compressed_and_uncompressed_are_what_pycocotools_encodes(seed, height, width, share):
    mask = (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)
    counts = coco_masks.encode(np.asfortranarray(mask))["counts"].decode()
    ends = run_ends(Rle((height, width), counts), (width, height))
    np.testing.assert_array_equal(painted(ends, width, height), mask)
    plain = np.diff(ends, prepend=0).tolist()
    np.testing.assert_array_equal(run_ends(Rle((height, width), plain), (width, height)), ends)


@pytest.mark.parametrize(
    "size, counts, words",
    [
        ((4, 3), [12], "its size [height, width] is [4, 3], its image is [3, 4]"),
        ((3, 4), [5, 6], "sum up to 12"),
        ((3, 4), [], "sum up to 12"),
        ((3, 4), [20, -8], "0 or more"),
        ((3, 4), [10**400, 1], "sum up to 12"),
        ((3, 4), "", "no compressed text"),
        ((3, 4), "ab !", "no compressed text"),
        ((3, 4), "12ä", "no compressed text"),
        ((3, 4), "5o", "no compressed text"),
        ((3, 4), "o" * 30 + "0", "more than 60 bits"),
        ((3, 4), "52", "sum up to 12"),
    ],
)
def test_faults(size, counts, words):
    with pytest.raises(ValueError, match=".") as error:
        run_ends(Rle(size, counts), (4, 3))
    assert words in str(error.value)
