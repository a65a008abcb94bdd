"""Fields beside class and box that change what an object means and that training does not use: they are doubted, in every form.

CVAT keeps the angle of a rotated box as an attribute, several data sets mark objects to be ignored, LabelMe for the web marks
deleted ones, and pre-labelled objects keep the score of the program that found them.
"""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from src.wording import counted

_IGNORE = frozenset(("ignore", "ignored", "difficult", "deleted", "iscrowd", "crowd", "isgroup", "isgroupof"))
_ROTATION = frozenset(("rotation", "angle"))
_SCORE = frozenset(("score", "confidence"))
# Fields of COCO rows to look at, as they are usually spelt; "attributes" holds more.
COCO_FIELDS = ("ignore", "ignored", "difficult", "deleted", "rotation", "angle", "score", "confidence", "attributes")
_SHOWN = 3  # images in a sentence


class Meaning(Enum):
    """What a field says of its object."""

    IGNORED = "ignored"
    ROTATED = "rotated"
    SCORED = "scored"


class RowMark(NamedTuple):
    """A field of one object."""

    meaning: Meaning
    field: str


def marks_of(fields: Mapping[str, Any], rotation: bool = True) -> tuple[RowMark, ...]:
    """The marks among the fields of one object, name -> value; text counts as what it spells.

    Args:
        rotation: look for rotations, too; no where the form itself has rotated boxes, which are read.
    """
    found = []
    for name, value in fields.items():
        key = "".join(letter for letter in str(name).casefold() if letter.isalpha())
        if key in _IGNORE and _is_on(value):
            found.append(RowMark(Meaning.IGNORED, str(name)))
        elif key in _SCORE and finite_number(value) is not None:
            found.append(RowMark(Meaning.SCORED, str(name)))
        elif rotation and key in _ROTATION and (finite_number(value) or 0) % 360:
            found.append(RowMark(Meaning.ROTATED, str(name)))
    return tuple(found)


def coco_marks(row: Mapping[str, Any]) -> tuple[RowMark, ...]:
    """The marks of a COCO row that is no crowd; called for every row."""
    fields = {key: row[key] for key in COCO_FIELDS if key in row}
    if not fields or row.get("iscrowd"):
        return ()
    attributes = fields.pop("attributes", None)
    inner = marks_of(attributes) if isinstance(attributes, dict) else ()
    return marks_of(fields) + tuple(mark._replace(field=f"attributes.{mark.field}") for mark in inner)


def mark_doubts(found: Iterable[tuple[str, RowMark]], as_crowd: str) -> tuple[str, ...]:
    """One sentence per meaning.

    Args:
        found: file name of an image, and a mark of one of its objects. as_crowd: how this form leaves an object out.
    """
    by_meaning: dict[Meaning, list[tuple[str, str]]] = {}
    for image, mark in found:
        by_meaning.setdefault(mark.meaning, []).append((image, mark.field))
    return tuple(_sentence(meaning, pairs, as_crowd) for meaning, pairs in by_meaning.items())


def _sentence(meaning: Meaning, pairs: list[tuple[str, str]], as_crowd: str) -> str:
    images = list(dict.fromkeys(image for image, _ in pairs))
    more = f" and {len(images) - _SHOWN} more" if len(images) > _SHOWN else ""
    where = f"({', '.join(dict.fromkeys(field for _, field in pairs))}), in {', '.join(images[:_SHOWN])}{more}"
    if meaning is Meaning.ROTATED:
        return (
            f"{counted(len(pairs), 'box', 'are')} rotated {where}; what is read is the box before it was turned, which misses its object: "
            "export the objects as polygons, or write the upright boxes around the turned ones"
        )
    if meaning is Meaning.IGNORED:
        return (
            f"{counted(len(pairs), 'object', 'are')} marked as others than usual {where}, and still counted as objects; to leave them "
            f"out of training and scores {as_crowd}; otherwise take the mark out"
        )
    return (
        f"{counted(len(pairs), 'object', 'have')} a score {where}, as detections of a program do; if nobody has reviewed them, training "
        "repeats its mistakes: have them reviewed, and take the scores out"
    )


def _is_on(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in ("1", "1.0", "true", "yes")
    return isinstance(value, bool | int | float) and bool(value)


def finite_number(value: Any) -> float | None:
    """The finite number that a text or a JSON value is; None: it is none.

    Python's own reading also takes `1_000` for a thousand and digits of any script, by which no program means a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):  # OverflowError: a whole number of JSON above 1.8e308
        return None
    return number if math.isfinite(number) else None
