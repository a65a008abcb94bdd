"""Fields beside class and box that change what an object means and that training does not use: they are doubted, in every form.

CVAT keeps the angle of a rotated box as an attribute, several data sets mark objects to be ignored, LabelMe for the web marks
deleted ones, and pre-labelled objects keep the score of the program that found them.
"""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from src.wording import counted


class Meaning(Enum):
    """What a field says of its object."""

    IGNORED = "ignored"
    ROTATED = "rotated"
    SCORED = "scored"


class RowMark(NamedTuple):
    """A field of one object."""

    meaning: Meaning
    field: str


_IGNORE = ("ignore", "ignored", "difficult", "deleted", "is crowd", "crowd", "is group", "is group of")
_ROTATION = ("rotation", "angle")
_SCORE = ("score", "confidence")


def _spellings(words: str) -> set[str]:
    """A name of one or more words as files spell it: is_crowd, isCrowd, IsCrowd, IS_CROWD, Is_Crowd, ..."""
    found = set()
    for parts in (words.split(), [words.replace(" ", "")]):
        titles = [part.capitalize() for part in parts]
        for joint in ("", "_"):
            found |= {joint.join(parts), joint.join(parts).upper(), joint.join(titles)}
            found.add(joint.join([*parts[:1], *titles[1:]]))
    return found


# Fields of COCO rows to look at, and where more of them may be; "iscrowd" itself is read.
_NESTED = frozenset(_spellings("attributes") | _spellings("flags"))
COCO_FIELDS = frozenset().union(_NESTED, *map(_spellings, _IGNORE + _ROTATION + _SCORE)) - {"iscrowd"}
_MEANINGS = {
    name.replace(" ", ""): meaning
    for names, meaning in ((_IGNORE, Meaning.IGNORED), (_ROTATION, Meaning.ROTATED), (_SCORE, Meaning.SCORED))
    for name in names
}
_SHOWN = 3  # images in a sentence


def marks_of(fields: Mapping[str, Any], rotation: bool = True) -> tuple[RowMark, ...]:
    """The marks among the fields of one object, name -> value; text counts as what it spells.

    Args:
        rotation: look for rotations, too; no where the form itself has rotated boxes, which are read.
    """
    found = []
    for name, value in fields.items():
        meaning = _MEANINGS.get("".join(letter for letter in str(name).casefold() if letter.isalpha()))
        if meaning and (rotation or meaning is not Meaning.ROTATED) and _ON[meaning](value):
            found.append(RowMark(meaning, str(name)))
    return tuple(found)


def nested_fields(value: Any) -> dict[str, Any]:
    """The fields of "attributes" or "flags": an object, or a list of {"name": ..., "value": ...}; others have none."""
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        return {str(row["name"]): row.get("value") for row in rows if "name" in row}
    return value if isinstance(value, dict) else {}


def coco_marks(row: Mapping[str, Any]) -> tuple[RowMark, ...]:
    """The marks of a COCO row that is no crowd; called for every row."""
    known = COCO_FIELDS.intersection(row)
    if not known or row.get("iscrowd"):
        return ()
    found = marks_of({key: row[key] for key in sorted(known - _NESTED)})
    for key in sorted(known & _NESTED):
        found += tuple(mark._replace(field=f"{key}.{mark.field}") for mark in marks_of(nested_fields(row[key])))
    return found


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


_ON = {
    Meaning.IGNORED: _is_on,
    Meaning.ROTATED: lambda value: bool((finite_number(value) or 0) % 360),
    Meaning.SCORED: lambda value: finite_number(value) is not None,
}
