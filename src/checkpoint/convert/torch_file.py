"""State dicts of PyTorch without PyTorch: `.pth` in both of its formats, and `.safetensors`.

In the newer `.pth` a zip archive holds the pickle and one file for each storage; in the older one everything follows in one
stream: three pickles of header, the pickle, the list of storage keys, and then for each its count and its numbers.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from src.checkpoint.convert.torch_pickle import STORAGE_TYPES, StateDictUnpickler, Storage, View, widen
from src.errors import UserError

STREAM_HEADER = [0x1950A86A20F9469CFC6C, 1001]  # magic number, version of the format
NESTED_UNDER = ("state_dict", "model")  # where training programs put the weights, beside epoch and optimizer
SAFETENSORS_TYPES = {
    "F16": "HalfStorage",
    "F32": "FloatStorage",
    "F64": "DoubleStorage",
    "BF16": "BFloat16Storage",
    "I64": "LongStorage",
    "I32": "IntStorage",
    "I16": "ShortStorage",
    "I8": "CharStorage",
    "U8": "ByteStorage",
    "BOOL": "BoolStorage",
}


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor of a state dict by name: float16, float32 (bfloat16 too), float64, integer or bool arrays.

    Args:
        path: `.pth` or `.pt` as written by torch.save, or `.safetensors`. The state dict is the whole content, or lies under
            "state_dict" or "model".

    Raises:
        UserError: the file is missing, broken, holds no state dict, or holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file of weights")
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
        raise UserError(
            f"{path}: cannot be read as {path.suffix} weights, is it broken or cut off? ({error})"
        ) from error
    if not weights:
        raise UserError(f"{path}: holds no state dict, neither by itself nor under {' or '.join(NESTED_UNDER)}")
    return weights


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    weights = {}
    for name, tensor in safetensors.deserialize(path.read_bytes()):
        if tensor["dtype"] not in SAFETENSORS_TYPES:
            raise UserError(f"{path}: {name} is of type {tensor['dtype']}; known are {', '.join(SAFETENSORS_TYPES)}")
        dtype = STORAGE_TYPES[SAFETENSORS_TYPES[tensor["dtype"]]]
        weights[name] = widen(np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"]))
    return weights


def _read_zip(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("a zip archive without one data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("it was written on a big-endian machine")
        with archive.open(pickles[0]) as file:
            content = StateDictUnpickler(file, path).load()
        return _arrays(content, lambda storage: archive.read(f"{folder}data/{storage.key}"))


def _read_stream(path: Path) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        magic, version, machine = (StateDictUnpickler(file, path).load() for _ in range(3))
        if [magic, version] != STREAM_HEADER or not machine["little_endian"]:
            raise ValueError("it does not begin like a file of torch.save on a little-endian machine")
        unpickler = StateDictUnpickler(file, path)
        content = unpickler.load()
        data = {}
        for key in StateDictUnpickler(file, path).load():
            storage = unpickler.storages[key]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.count:
                raise ValueError(f"a storage of {storage.count} numbers has {count}")
            data[key] = file.read(count * storage.dtype.itemsize)
    return _arrays(content, lambda storage: data[storage.key])


def _arrays(content: Any, read: Callable[[Storage], bytes]) -> dict[str, np.ndarray]:
    """The tensors of a state dict or of the one within it; `read` gives the bytes of a storage, which tensors may share."""
    if not isinstance(content, dict):
        raise TypeError(f"it holds a {type(content).__name__}, not a dict")
    within = [content[key] for key in NESTED_UNDER if isinstance(content.get(key), dict)]
    tensors = {name: value for name, value in (*within, content)[0].items() if isinstance(value, View)}
    storages = {view.storage for view in tensors.values()}
    numbers = {storage: np.frombuffer(read(storage), storage.dtype, storage.count) for storage in storages}
    return {str(name): view.cut_from(numbers[view.storage]) for name, view in tensors.items()}
