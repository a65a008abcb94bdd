"""Ids of a COCO file that are no whole numbers as they should be, but all in one way: reported once, and read as they are meant.

pandas writes 1 as 1.0, VIA as "1", and other tools number with 19 digits or with texts.
"""

from collections.abc import Iterable, Iterator
from typing import Any

LARGEST_ID = 2**53  # beyond it double precision, in which many JSON readers keep numbers, is not exact
_PLACES = {  # list and field -> what the id is of
    ("images", "id"): "images",
    ("annotations", "image_id"): "images",
    ("categories", "id"): "categories",
    ("annotations", "category_id"): "categories",
    ("annotations", "id"): "annotations",
}
_QUOTED, TEXT, _DECIMAL, _LARGE = "quoted", "text", "decimal", "large"
_SENTENCES = {
    _QUOTED: "{count} ids are in quotes ({places}); write them as numbers, without quotes",
    TEXT: "{count} ids are texts ({places}); number them from 1{references}",
    _DECIMAL: "{count} ids are written with a decimal point ({places}); write whole numbers, such as 1 for 1.0",
    _LARGE: (
        "{count} ids are above 2^53 ({places}), which programs that keep numbers in double precision confuse; number them anew "
        "from 1{references}"
    ),
}


def as_meant(coco: dict[str, list[dict]]) -> tuple[list[str], dict[str, list[dict]]]:
    """One sentence per way in which several ids are wrong, and the lists with the ids that are meant.

    Args:
        coco: images, annotations and categories, each a list of objects; it is not changed, and returned where nothing is wrong.
    """
    forms = common_forms((f'"{key}" of {part}', value) for part, key, value in _ids(coco))
    if not forms:
        return [], coco
    numbers: dict[tuple[str, str], int] = {}

    def number(part: str, key: str, value: Any) -> Any:
        form = _form(value)
        if form not in forms:
            return value
        if form in (_QUOTED, _DECIMAL):
            return int(value)
        return numbers.setdefault((_PLACES[part, key], str(value)), LARGEST_ID - len(numbers))

    meant = {
        part: [
            row | {key: number(part, key, row[key]) for name, key in _PLACES if name == part and key in row}
            for row in rows
        ]
        for part, rows in coco.items()
        if part in ("images", "annotations", "categories")
    }
    return list(forms.values()), coco | meant


def common_forms(ids: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Ways in which several ids are wrong -> a sentence on each.

    Args:
        ids: place of an id, in words, and its value.
    """
    found: dict[str, list[tuple[str, Any]]] = {}
    for place, value in ids:
        if form := _form(value):
            found.setdefault(form, []).append((place, value))
    return {
        form: _SENTENCES[form].format(count=len(pairs), places=_examples(pairs), references=_references(pairs))
        for form, pairs in sorted(found.items())
        if len(pairs) > 1
    }


def _references(ids: list[tuple[str, Any]]) -> str:
    """The end of a remedy: the fields that refer to these ids; to ids of annotations none does."""
    places = {place for place, _ in ids}
    keys = [
        key
        for key, of in (("image_id", "images"), ("category_id", "categories"))
        if any(place == f'"id" of {of}' or place.startswith(f'"{key}"') for place in places)
    ]
    return f", and the {' and '.join(keys)} that refer to them" if keys else ""


def _ids(coco: dict[str, list[dict]]) -> Iterator[tuple[str, str, Any]]:
    for part, key in _PLACES:
        yield from ((part, key, row[key]) for row in coco[part] if type(row.get(key)) in (str, float, int))


def _form(value: Any) -> str | None:
    """In which way an id is wrong; None if it is right, or wrong in another way."""
    if type(value) is int:
        return _LARGE if value > LARGEST_ID else None
    if type(value) is str:
        return _QUOTED if value.strip().isdecimal() and len(value) < 16 else TEXT
    if type(value) is float:
        return _DECIMAL if 0 <= value <= LARGEST_ID and value % 1 == 0 else None
    return None


def _examples(ids: list[tuple[str, Any]]) -> str:
    """Where the ids stand, with the first one of each place."""
    first: dict[str, Any] = {}
    for place, value in ids:
        first.setdefault(place, value)
    shown = (f'"{value[:40]}"' if isinstance(value, str) else str(value)[:40] for value in first.values())
    return ", ".join(f"{place}, such as {value}" for place, value in zip(first, shown, strict=True))
