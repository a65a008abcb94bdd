"""What a file says of a tensor is checked before any of its numbers is looked at."""

import re

import numpy as np
import pytest

from src.checkpoint.convert.torch_view import STORAGE_TYPES, Storage, View

FLOAT = STORAGE_TYPES["FloatStorage"]


def view(sizes, strides, offset=0, count=6) -> View:
    return View(Storage("0", FLOAT, count), offset, sizes, strides)


@pytest.mark.parametrize(
    ("sizes", "strides", "offset", "expected"),
    [
        ((2, 3), (3, 1), 0, [[0, 1, 2], [3, 4, 5]]),
        ((3, 2), (1, 3), 0, [[0, 3], [1, 4], [2, 5]]),
        ((2, 2), (3, 2), 1, [[1, 3], [4, 6]]),
        ((2, 2), (0, 1), 4, [[4, 5], [4, 5]]),
        ((2, 1), (5, 10**15), 0, [[0], [5]]),
        ((), (), 5, 5),
        ((0, 3), (3, 1), 6, np.zeros((0, 3))),
        ((1,) * 32, (1,) * 32, 2, np.full((1,) * 32, 2)),
    ],
)
def test_right_views_are_cut(sizes, strides, offset, expected):
    numbers = np.arange(7, dtype=np.float32)
    right = view(sizes, strides, offset, 7)
    assert right.fault() is None
    array = right.to_array(numbers)
    np.testing.assert_array_equal(array, np.array(expected, np.float32))
    assert array.nbytes == right.nbytes and array.flags.owndata and array.flags.c_contiguous


@pytest.mark.parametrize(
    ("sizes", "strides", "offset", "words"),
    [
        ((1,) * 100, (1,) * 100, 0, "100 dimensions, expected at most 32"),
        ((2, 3), (1,), 0, "2 sizes and 1 strides"),
        ((7,), (1,), 0, r"beyond the end of its storage, which has 6 elements"),
        ((2,), (1,), 5, "beyond the end"),
        ((2, 2), (5, 1), 0, "beyond the end"),
        ((3,), (2**63 - 1,), 0, "beyond the end"),  # the last place is -2 in 64 bits
        ((5,), (2**62,), 0, "beyond the end"),  # and 0 here
        ((2**32, 2**32), (0, 0), 0, "exceed the address space"),
        ((0, 2**62, 2**62), (0, 0, 0), 0, "exceed the address space"),
        ((-1,), (1,), 0, "from 0 to 9223372036854775807, got -1"),
        ((2,), (-1,), 1, "got -1"),
        ((2,), (1,), -1, "got -1"),
        ((2**64,), (0,), 0, f"got {2**64}"),
        ((True,), (1,), 0, "got a bool"),
        ((2.0,), (1,), 0, "got a float"),
        ((2,), ("1",), 0, "got a str"),
        ([2], (1,), 0, "must be tuples"),
        (2, 1, 0, "must be tuples"),
    ],
)
def test_wrong_views_are_named(sizes, strides, offset, words):
    assert re.search(words, view(sizes, strides, offset).fault())


def test_an_empty_storage_has_no_numbers():
    assert "beyond the end" in view((), (), count=0).fault()
    assert "beyond the end" in view((10**6,), (1,), count=0).fault()


def test_bytes_of_a_bool_are_true_unless_zero():
    kind = STORAGE_TYPES["BoolStorage"]
    array = View(Storage("0", kind, 3), 0, (3,), (1,)).to_array(np.array([0, 1, 255], np.uint8))
    assert array.dtype == bool and array.view(np.uint8).tolist() == [0, 1, 1]
