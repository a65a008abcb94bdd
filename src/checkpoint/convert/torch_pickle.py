"""The pickle inside a PyTorch file, read without PyTorch and without running anything it asks for.

It describes each tensor as a view: a storage (type, key, count), an offset, sizes and strides. The numbers lie outside it.
"""

import pickle
import pickletools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from src.errors import UserError

STORAGE_TYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype([("bfloat16", "<u2")]),  # no number of NumPy's: see `widen`
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


MOST_OBJECTS = 1_000_000  # a state dict of 1000 tensors has about 10,000


@dataclass(frozen=True)
class Storage:
    """A run of `count` numbers of one type, found under `key`."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class View:
    """A tensor as the pickle describes it; offset, sizes and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    def __setstate__(self, state: Any) -> None:
        """Old files give a parameter its gradient flag and hooks here; only the numbers are wanted."""

    def cut_from(self, numbers: np.ndarray) -> np.ndarray:
        """This tensor's own copy of its part of a storage.

        Args:
            numbers: [storage.count], of the storage's type.

        Raises:
            ValueError: it reaches beyond its storage, or repeats numbers of it (which weights do not).
        """
        count = 1
        last = self.offset
        for size, stride in zip(self.sizes, self.strides, strict=True):
            count *= size
            last += (size - 1) * stride
        if min((self.offset, *self.sizes, *self.strides)) < 0 or count > len(numbers):
            raise ValueError("a tensor is larger than its storage")
        if count == 0:
            return widen(np.zeros(self.sizes, numbers.dtype))
        if last >= len(numbers):
            raise ValueError("a tensor reaches beyond the end of its storage")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return widen(np.lib.stride_tricks.as_strided(numbers[self.offset :], self.sizes, strides).copy())


def widen(numbers: np.ndarray) -> np.ndarray:
    """bfloat16 as float32, of which it is the upper half; anything else as it is."""
    if numbers.dtype != STORAGE_TYPES["BFloat16Storage"]:
        return numbers
    return (numbers["bfloat16"].astype(np.uint32) << 16).view(np.float32)


def _tensor(storage: Storage, offset: int, sizes: tuple, strides: tuple, *_: Any) -> View:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return View(storage, offset, tuple(sizes), tuple(strides))


def _parameter(tensor: View, *_: Any) -> View:
    return tensor


# Every name a state dict needs, with what stands in for it here. Types of storage are just their names.
STAND_INS = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    **{f"torch.{name}": name for name in STORAGE_TYPES},
}


def _check_memos(file: BinaryIO) -> None:
    """Refuse a pickle that numbers its objects so high that the table of them alone would fill the memory."""
    start = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name.endswith("PUT") and int(argument) > MOST_OBJECTS:
            raise pickle.UnpicklingError(f"it numbers an object {argument}")
    file.seek(start)


class StateDictUnpickler(pickle.Unpickler):
    """Unpickles plain containers, numbers, text and the names of STAND_INS.

    Args:
        file: positioned at a pickle; afterwards right behind it.
        path: its name, for messages.

    Attributes:
        storages: every storage met so far, by key.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        _check_memos(file)
        super().__init__(file, encoding="utf-8")
        self.path = path
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; nothing is ever imported.

        Raises:
            UserError: any other name.
        """
        try:
            return STAND_INS[f"{module}.{name}"]
        except KeyError:
            raise UserError(
                f"{self.path}: holds a {module}.{name}, but only plain state dicts are read, because anything else in a "
                "pickle can run code; save the weights alone with  torch.save(model.state_dict(), FILE)"
            ) from None

    def persistent_load(self, pid: Any) -> Storage:
        """('storage', type, key, device, count) and, in stream files, the description of a storage within a storage."""
        kind, dtype, key, _, count, *within = pid
        if kind != "storage" or dtype not in STORAGE_TYPES or any(part is not None for part in within):
            raise pickle.UnpicklingError(f"an unknown kind of storage: {pid!r}")
        return self.storages.setdefault(key, Storage(key, STORAGE_TYPES[dtype], count))
