"""Feeds readers of weights with wrong files, from hand-made wrong numbers to changed bytes, until one of them crashes.

    PYTHONMALLOC=debug python -X faulthandler -m tests.checkpoint.fuzz_weights FIRST LAST

Every number from FIRST to LAST is the seed of one file. A reader may refuse a file by a UserError that names it, or give arrays;
those of a tensor must have the numbers that plain Python finds. Anything else ends the program, which has said the seed then.
"""

import io
import json
import math
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from mindspore.train.checkpoint_pb2 import Checkpoint

from src.checkpoint.convert.torch_file import read_state_dict
from src.checkpoint.weight_file import read_weights
from src.errors import UserError
from tests.torch_files import ITEM_SIZES, Steps, TensorRow, values_of, write_stream, write_zip

ROOM = 2**31  # bytes of address space beyond what is taken when the readers are loaded
LONGEST = 20.0  # seconds of the processor for one file
WRONG_NUMBERS = [-1, -(2**31), -(2**63), 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 10**300, 1 << 10**6]
WRONG_NUMBERS += [True, False, None, 0.5, float("nan"), float("inf"), "3", (), (1,), [1], {}]
OPCODES = b"()]}lt\x85\x86\x87.sueabRQNqrhjJKMIGXUBC0124\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98copig\x81\x82di"


def tensor(draw: random.Random, storages: dict[str, tuple[str, bytes]]) -> TensorRow:
    """A right tensor of one of the storages, or of a new one."""
    if not storages or draw.random() < 0.6:
        kind = draw.choice(list(ITEM_SIZES))
        storages[str(len(storages))] = kind, draw.randbytes(draw.randint(0, 40) * ITEM_SIZES[kind])
    key = draw.choice(list(storages))
    kind, data = storages[key]
    count = len(data) // ITEM_SIZES[kind]
    sizes, strides, reach = [], [], count - 1
    for _ in range(draw.choice([0, 1, 1, 2, 2, 3, 4, 32])):
        size = draw.choice([0, 1, 1, 2, 3, 4]) if len(sizes) < 4 else 1
        stride = (
            draw.randint(0, max(reach // max(size - 1, 1), 0))
            if size > 1 and reach > 0
            else draw.choice([0, 1, 10**12])
        )
        if size > 1 and reach <= 0:
            size, stride = 1, 5
        reach -= (size - 1) * stride if size > 1 else 0
        sizes.append(size)
        strides.append(stride)
    if count == 0 and 0 not in sizes:
        sizes, strides = [*sizes[:3], 0], [*strides[:3], 1]
    return TensorRow(
        kind, key, count, draw.randint(0, max(reach, 0)), tuple(sizes), tuple(strides), draw.random() < 0.2
    )


def spoilt(draw: random.Random, row: TensorRow) -> TensorRow:
    """The same with one to three wrong numbers, or a wrong count of them."""
    parts = vars(row).copy()
    for _ in range(draw.randint(1, 3)):
        part = draw.choice(["count", "offset", "sizes", "sizes", "strides", "strides", "kind", "key", "dims"])
        number = draw.choice([*WRONG_NUMBERS, *range(50)])
        if part in ("count", "offset", "key"):
            parts[part] = number
        elif part == "kind":
            parts[part] = draw.choice([*ITEM_SIZES, "ComplexFloatStorage", "nn.Module"])
        elif part == "dims":
            many = draw.choice([5, 31, 32, 33, 64, 100, 5000])
            parts["sizes"], parts["strides"] = (draw.choice([0, 1, 1, 2]),) * many, (draw.choice([0, 1]),) * many
        elif isinstance(parts[part], tuple) and parts[part] and draw.random() < 0.8:
            place = draw.randrange(len(parts[part]))
            parts[part] = (*parts[part][:place], number, *parts[part][place + 1 :])
        else:
            parts[part] = draw.choice(
                [number, (number,), (*parts[part], number) if isinstance(parts[part], tuple) else ()]
            )
    return TensorRow(**parts)


def soup(draw: random.Random) -> Steps:
    """Steps in any order, among them nests that Python cannot hash and tables that do not fit into memory."""
    kind = draw.randrange(5)
    if kind == 0:
        deep = draw.choice([10, 1000, 300_000])
        return Steps(b"})" + b"\x85" * deep + b"Ns")
    if kind == 1:
        return Steps(b"})" + b"q\x01h\x01\x86" * draw.choice([5, 60]) + b"Ns")
    if kind == 2:
        return Steps(b"]" * draw.choice([10, 100_000]) + b"a" * draw.choice([9, 99_999]))
    if kind == 3:
        return Steps(
            draw.choice(
                [b"r\xff\xff\xff\xff", b"j\xff\xff\xff\xff", b"\x8e" + b"\xff" * 7 + b"\x7f", b"\x8b\xff\xff\xff\x7f"]
            )
        )
    return Steps(
        bytes(draw.choice(OPCODES) if draw.random() < 0.7 else draw.randrange(256) for _ in range(draw.randint(1, 60)))
    )


def torch_file(draw: random.Random, folder: Path) -> tuple[Path, dict[str, tuple[TensorRow, bytes]]]:
    """A file of PyTorch, and what its tensors are if they can be read."""
    path = folder / "a.pth"
    storages: dict[str, tuple[str, bytes]] = {}
    rows = {name: tensor(draw, storages) for name in "abcd"[: draw.randint(1, 4)]}
    if draw.random() < 0.7:
        name = draw.choice(list(rows))
        rows[name] = spoilt(draw, rows[name])
    data = {key: data for key, (_, data) in storages.items()}
    state: Any = dict(rows)
    if draw.random() < 0.15:
        state[draw.choice(["z", 5, ("x", 1), Steps(b"N")])] = soup(draw)
    if draw.random() < 0.2:
        state = {"epoch": 3, draw.choice(["state_dict", "model"]): state}
    if draw.random() < 0.1:
        key = draw.choice(list(data))
        data[key] = data[key] + bytes(draw.randint(1, 9)) if draw.random() < 0.5 else data[key][:-1]
    if draw.random() < 0.5:
        write_zip(path, state, data, draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    else:
        counts = {key: len(data) // ITEM_SIZES[kind] for key, (kind, data) in storages.items()}
        if draw.random() < 0.1:
            counts[draw.choice(list(counts))] = draw.choice([0, 7, 2**40, 2**64 - 1])
        keys = draw.choice([[soup(draw)], [*data, "z"], soup(draw)]) if draw.random() < 0.1 else None
        write_stream(path, state, data, counts, keys)
    if draw.random() < 0.3:
        path.write_bytes(changed(draw, path.read_bytes()))
        return path, {}
    return path, {
        name: (row, data[row.key]) for name, row in rows.items() if isinstance(row.key, str) and row.key in data
    }


def changed(draw: random.Random, content: bytes) -> bytes:
    """Bytes with some of them replaced, taken out, or doubled."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        at = draw.randrange(len(data)) if data else 0
        what = draw.randrange(5)
        if what == 0:
            data[at : at + 1] = bytes([draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])])
        elif what == 1 and data:
            data[at] ^= 1 << draw.randrange(8)
        elif what == 2:
            data[at : at + draw.choice([4, 8])] = struct.pack("<Q", draw.choice([0, 2**31, 2**63, 2**64 - 1]))[
                : draw.choice([4, 8])
            ]
        elif what == 3:
            del data[at : at + draw.randint(1, 30)]
        else:
            data[at:at] = data[max(at - draw.randint(1, 60), 0) : at]
    return bytes(data)


def checkpoint_file(draw: random.Random, folder: Path) -> tuple[Path, dict]:
    """A checkpoint of MindSpore with wrong dims, types or contents."""
    checkpoint = Checkpoint()
    for number in range(draw.randint(1, 4)):
        row = checkpoint.value.add()
        row.tag = draw.choice(["a", "b", f"layer{number}"])
        dims = [draw.choice([0, 1, 2, 3]) for _ in range(draw.randint(0, 3))]
        if draw.random() < 0.3:
            dims = [
                draw.choice([-1, 0, 1, 2, 2**31, 2**40, 2**63 - 1, -(2**63)]) for _ in range(draw.choice([1, 2, 40]))
            ]
        row.tensor.dims.extend(dims)
        kind = draw.choice(["Float32", "Float32", "BFloat16", "Bool", "Int4", "Int64", "str", "x"])
        row.tensor.tensor_type = kind
        right = max(math.prod(dims), 0) * {"Float32": 4, "BFloat16": 2, "Int64": 8}.get(kind, 1)
        length = right if right < 10_000 and draw.random() < 0.8 else draw.choice([0, 1, 4, 8, 36, 4096])
        row.tensor.tensor_content = draw.randbytes(length)
    content = checkpoint.SerializeToString()
    path = folder / "a.ckpt"
    path.write_bytes(changed(draw, content) if draw.random() < 0.4 else content)
    return path, {}


def numpy_file(draw: random.Random, folder: Path) -> tuple[Path, dict]:
    """An archive of NumPy with wrong headers."""
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for name in ("a.npy", "b.npy"):
            file = io.BytesIO()
            np.save(file, np.arange(6).reshape(2, 3).astype(draw.choice(["f4", "i8", "?", ">f8", "U3"])))
            content = file.getvalue()
            if draw.random() < 0.6:
                shape = draw.choice(
                    [
                        "(-1, 3)",
                        "(2**40,)",
                        "(9999999999, 9)",
                        "(4294967296, 4294967296)",
                        "(0, 5)",
                        "()",
                        "(-2, -3)",
                        "(True,)",
                    ]
                )
                content = content.replace(b"(2, 3)", shape.encode())
            if draw.random() < 0.3:
                content = content.replace(b"<f4", draw.choice([b"|O ", b"|V0", b"<U0", b"<c8", b"<f9"]))
            archive.writestr(name, content)
    if draw.random() < 0.5:
        path.write_bytes(changed(draw, path.read_bytes()))
    return path, {}


def safetensors_file(draw: random.Random, folder: Path) -> tuple[Path, dict]:
    """A file of safetensors with wrong shapes or places."""
    content = safetensors.numpy.save({"a": np.ones((2, 3), np.float32), "b": np.arange(4, dtype=np.int64)})
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    tensor = header[draw.choice(list(header))]
    number = draw.choice([-1, 0, 1, 5, 2**32, 2**62, 2**63, 2**64, 1e30, True, None, "3"])
    part = draw.choice(["shape", "data_offsets", "dtype", "dims"])
    if part == "dims":
        tensor["shape"] += [1] * draw.choice([30, 100, 10_000])
    elif part == "dtype":
        tensor["dtype"] = draw.choice(["F8_E4M3", "BOOL", "F64", "x", 5])
    else:
        tensor[part][draw.randrange(2) % len(tensor[part])] = number
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + content[-56:]
    path = folder / "a.safetensors"
    path.write_bytes(changed(draw, data) if draw.random() < 0.4 else data)
    return path, {}


KINDS = (torch_file, torch_file, torch_file, torch_file, checkpoint_file, numpy_file, safetensors_file)


def read(path: Path, rows: dict[str, tuple[TensorRow, bytes]]) -> str:
    """What became of a file: "refused" or "read"."""
    reader: Callable[[Path], dict] = read_weights if path.suffix in (".ckpt", ".npz") else read_state_dict
    try:
        arrays = reader(path)
    except UserError as error:
        assert str(path) in str(error), f"the message does not name the file: {error}"
        assert len(str(error)) < 10_000, "a message of endless length"
        return "refused"
    for name, array in arrays.items():
        assert isinstance(array, np.ndarray), f"{name} is a {type(array)}"
        array.tobytes()  # every byte of it is there
        if name in rows and array.size < 5000:
            row, data = rows[name]
            assert array.shape == row.sizes, (array.shape, row)
            np.testing.assert_array_equal(array.ravel(), np.array(values_of(row, data), array.dtype), err_msg=str(row))
    return "read"


def main(first: int, last: int) -> None:
    """Read the files of all seeds and say what became of them."""
    with tempfile.TemporaryDirectory() as folder:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        ends: Counter[str] = Counter()
        for seed in range(first, last):
            draw = random.Random(seed)
            kind = draw.choice(KINDS)
            path, rows = kind(draw, Path(folder))
            print(seed, flush=True)
            start = time.process_time()
            ends[f"{path.suffix} {read(path, rows)}"] += 1
            assert time.process_time() - start < LONGEST, f"seed {seed} took {time.process_time() - start:.0f} s"
    print(json.dumps(ends))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
