"""Reads MindSpore checkpoints (`.ckpt`), and checks dtype, shape and size of every parameter.

`mindspore.load_checkpoint` is not used: it copies the bytes of a parameter into a buffer of the size of its shape and
does not compare the sizes, so a damaged file overwrites memory of the process, or leaves a parameter uninitialised.
"""

import math
from itertools import groupby
from pathlib import Path

import numpy as np
from mindspore.train.checkpoint_pb2 import Checkpoint

from src.checkpoint import number_types
from src.checkpoint.number_types import MAX_DIMENSIONS, NumberType

_TEXT = "str"
_TYPES = {
    "Float16": number_types.FLOAT16,
    "Float32": number_types.FLOAT32,
    "Float64": number_types.FLOAT64,
    "BFloat16": number_types.BFLOAT16,
    "Int8": number_types.INT8,
    "Int16": number_types.INT16,
    "Int32": number_types.INT32,
    "Int64": number_types.INT64,
    "UInt8": number_types.UINT8,
    "UInt16": number_types.UINT16,
    "UInt32": number_types.UINT32,
    "UInt64": number_types.UINT64,
    "Bool": number_types.BOOL,
}
_MARK, _MARK_BYTES = b"crc_num", 17  # MindSpore's own optional checksum at the end of a file: the mark and 10 bytes


def read_ckpt(path: str | Path) -> dict[str, np.ndarray | str]:
    """Read every parameter and string of a checkpoint, by name; bfloat16 is converted to float32.

    Raises:
        ValueError: a parameter has an unknown dtype, or its size does not fit its shape; the message names it.
        google.protobuf.message.DecodeError: the file is not a checkpoint.
    """
    content = Path(path).read_bytes()
    if content[-_MARK_BYTES:].startswith(_MARK):
        content = content[:-_MARK_BYTES]
    checkpoint = Checkpoint()
    checkpoint.ParseFromString(content)
    values: dict[str, np.ndarray | str] = {}
    for name, pieces in groupby(
        checkpoint.value, lambda value: value.tag
    ):  # large parameters are stored in several consecutive entries
        if name in values:
            raise ValueError(f"{name!r:.100} is in the file more than once")
        tensors = [piece.tensor for piece in pieces]
        last = tensors[-1]
        data = b"".join(tensor.tensor_content for tensor in tensors)
        if last.tensor_type == _TEXT:
            values[name] = data.decode("utf-32-le", "surrogatepass")
        elif last.tensor_type in _TYPES:
            values[name] = _array(name, data, tuple(last.dims), _TYPES[last.tensor_type])
        else:
            raise ValueError(f"{name!r:.100} is of type {last.tensor_type!r:.100}, expected {', '.join(_TYPES)}")
    return values


def _array(name: str, data: bytes, dims: tuple[int, ...], kind: NumberType) -> np.ndarray:
    if dims == (0,) and data:
        dims = ()  # MindSpore's encoding of a scalar
    if len(dims) > MAX_DIMENSIONS:
        raise ValueError(f"{name!r:.100} has {len(dims)} dimensions, expected at most {MAX_DIMENSIONS}")
    expected = math.prod(dims) * kind.stored.itemsize
    if min(dims, default=0) < 0 or expected != len(data):
        raise ValueError(f"{name!r:.100} of shape {dims!s:.100}: expected {expected} bytes, got {len(data)}")
    return kind.convert(np.frombuffer(data, kind.stored).reshape(dims))
