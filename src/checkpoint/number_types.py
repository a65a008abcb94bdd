"""Dtypes of weight files: as stored in the file, and the NumPy dtype that they are converted to."""

from dataclasses import dataclass

import numpy as np

MAX_DIMENSIONS = 32  # of a NumPy array


@dataclass(frozen=True)
class NumberType:
    """A dtype of a weight file.

    Attributes:
        stored: dtype in the file, little-endian; every bit pattern of it is a valid number.
        read: dtype after conversion.
    """

    stored: np.dtype
    read: np.dtype

    def convert(self, numbers: np.ndarray) -> np.ndarray:
        """Convert an array [...] of the stored dtype into a new contiguous array of the dtype `read`."""
        if self != BFLOAT16:
            return numbers.astype(self.read, order="C")
        wide = numbers.astype("<u4", order="C")
        wide <<= np.uint32(16)  # bfloat16 is the upper half of a float32
        return wide.view(self.read)


def _plain(name: str) -> NumberType:
    return NumberType(np.dtype(name), np.dtype(name))


FLOAT16, FLOAT32, FLOAT64 = _plain("<f2"), _plain("<f4"), _plain("<f8")
INT8, INT16, INT32, INT64 = _plain("i1"), _plain("<i2"), _plain("<i4"), _plain("<i8")
UINT8, UINT16, UINT32, UINT64 = _plain("u1"), _plain("<u2"), _plain("<u4"), _plain("<u8")
BFLOAT16 = NumberType(np.dtype("<u2"), np.dtype("<f4"))  # NumPy has no bfloat16
BOOL = NumberType(np.dtype("u1"), np.dtype("?"))  # a file may hold any byte, but a NumPy bool must be 0 or 1
