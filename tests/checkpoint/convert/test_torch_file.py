"""The files in data/ were written by PyTorch itself; see data/make_torch_files.py."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from src.checkpoint.convert.torch_file import read_state_dict
from src.errors import UserError

DATA = Path(__file__).parent / "data"
STREAM_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)


def expected() -> dict[str, np.ndarray]:
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    return {
        "base": base,
        "part": base[:, 1:, ::2],
        "transposed": base.transpose(2, 1, 0),
        "half": base.astype(np.float16)[1],
        "double": base.astype(np.float64) / 3,
        "counter": np.array(5),
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 3), np.float32),
        "parameter": np.ones(2, np.float32),
    }


@pytest.mark.parametrize("name", ["zip.pth", "stream.pth", "nested.pth"])
def test_every_type_and_view_of_both_formats_is_read(name):
    read = read_state_dict(DATA / name)
    assert set(read) == set(expected()) | {"bfloat16"}
    for key, value in expected().items():
        assert read[key].dtype == value.dtype, key
        assert read[key].flags.owndata and read[key].flags.writeable
        np.testing.assert_array_equal(read[key], value, err_msg=key)
    assert read["bfloat16"].dtype == np.float32
    np.testing.assert_allclose(read["bfloat16"], expected()["base"] / 3, rtol=2**-8)
    assert not np.any(read["bfloat16"].view(np.uint32) & 0xFFFF)


def test_tensors_of_one_storage_do_not_share_memory():
    read = read_state_dict(DATA / "zip.pth")
    read["base"][:] = -1
    np.testing.assert_array_equal(read["part"], expected()["part"])


def test_parameters_of_the_oldest_files_are_read(tmp_path):
    """Before PyTorch 0.4: Parameter(tensor) with a state of its own, and a rebuild function without gradient flag."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x04NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\x01(K\x03t(K\x01ttR"
    parameter = b"ctorch.nn.parameter\nParameter\n(" + tensor + b"tR(\x88\x89Ntb"
    content = b"\x80\x02}X\x01\x00\x00\x00w" + parameter + b"s."
    numbers = np.array([1, 2, 3, 4], np.float32).tobytes()
    machine = pickle.dumps({"little_endian": True}, 2)
    path = tmp_path / "old.pth"
    path.write_bytes(STREAM_START + machine + content + pickle.dumps(["7"], 2) + (4).to_bytes(8, "little") + numbers)
    assert read_state_dict(path)["w"].tolist() == [2, 3, 4]


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("position", ["zip", "header", "content"])
def test_a_pickle_that_would_run_code_is_refused_before_it_runs(tmp_path, position):
    trap = tmp_path / "it_ran"
    harm = pickle.dumps({"conv1.weight": Harmful(trap)}, 2)
    path = tmp_path / "harmful.pth"
    if position == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", harm)
    elif position == "header":
        path.write_bytes(harm)
    else:
        path.write_bytes(STREAM_START + pickle.dumps({"little_endian": True}, 2) + harm)
    with pytest.raises(UserError, match=r"mkdir.*state_dict\(\)"):
        read_state_dict(path)
    assert not trap.exists()


def test_a_whole_module_is_refused_with_the_remedy():
    with pytest.raises(UserError, match=r"torch\.nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict"):
        read_state_dict(DATA / "module.pth")


@pytest.mark.parametrize("name", ["zip.pth", "stream.pth"])
def test_a_file_cut_off_anywhere_is_named(tmp_path, name):
    content = (DATA / name).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(content) - 1, 37):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="cut.pth"):
            read_state_dict(path)


def repacked(path: Path, change) -> Path:
    with zipfile.ZipFile(DATA / "zip.pth") as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, change(name, archive.read(name)))
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda name, content: content[:-4] if name.endswith("data/0") else content, "buffer"),
        (lambda name, content: b"big" if name.endswith("byteorder") else content, "big-endian"),
        # The offset of `part` is 4 of 24 numbers; from 14 on it would reach beyond the end.
        (lambda name, content: content.replace(b"QK\x04", b"QK\x0e"), "beyond the end"),
        (lambda name, content: pickle.dumps([1, 2]) if name.endswith("data.pkl") else content, "list"),
        (lambda name, content: pickle.dumps({"epoch": 3}) if name.endswith("data.pkl") else content, "no state dict"),
    ],
)
def test_damaged_content_is_refused(tmp_path, change, words):
    with pytest.raises(UserError, match=words):
        read_state_dict(repacked(tmp_path / "damaged.pth", change))


def test_safetensors_are_read(tmp_path):
    weights = {name: np.ascontiguousarray(value) for name, value in expected().items()}
    safetensors.numpy.save_file(weights, tmp_path / "a.safetensors")
    read = read_state_dict(tmp_path / "a.safetensors")
    assert set(read) == set(weights)
    for name, value in weights.items():
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)


def test_safetensors_of_bfloat16_become_float32(tmp_path):
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\x00\xc0")
    assert read_state_dict(path)["a"].tolist() == [1.0, -2.0]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04"])
def test_other_content_is_refused_by_name(tmp_path, suffix, content):
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"other{suffix}"):
        read_state_dict(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_state_dict(tmp_path / "none.pth")
