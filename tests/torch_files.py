"""PyTorch's files of weights written by hand, right ones and wrong ones: the pickle is put together step by step.

`values_of` says what a tensor's numbers are, one by one in plain Python, or that its description is wrong.
"""

import itertools
import pickle
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ITEM_SIZES = {
    "FloatStorage": 4,
    "DoubleStorage": 8,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


@dataclass(frozen=True)
class TensorRow:
    """A tensor as a pickle says it; anything may stand anywhere. `count` is what it says of its storage."""

    kind: Any
    key: Any
    count: Any
    offset: Any
    sizes: Any
    strides: Any
    wrapped: bool = False  # as a Parameter


@dataclass(frozen=True)
class Steps:
    """Steps of a pickle that leave one object on the stack."""

    data: bytes


def steps_of(value: Any) -> bytes:
    """The steps that build a value."""
    if isinstance(value, Steps):
        return value.data
    if isinstance(value, TensorRow):
        return _tensor_steps(value)
    if isinstance(value, dict):
        return b"}(" + b"".join(steps_of(key) + steps_of(inner) for key, inner in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(steps_of, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(steps_of, value)) + b"t"
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    if type(value) is int:
        data = pickle.encode_long(value)
        return b"\x8a" + bytes([len(data)]) + data if len(data) < 256 else b"\x8b" + struct.pack("<I", len(data)) + data
    return pickle.dumps(value, 2)[2:-1]


def _tensor_steps(row: TensorRow) -> bytes:
    storage = ("storage", Steps(f"ctorch\n{row.kind}\n".encode()), row.key, "cpu", row.count)
    hooks = Steps(b"ccollections\nOrderedDict\n)R")
    arguments = (Steps(steps_of(storage) + b"Q"), row.offset, row.sizes, row.strides, False, hooks)
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + steps_of(arguments) + b"R"
    if not row.wrapped:
        return tensor
    return b"ctorch._utils\n_rebuild_parameter\n" + steps_of((Steps(tensor), True, hooks)) + b"R"


def pickled(value: Any) -> bytes:
    """A whole pickle."""
    return b"\x80\x02" + steps_of(value) + b"."


def write_zip(path: Path, state: Any, storages: dict[str, bytes], how: int = zipfile.ZIP_STORED, **more: bytes) -> None:
    """The newer format; `more` are other members, by name."""
    with zipfile.ZipFile(path, "w", how) as archive:
        members = {"data.pkl": pickled(state), "byteorder": b"little", **more}
        for name, data in (members | {f"data/{key}": data for key, data in storages.items()}).items():
            archive.writestr(f"archive/{name}", data)


def write_stream(path: Path, state: Any, storages: dict[str, bytes], counts: dict[str, int], keys: Any = None) -> None:
    """The older format; `counts` are what it says before the numbers of each storage, `keys` the list of their keys."""
    header = pickled(MAGIC) + pickled(VERSION) + pickled({"protocol_version": VERSION, "little_endian": True})
    numbers = b"".join(counts[key].to_bytes(8, "little") + data for key, data in storages.items())
    path.write_bytes(header + pickled(state) + pickled(keys or list(storages)) + numbers)


def values_of(row: TensorRow, data: bytes) -> list[float]:
    """The numbers of a tensor, last axis first to change.

    Args:
        row: of whole numbers; data: its storage.

    Raises:
        IndexError: it reaches beyond its storage.
    """
    width = ITEM_SIZES[row.kind]
    numbers = []
    for place in itertools.product(*(range(size) for size in row.sizes)):
        at = width * (row.offset + sum(index * stride for index, stride in zip(place, row.strides, strict=True)))
        if not 0 <= at <= at + width <= len(data):
            raise IndexError(at)
        numbers.append(_number(row.kind, data[at : at + width]))
    return numbers


def _number(kind: str, data: bytes) -> float:
    if kind == "BoolStorage":
        return data != b"\x00"
    if kind in ("FloatStorage", "BFloat16Storage"):
        return struct.unpack("<f", data.rjust(4, b"\x00"))[0]
    if kind in ("DoubleStorage", "HalfStorage"):
        return struct.unpack("<d" if kind == "DoubleStorage" else "<e", data)[0]
    return int.from_bytes(data, "little", signed=kind != "ByteStorage")
