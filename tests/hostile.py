"""What people feed to readers: valid files with something wrong in them, and files of another kind altogether."""

import copy
import ctypes
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from src.errors import UserError

NUMBERS = st.one_of(
    st.integers(-3, 300),
    st.sampled_from([10**400, -(2**63), 2**64, 1e308, -1e-308, 0.5]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
TEXTS = st.sampled_from(["", " ", "a.png", "../a", "/a", "ä口", "\x00", "a\nb", "\ud800", "NaN", "-1", "x" * 300])
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


@st.composite
def mutated(draw: st.DrawFn, valid: Any) -> Any:
    """A JSON value with one to three of its parts replaced, taken out, doubled or put elsewhere."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["replace", "replace", "drop", "double", "swap"]))
        if kind == "replace":
            container[key] = draw(JUNK)
        elif kind == "drop":
            del container[key]
        elif kind == "double" and isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        elif kind == "swap":
            other, name = draw(st.sampled_from(places))
            container[key] = copy.deepcopy(other[name]) if _has(other, name) else None
    return value


def _has(container: Any, key: Any) -> bool:
    return key in container if isinstance(container, dict) else key < len(container)


def _places(value: Any) -> Any:
    """Every (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _depth(deep: int, opening: bytes, closing: bytes) -> bytes:
    return opening * deep + closing * deep


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes of a good file, cut off, with flipped bits, with something put in, in another encoding; or no such file."""
    kind = draw(st.sampled_from(["cut", "flip", "flip", "insert", "repeat", "other"]))
    place = draw(st.integers(0, max(len(good) - 1, 0)))
    if kind == "cut":
        return good[:place]
    if kind == "flip":
        data = bytearray(good)
        for at in [place, *draw(st.lists(st.integers(0, max(len(good) - 1, 0)), max_size=5))]:
            if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
        return bytes(data)
    if kind == "insert":
        return good[:place] + draw(st.binary(max_size=20)) + good[place:]
    if kind == "repeat":
        return good[:place] + good[max(place - 40, 0) :]
    text = good.decode("latin-1")
    others = [b"", b"\x00" * 50, b"null", b"{}", b"[]", b"\xef\xbb\xbf" + good, text.encode("utf-16"), good * 2]
    others += [_depth(deep, a, b) for deep in (50, 5000, 100_000) for a, b in ((b"[", b"]"), (b'{"a":', b"}"))]
    return draw(st.sampled_from(others) | st.binary(max_size=200))


def documents(valid: Any) -> st.SearchStrategy[bytes]:
    """JSON files: a valid one, mutated in its values or in its bytes."""
    good = json.dumps(valid, ensure_ascii=False).encode()
    return (
        mutated(valid).map(lambda value: json.dumps(value).encode())
        | damaged(good)
        | JUNK.map(lambda value: json.dumps(value).encode())
    )


def survives(read: Callable[[Path], Any], path: Path, data: bytes) -> Any:
    """What the reader makes of a file with these bytes, None if it refuses it by name; any other exception is a crash."""
    path.write_bytes(data)
    try:
        return read(path)
    except UserError as error:
        assert path.stem in str(error), f"the message does not name the file: {error}"
        return None


def obey_permissions() -> None:
    """As ``preexec_fn``: the program that is started next obeys the permissions of files, even if root starts it."""
    drop_of_bounding_set, writes_anything, reads_anything = 24, 1, 2
    for capability in (writes_anything, reads_anything):
        ctypes.CDLL(None).prctl(drop_of_bounding_set, capability, 0, 0, 0)
