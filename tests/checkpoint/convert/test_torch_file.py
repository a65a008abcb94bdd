"""The files in data/ were written by PyTorch itself; see data/make_torch_files.py."""

import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from src.checkpoint import memory_limits
from src.checkpoint.convert.torch_file import read_state_dict
from src.errors import UserError
from tests.torch_files import ITEM_SIZES, Steps, TensorRow, values_of, write_stream, write_zip

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


def expected_views() -> dict[str, np.ndarray]:
    numbers = np.arange(60, dtype=np.int16)
    return {
        "expanded": np.array([[1.5] * 3, [2.5] * 3], np.float32),
        "one_number": np.full((5, 4), 7, np.uint8),
        "overlapping": np.array([[n, n + 1, n + 2, n + 3, n + 4] for n in (2, 4, 6)], np.int16),
        "last": numbers[59],
        "end": numbers[60:],
        "steps": np.array([[[23, 30]], [[33, 40]], [[43, 50]]], np.int16),
        "empty": np.zeros((2, 0, 2), np.float32),
        "bytes": np.array([-1, -128, 127], np.int8),
        "parameter": np.ones((3, 2), np.float32),
        "scalar": np.array(-2, np.float32),
    }


@pytest.mark.parametrize("name", ["views.pth", "views_stream.pth"])
def test_views_that_repeat_numbers_or_have_none_are_read(name):
    read = read_state_dict(DATA / name)
    assert set(read) == set(expected_views())
    for key, value in expected_views().items():
        assert read[key].dtype == value.dtype and read[key].shape == value.shape, key
        np.testing.assert_array_equal(read[key], value, err_msg=key)


@pytest.mark.parametrize("kind", ITEM_SIZES)
@pytest.mark.parametrize("form", ["zip", "stream"])
def test_every_number_of_a_view_is_where_plain_python_finds_it(tmp_path, kind, form):
    draw, path = random.Random(f"{kind} {form}"), tmp_path / "a.pth"
    data = draw.randbytes(60 * ITEM_SIZES[kind])
    shapes = [
        ((3, 4), (1, 3)),
        ((2, 5), (20, 4)),
        ((2, 2, 2), (0, 7, 0)),
        ((), ()),
        ((60,), (1,)),
        ((1, 2), (10**9, 3)),
    ]
    rows = {
        f"{number} {sizes}": TensorRow(kind, "5", 60, number, sizes, strides, wrapped=number % 2 == 0)
        for number, (sizes, strides) in enumerate(shapes)
        if 0 <= number <= 60 - 1 - sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    }
    assert len(rows) == len(shapes) - 1  # the whole storage from element 4 on is too long
    if form == "zip":
        write_zip(path, rows, {"5": data})
    else:
        write_stream(path, rows, {"5": data}, {"5": 60})
    read = read_state_dict(path)
    assert list(read) == list(rows)
    for name, row in rows.items():
        assert read[name].shape == row.sizes and read[name].flags.writeable
        np.testing.assert_array_equal(read[name].ravel(), np.array(values_of(row, data), read[name].dtype))


@pytest.mark.parametrize("form", ["zip", "stream"])
def test_what_is_wrong_with_which_tensor_is_told_for_all_of_them(tmp_path, form):
    right = TensorRow("FloatStorage", "0", 6, 0, (2, 3), (3, 1))
    rows = {
        "conv1.weight": TensorRow("FloatStorage", "0", 6, 0, (1,) * 100, (1,) * 100),
        "bn1.weight": TensorRow("FloatStorage", "0", 6, 3, (4,), (1,)),
        "bn1.bias": right,
        7: right,
    }
    if form == "zip":
        write_zip(tmp_path / "a.pth", rows, {"0": bytes(24)})
    else:
        write_stream(tmp_path / "a.pth", rows, {"0": bytes(24)}, {"0": 6})
    with pytest.raises(UserError) as caught:
        read_state_dict(tmp_path / "a.pth")
    for line, words in zip(
        str(caught.value).splitlines(),
        (
            f"{tmp_path / 'a.pth'}: cannot be read: 3 faults",
            "tensor 'conv1.weight': it has 100 dimensions, expected at most 32",
            "tensor 'bn1.weight': its sizes [4] with strides [1] from element 3 on reach beyond the end of its storage, ",
            "tensor 7: its name must be a string, got a int",
        ),
        strict=True,
    ):
        assert words in line


@pytest.mark.parametrize(
    ("name", "words"),
    [("\ud800", r"'\\ud800': its name must not contain"), ("a\nb", r"'a\\nb'"), ("\x1b[2J", r"\\x1b")],
)
def test_names_that_cannot_be_printed_are_refused(tmp_path, name, words):
    write_zip(tmp_path / "a.pth", {name: TensorRow("FloatStorage", "0", 1, 0, (), ())}, {"0": bytes(4)})
    with pytest.raises(UserError, match=words):
        read_state_dict(tmp_path / "a.pth")


def test_a_small_file_cannot_fill_the_memory(tmp_path):
    """Numbers that are repeated, shared or compressed: 1 GiB is always read, above that four times the file."""
    huge = {
        "repeated": {"w": TensorRow("FloatStorage", "0", 1, 0, (2**14, 2**15), (0, 0))},
        "shared": {str(n): TensorRow("FloatStorage", "0", 2**20, 0, (2**20,), (1,)) for n in range(300)},
    }
    for name, rows in huge.items():
        write_zip(tmp_path / f"{name}.pth", rows, {"0": bytes(4 * rows[next(iter(rows))].count)}, zipfile.ZIP_DEFLATED)
        with pytest.raises(UserError, match=rf"{name}\.pth: its [\d,]+ bytes take [\d,]+ bytes in memory; .*clone"):
            read_state_dict(tmp_path / f"{name}.pth")
    rows = {"w": TensorRow("FloatStorage", "0", 1, 0, (500, 1000), (0, 0))}
    write_zip(tmp_path / "fair.pth", rows, {"0": b"\x00\x00\x80\x3f"})
    assert read_state_dict(tmp_path / "fair.pth")["w"].sum() == 500_000


def test_compressed_bytes_count_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_limits, "ALWAYS_ALLOWED", 10_000)
    row = TensorRow("FloatStorage", "0", 1, 0, (), ())
    write_zip(tmp_path / "a.pth", {"w": row}, {"0": bytes(4), "1": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match=r"a\.pth: its [\d,]+ bytes take 1,0"):
        read_state_dict(tmp_path / "a.pth")
    write_zip(tmp_path / "b.pth", {"w": row}, {"0": bytes(4), "1": bytes(10**6)})  # as large as it says
    assert read_state_dict(tmp_path / "b.pth")["w"] == 0


def test_an_archive_that_can_be_read_in_two_ways_is_refused(tmp_path):
    row = TensorRow("FloatStorage", "0", 1, 0, (), ())
    write_zip(tmp_path / "a.pth", {"w": row}, {"0": bytes(4)})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        archive.writestr("archive/data/0", bytes(4))
    with pytest.raises(UserError, match=r"has 1 duplicate member names, such as 'archive/data/0'"):
        read_state_dict(tmp_path / "a.pth")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_unpack_more_than_asked_are_refused(tmp_path, how):
    write_zip(tmp_path / "a.pth", {"w": TensorRow("FloatStorage", "0", 1, 0, (), ())}, {"0": bytes(4)}, how)
    with pytest.raises(UserError, match="expected stored or deflated"):
        read_state_dict(tmp_path / "a.pth")


def test_names_that_lead_out_of_the_archive_are_only_names(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(4))
    write_zip(tmp_path / "a.pth", {"w": TensorRow("FloatStorage", "../../secret", 1, 0, (), ())}, {})
    with pytest.raises(
        UserError, match=r"tensor 'w', storage '../../secret': the archive has no 'archive/data/../../secret'"
    ):
        read_state_dict(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("count", "left", "words"),
    [
        (2**40, 4, "a storage has \\d+ elements, expected 1"),
        (1, 0, "truncated within a storage"),
        (2**64 - 1, 4, "has 18446744073709551615"),
    ],
)
def test_counts_of_a_stream_are_compared_with_what_is_there(tmp_path, count, left, words):
    row = TensorRow("FloatStorage", "0", 1, 0, (), ())
    write_stream(tmp_path / "a.pth", {"w": row}, {"0": bytes(left)}, {"0": count})
    with pytest.raises(UserError, match=words):
        read_state_dict(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "keys", [["1"], [5], [None], [Steps(b")" + b"\x85" * 300_000)], {"0": 1}, 5], ids=lambda keys: str(keys)[:9]
)
def test_a_wrong_list_of_storages_is_refused(tmp_path, keys):
    row = TensorRow("FloatStorage", "0", 1, 0, (), ())
    write_stream(tmp_path / "a.pth", {"w": row}, {"0": bytes(4)}, {"0": 1}, keys)
    with pytest.raises(UserError, match=r"a\.pth: "):
        read_state_dict(tmp_path / "a.pth")


def test_too_little_memory_is_told(tmp_path, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr("src.checkpoint.convert.torch_file._arrays", no_memory)
    with pytest.raises(UserError, match=r"zip\.pth: cannot be read .* \(MemoryError\)"):
        read_state_dict(DATA / "zip.pth")


def test_a_stream_without_a_storage_is_refused(tmp_path):
    write_stream(tmp_path / "a.pth", {"w": TensorRow("FloatStorage", "0", 1, 0, (), ())}, {}, {})
    with pytest.raises(UserError, match="tensor 'w', storage '0': it is not in the list of storages"):
        read_state_dict(tmp_path / "a.pth")


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
        (
            lambda name, content: content[:-4] if name.endswith("data/0") else content,
            "tensor 'base', storage '0': expected 96 bytes, got 92",
        ),
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


def test_safetensors_of_many_dimensions_are_refused(tmp_path):
    header = b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}' % b",".join([b"1"] * 100)
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(UserError, match="a has 100 dimensions, expected at most 32"):
        read_state_dict(path)


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
