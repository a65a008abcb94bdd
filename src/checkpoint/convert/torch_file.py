"""Reads PyTorch state dicts without PyTorch: `.pth` in both of its formats, and `.safetensors`.

A newer `.pth` is a zip archive of the pickle and one file per storage; the legacy format is a sequence of pickles:
three of header, the state dict, the list of storage keys; then for each storage its number of elements and the
elements.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from src.checkpoint import number_types
from src.checkpoint.convert.torch_pickle import StateDictUnpickler
from src.checkpoint.convert.torch_view import Storage, View
from src.checkpoint.memory_limits import check_archive, check_memory, read_member
from src.checkpoint.number_types import MAX_DIMENSIONS
from src.checkpoint.weight_file import check_is_file, damaged_weights
from src.errors import DataError, UserError

STREAM_HEADER = [0x1950A86A20F9469CFC6C, 1001]  # magic number, version of the format
NESTED_UNDER = (
    "state_dict",
    "model",
)  # keys under which training scripts store the weights, next to epoch and optimizer
SAFETENSORS_TYPES = {
    "F16": number_types.FLOAT16,
    "F32": number_types.FLOAT32,
    "F64": number_types.FLOAT64,
    "BF16": number_types.BFLOAT16,
    "I64": number_types.INT64,
    "I32": number_types.INT32,
    "I16": number_types.INT16,
    "I8": number_types.INT8,
    "U8": number_types.UINT8,
    "BOOL": number_types.BOOL,
}


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor of a state dict by name: float16, float32 (bfloat16 too), float64, integer or bool arrays.

    Args:
        path: `.pth` or `.pt` as written by torch.save, or `.safetensors`. The state dict is at top level, or under the
            key "state_dict" or "model".

    Raises:
        UserError: the file is missing or damaged, has no state dict, contains other objects than plain data and
            tensors, or takes far more memory than its size (see `memory_limits`).
    """
    path = Path(path)
    check_is_file(path)
    try:
        if path.suffix.lower() == ".safetensors":
            weights = _read_safetensors(path)
        elif zipfile.is_zipfile(path):
            weights = _read_zip(path)
        else:
            weights = _read_stream(path)
    except UserError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise damaged_weights(path, error) from error
    if not weights:
        raise UserError(f"{path}: has no state dict, neither at top level nor under {' or '.join(NESTED_UNDER)}")
    return weights


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    weights = {}
    for name, tensor in safetensors.deserialize(path.read_bytes()):  # it checks that shapes, dtypes and offsets agree
        if tensor["dtype"] not in SAFETENSORS_TYPES:
            raise UserError(
                f"{path}: {name} is of type {tensor['dtype']}; supported are {', '.join(SAFETENSORS_TYPES)}"
            )
        if len(tensor["shape"]) > MAX_DIMENSIONS:
            raise UserError(f"{path}: {name} has {len(tensor['shape'])} dimensions, expected at most {MAX_DIMENSIONS}")
        kind = SAFETENSORS_TYPES[tensor["dtype"]]
        weights[name] = kind.convert(np.frombuffer(tensor["data"], kind.stored).reshape(tensor["shape"]))
    return weights


def _read_zip(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        check_archive(archive, path)
        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("a zip archive without one data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and read_member(archive, f"{folder}byteorder") != b"little":
            raise ValueError("it was written on a big-endian machine")
        content = StateDictUnpickler(io.BytesIO(read_member(archive, pickles[0])), path).load()
        return _arrays(content, path, lambda storage: read_member(archive, f"{folder}data/{storage.key}"))


def _read_stream(path: Path) -> dict[str, np.ndarray]:
    content = path.read_bytes()
    file = io.BytesIO(content)
    magic, version, machine = (StateDictUnpickler(file, path).load() for _ in range(3))
    if [magic, version] != STREAM_HEADER or not machine["little_endian"]:
        raise ValueError("it has no torch.save header, or was written on a big-endian machine")
    unpickler = StateDictUnpickler(file, path)
    state = unpickler.load()
    keys, offsets = StateDictUnpickler(file, path).load(), {}
    if type(keys) is not list:
        raise TypeError(f"its list of storages is a {type(keys).__name__}")
    for key in keys:
        if type(key) is not str or key not in unpickler.storages:  # other types may be unhashable
            raise ValueError("its list of storages has a key that no tensor uses")
        storage = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.count:
            raise ValueError(f"a storage has {count} elements, expected {storage.count}")
        offsets[key] = file.tell()
        if offsets[key] + storage.nbytes > len(content):
            raise ValueError("it is truncated within a storage")
        file.seek(storage.nbytes, io.SEEK_CUR)

    def read(storage: Storage) -> memoryview:
        if storage.key not in offsets:
            raise ValueError("it is not in the list of storages")
        return memoryview(content)[offsets[storage.key] :][: storage.nbytes]

    return _arrays(state, path, read)


def _arrays(content: Any, path: Path, read: Callable[[Storage], bytes | memoryview]) -> dict[str, np.ndarray]:
    """The tensors of a state dict, which may be nested; `read` returns the bytes of a storage, which tensors may
    share."""
    if not isinstance(content, dict):
        raise TypeError(f"it is a {type(content).__name__}, not a dict")
    nested = [content[key] for key in NESTED_UNDER if isinstance(content.get(key), dict)]
    tensors = {name: value for name, value in (*nested, content)[0].items() if isinstance(value, View)}
    faults = [f"tensor {name!r:.100}: {fault}" for name, view in tensors.items() if (fault := _fault(name, view))]
    if faults:
        raise DataError(f"{path}: cannot be read", faults)
    check_memory(path, sum(view.nbytes for view in tensors.values()))
    users = {view.storage: name for name, view in reversed(tensors.items())}  # the first tensor of each storage
    elements = {storage: _elements(storage, read, name, path) for storage, name in users.items()}
    return {name: view.to_array(elements[view.storage]) for name, view in tensors.items()}


def _fault(name: Any, view: View) -> str | None:
    if type(name) is not str:
        return f"its name must be a string, got a {type(name).__name__}"
    if not name.isprintable():
        return "its name must not contain unprintable characters"
    return view.fault()


def _elements(storage: Storage, read: Callable[[Storage], bytes | memoryview], user: str, path: Path) -> np.ndarray:
    """The elements of a storage: [count] of the stored type."""
    try:
        data = read(storage)
        # A few trailing bytes, fewer than one element, are allowed.
        if len(data) // storage.type.stored.itemsize != storage.count:
            raise ValueError(f"expected {storage.nbytes} bytes, got {len(data)}")
    except ValueError as error:
        raise UserError(f"{path}: tensor {user!r:.100}, storage {storage.key!r:.100}: {error}") from None
    return np.frombuffer(data, storage.type.stored, storage.count)
