"""PyTorch tensors as views of storages, with offset, sizes and strides checked.

The file states offset, sizes and strides, and NumPy does not check all of them: `as_strided` checks nothing, and
`np.ndarray` detects neither integer overflow nor an empty buffer. So they are checked here, in Python's unbounded
integers.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.checkpoint import number_types
from src.checkpoint.number_types import MAX_DIMENSIONS, NumberType

STORAGE_TYPES = {
    "FloatStorage": number_types.FLOAT32,
    "DoubleStorage": number_types.FLOAT64,
    "HalfStorage": number_types.FLOAT16,
    "BFloat16Storage": number_types.BFLOAT16,
    "LongStorage": number_types.INT64,
    "IntStorage": number_types.INT32,
    "ShortStorage": number_types.INT16,
    "CharStorage": number_types.INT8,
    "ByteStorage": number_types.UINT8,
    "BoolStorage": number_types.BOOL,
}


@dataclass(frozen=True)
class Storage:
    """A one-dimensional array of `count` elements of one type, stored under `key`."""

    key: str
    type: NumberType
    count: int

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self.count * self.type.stored.itemsize


@dataclass(frozen=True)
class View:
    """A tensor; offset, sizes and strides count elements, not bytes. They are valid only if `fault` returns None."""

    storage: Storage
    offset: Any
    sizes: Any
    strides: Any

    def fault(self) -> str | None:
        """An error message about offset, sizes and strides, None if they are valid; check it before `nbytes` and
        `to_array`."""
        if type(self.sizes) is not tuple or type(self.strides) is not tuple:
            return "its sizes and strides must be tuples"
        if len(self.sizes) != len(self.strides):
            return f"it has {len(self.sizes)} sizes and {len(self.strides)} strides, expected one stride per size"
        if len(self.sizes) > MAX_DIMENSIONS:
            return f"it has {len(self.sizes)} dimensions, expected at most {MAX_DIMENSIONS}"
        numbers = (self.offset, *self.sizes, *self.strides)
        if not all(type(number) is int and 0 <= number <= sys.maxsize for number in numbers):
            wrong = next(number for number in numbers if type(number) is not int or not 0 <= number <= sys.maxsize)
            shown = wrong if type(wrong) is int else f"a {type(wrong).__name__}"
            return f"its offset, sizes and strides must be integers from 0 to {sys.maxsize}, got {shown}"
        if math.prod(size or 1 for size in self.sizes) * self.storage.type.read.itemsize > sys.maxsize:
            return f"its sizes {list(self.sizes)} exceed the address space"
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))
        if 0 not in self.sizes and last >= self.storage.count:
            return (
                f"its sizes {list(self.sizes)} with strides {list(self.strides)} from element {self.offset} on reach beyond the "
                f"end of its storage, which has {self.storage.count} elements"
            )
        return None

    @property
    def nbytes(self) -> int:
        """Bytes of the array that `to_array` returns."""
        return math.prod(self.sizes) * self.storage.type.read.itemsize

    def to_array(self, elements: np.ndarray) -> np.ndarray:
        """Copy the tensor from its storage into a contiguous array.

        Args:
            elements: of the storage, [storage.count] of the stored type.
        """
        if 0 in self.sizes:
            return np.zeros(self.sizes, self.storage.type.read)
        itemsize = elements.itemsize
        # The stride of an axis of size 1 is never used, so PyTorch allows any.
        strides = [
            stride * itemsize if size > 1 else itemsize for size, stride in zip(self.sizes, self.strides, strict=True)
        ]
        view = np.ndarray(self.sizes, elements.dtype, elements.data, offset=self.offset * itemsize, strides=strides)
        return self.storage.type.convert(view)
