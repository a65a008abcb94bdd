"""Right checkpoints are read as MindSpore reads them; wrong ones, with which it overwrites memory, are refused by name."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from mindspore.train import serialization
from mindspore.train.checkpoint_pb2 import Checkpoint

from src.checkpoint.ckpt_file import read_ckpt
from src.checkpoint.detector_file import read_checkpoint
from src.checkpoint.weight_file import read_weights
from src.errors import UserError

TYPES = (
    np.float16,
    np.float32,
    np.float64,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
)
BASE = np.arange(-3, 9).reshape(3, 4)


def saved(path, rows: dict[str, np.ndarray], **more):
    ms.save_checkpoint([{"name": name, "data": Tensor(row)} for name, row in rows.items()], str(path), **more)
    return path


def test_every_type_is_read_as_mindspore_reads_it(tmp_path):
    rows = {np.dtype(kind).name: BASE.astype(kind) for kind in TYPES} | {"scalar": np.array(2.5, np.float32)}
    path = saved(tmp_path / "a.ckpt", rows, append_dict={"card": "größe \U0001f600", "epoch": 3}, crc_check=True)
    read, theirs = read_ckpt(path), ms.load_checkpoint(str(path))
    assert list(read) == list(theirs) and read["card"] == theirs["card"] == "größe \U0001f600"
    for name, row in {**rows, "epoch": np.array(3)}.items():
        other = theirs[name].asnumpy()
        assert read[name].dtype == other.dtype == row.dtype and read[name].shape == other.shape == row.shape
        np.testing.assert_array_equal(read[name], other)


def test_bfloat16_becomes_float32(tmp_path):
    values = Tensor(np.array([1.0, -2.5, 3e38], np.float32)).astype(ms.bfloat16)
    ms.save_checkpoint([{"name": "w", "data": values}], str(tmp_path / "a.ckpt"))
    read = read_ckpt(tmp_path / "a.ckpt")["w"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(ms.float32).asnumpy())


def test_parameters_in_pieces_are_put_together(tmp_path, monkeypatch):
    monkeypatch.setattr(serialization, "SLICE_SIZE", 1)  # KB
    rows = {"a": np.arange(2000, dtype=np.float32).reshape(40, 50), "b": np.ones(3, np.float32)}
    path = saved(tmp_path / "a.ckpt", rows)
    checkpoint = Checkpoint()
    checkpoint.ParseFromString(path.read_bytes())
    assert len(checkpoint.value) > 5
    for name, row in rows.items():
        np.testing.assert_array_equal(read_ckpt(path)[name], row)


def written(path, *rows: tuple[str, list[int], str, bytes]):
    checkpoint = Checkpoint()
    for name, dims, kind, data in rows:
        row = checkpoint.value.add()
        row.tag, row.tensor.tensor_type, row.tensor.tensor_content = name, kind, data
        row.tensor.dims.extend(dims)
    path.write_bytes(checkpoint.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("dims", "kind", "data", "words"),
    [
        ([1], "Float32", bytes(4000), r"'w' of shape \(1,\): expected 4 bytes, got 4000"),  # wrote over memory
        ([1_000_000], "Float32", bytes(4), "expected 4000000 bytes, got 4"),  # took what lay in memory
        ([2, 3], "Float32", b"", "expected 24 bytes, got 0"),
        ([2**32, 2**32], "Float32", bytes(4), f"expected {2**66} bytes, got 4"),  # 0 in 64 bits
        ([2**62, 4], "Float32", b"", f"expected {2**66} bytes, got 0"),
        ([-1], "Float32", bytes(4), r"of shape \(-1,\)"),
        ([-1, -1], "Float32", bytes(4), r"of shape \(-1, -1\)"),
        ([1] * 100, "Float32", bytes(4), "'w' has 100 dimensions, expected at most 32"),
        ([8], "Int4", bytes(4), "'w' is of type 'Int4', expected Float16"),
        ([1], "", bytes(4), "'w' is of type ''"),
        ([1], "str", b"abc", "truncated data"),
    ],
)
def test_what_its_description_does_not_fit_is_refused(tmp_path, dims, kind, data, words):
    path = written(tmp_path / "a.ckpt", ("w", dims, kind, data))
    for reader in (read_weights, read_checkpoint):
        with pytest.raises(UserError, match=words) as caught:
            reader(path)
        assert str(path) in str(caught.value)


def test_a_name_that_comes_again_is_refused(tmp_path):
    a, b = (("a", [1], "Float32", bytes(4)), ("b", [1], "Float32", bytes(4)))
    with pytest.raises(ValueError, match="'a' is in the file more than once"):
        read_ckpt(written(tmp_path / "a.ckpt", a, b, a))
    with pytest.raises(ValueError, match="expected 4 bytes, got 8"):
        read_ckpt(written(tmp_path / "a.ckpt", a, a))


def test_nothing_of_no_bytes_is_no_number(tmp_path):
    """MindSpore writes the dims of a single number as [0], as those of an empty row."""
    read = read_ckpt(written(tmp_path / "a.ckpt", ("empty", [0], "Float32", b""), ("one", [0], "Float32", bytes(4))))
    assert read["empty"].shape == (0,) and read["one"].shape == ()
