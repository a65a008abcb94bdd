"""What values of a COCO file are, and how messages show them."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from src.data.checks.odd_ids import LARGEST_ID

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # control characters; a new line breaks lists of file names
_SHOWN_LETTERS = 100  # most characters of an invalid value in a message
_LARGEST_NUMBER = 1e9  # pixels; beyond it single precision and 32-bit sizes overflow


def is_id(value: Any) -> bool:
    """Whether a value can be an id: an integer from 0 up."""
    return type(value) is int and 0 <= value <= LARGEST_ID


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that can be one of pixels."""
    return type(value) in (int, float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER  # false for NaN


def is_box(value: Any) -> bool:
    """Whether a value is a list of four such numbers."""
    return type(value) is list and len(value) == 4 and all(map(is_number, value))


def is_text(value: Any) -> bool:
    """Whether a value is a text of one line that is not blank."""
    return isinstance(value, str) and bool(value.strip()) and not _CONTROL.search(value)


def show(entry: dict, key: str) -> str:
    """The value of a field as JSON, or "nothing" if the field is absent."""
    return short(entry[key]) if key in entry else "nothing"


def short(value: Any) -> str:
    """The value as JSON, truncated to ``_SHOWN_LETTERS``."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS] + " ..."


def unquote(values: Sequence[Any]) -> str:
    """The remedy for numbers that are written as texts; nothing if these are none."""
    return "; write numbers without quotes" if any(isinstance(value, str) for value in values) else ""


def kind(value: Any) -> str:
    """The kind of a JSON value in words: "a list"."""
    names = {list: "a list", str: "a text", int: "a number", float: "a number", dict: "an object", type(None): "null"}
    return names.get(type(value), json.dumps(value))


def repeated(entries: list[dict], key: str, what: str, remedy: str) -> list[str]:
    """A sentence for each value of a field that several entries have; ``what`` is the field in words."""
    counts = Counter(entry[key] for entry in entries if isinstance(entry.get(key), int | str))
    return [f"{what} {short(value)} is used {n} times; {remedy}" for value, n in counts.items() if n > 1]
