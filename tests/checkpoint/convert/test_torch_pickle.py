"""Plain data of every protocol are read as Python reads them; whatever could harm is refused, in little time and memory."""

import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import pytest

from src.checkpoint.convert import torch_pickle
from src.checkpoint.convert.torch_pickle import StateDictUnpickler
from src.errors import UserError
from tests.torch_files import Steps, TensorRow, pickled, steps_of

ROW = TensorRow("FloatStorage", "0", 6, 0, (2, 3), (3, 1))
SHARED = [1, 2]
PLAIN = [
    {"epoch": 3, "best": 0.5, "name": "größe \U0001f600", "none": None, "flags": [True, False], 7: -1},
    {"list": [[], [1], list(range(2000))], "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]},
    {"ints": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**62, -(2**63), 2**100], "text": "x" * 70_000},
    {"shared": [SHARED, SHARED], ("a", 1): "a key of two parts"},
    OrderedDict([("a", 1), ("b", OrderedDict())]),
]
SINCE_PROTOCOL_4 = {"sets": [set(), {1, 2}, frozenset("ab")], "bytes": b"\x00\xff"}


def load(data: bytes):
    return StateDictUnpickler(io.BytesIO(data), Path("a.pth")).load()


@pytest.mark.parametrize("value", PLAIN)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_are_read_as_python_reads_them(value, protocol):
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [4, 5])
def test_sets_and_bytes_are_read_where_they_need_no_names(protocol):
    assert load(pickle.dumps(SINCE_PROTOCOL_4, protocol)) == SINCE_PROTOCOL_4


def test_a_list_within_itself_is_read():
    value = [1]
    value.append(value)
    read = load(pickle.dumps(value, 2))
    assert read[0] == 1 and read[1] is read


def test_the_file_stands_behind_the_pickle_afterwards():
    file = io.BytesIO(pickled({"a": 1}) + pickled([2]) + b"rest")
    assert [StateDictUnpickler(file, Path("a")).load() for _ in range(2)] == [{"a": 1}, [2]]
    assert file.read() == b"rest"


def test_texts_and_dicts_of_python_2_are_read():
    """There, texts were bytes, and an OrderedDict was made of a list of pairs."""
    pair = b"](U\x06w\xc3\xa4rmeK\x01e"
    assert load(b"\x80\x02ccollections\nOrderedDict\n]" + pair + b"a\x85R.") == {"wärme": 1}


def nested(levels: int, width: int) -> bytes:
    """A tuple of `width` times the same tuple, and so on."""
    return b")" + {1: b"\x85", 2: b"q\x01h\x01\x86"}[width] * levels


HARMFUL = {
    "a key as deep as the stack": (b"}" + nested(300_000, 1) + b"Ns.", "has a tuple as a key"),
    "a key that takes for ever to hash": (b"}" + nested(64, 2) + b"Ns.", "has a tuple as a key"),
    "the same in a set": (b"\x8f(" + nested(64, 2) + b"\x90.", "has a tuple as a key"),
    "a storage that takes for ever to print": (nested(64, 2) + b"Q.", "has a persistent id that is not a storage"),
    "a name that takes for ever to print": (
        nested(64, 2) + steps_of("x") + b"\x93.",
        "a global name that is not a string",
    ),
    "an integer of a million digits": (
        steps_of(10**1_000_000) + b".",
        "an integer of 3321929 bits, expected at most 128",
    ),
    "a text longer than the file": (b"\x8d" + struct.pack("<Q", 2**40) + b"a.", "expected 1099511627776 bytes"),
    "bytes longer than the file": (b"\x8e" + struct.pack("<Q", 2**62) + b"a.", "but only 2 remain"),
    "a call of a type of storage": (b"ctorch\nFloatStorage\n)R.", "calls an object that is not a function"),
    "a call of data": (b"K\x05)R.", "calls an object that is not a function"),
    "another way to call": (b"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
    "an extension of copyreg": (b"\x82\x01.", "EXT1"),
    "a tensor without a storage": (b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))tR.", "without a storage"),
    "more taken than put down": (b"\x86.", "pops from an empty stack"),
    "a value for what is no dict": (b"]K\x01K\x02s.", "adds items to a list, expected a dict"),
    "a storage of a negative count": (
        pickled(TensorRow("FloatStorage", "0", -1, 0, (), ()))[2:],
        "a storage of -1 elements",
    ),
    "one storage in two ways": (
        pickled([ROW, TensorRow("IntStorage", "0", 6, 0, (), ())])[2:],
        "storage '0' has two different descriptions",
    ),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_could_harm_is_refused(name):
    steps, words = HARMFUL[name]
    with pytest.raises((ValueError, TypeError), match=words):
        load(b"\x80\x02" + steps)


def test_nothing_is_changed_by_what_a_pickle_builds():
    """Python's unpickler would fill `__dict__` of a storage after it was checked."""
    storage = steps_of(("storage", Steps(b"ctorch\nFloatStorage\n"), "0", "cpu", 6)) + b"Q"
    assert load(b"\x80\x02" + storage + steps_of({"count": 10**6}) + b"b.").count == 6


def test_high_numbers_of_objects_take_no_room():
    assert load(b"\x80\x02}r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == {}


def test_a_pickle_of_too_many_steps_is_refused(monkeypatch):
    monkeypatch.setattr(torch_pickle, "MAX_OPCODES", 1000)
    load(pickled([1] * 900))
    with pytest.raises(ValueError, match="more than 1,000 opcodes"):
        load(pickled([1] * 1100))
    # Copies of a long list count as the steps that would build them.
    pairs = steps_of([[n, n] for n in range(100)])
    copies = b"ccollections\nOrderedDict\nh\x01\x85R" * 9
    with pytest.raises(ValueError, match="more than 1,000 opcodes"):
        load(b"\x80\x02(" + pairs + b"q\x01" + copies + b"t.")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (b"cposix\nsystem\n.", r"a\.pth: contains a posix\.system, .* torch\.save\(model\.state_dict\(\), FILE\)"),
        (steps_of("posix") + steps_of("system") + b"\x93.", r"contains a posix\.system"),
        (b"cbuiltins\neval\n.", r"contains a builtins\.eval"),
        (
            b"ctorch._utils\n_rebuild_sparse_tensor\n.",
            r"created by torch\._utils\._rebuild_sparse_tensor; supported are dense",
        ),
        (
            b"ctorch\nComplexFloatStorage\n.",
            r"created by torch\.ComplexFloatStorage; supported are dense .* FloatStorage",
        ),
    ],
)
def test_other_names_are_refused_with_a_remedy(steps, words):
    with pytest.raises(UserError, match=words):
        load(b"\x80\x02" + steps)


def test_a_negative_view_is_refused():
    """`torch._neg_view` saves the numbers as they were, and a mark."""
    storage = steps_of(("storage", Steps(b"ctorch\nFloatStorage\n"), "0", "cpu", 6)) + b"Q"
    arguments = (Steps(storage), 0, (2, 3), (3, 1), False, None, {"neg": True})
    with pytest.raises(ValueError, match="negative or conjugate"):
        load(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + steps_of(arguments) + b"R.")
