"""Read and write COCO annotation rows with all their fields in little memory.

Most of a file is outlines and key points, which programs that only select rows do not use. As Python lists they take eight
times the memory of their JSON text, so they stay undecoded text and are copied into the output.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from src.files import write_pieces

READ_KEYS = frozenset(
    ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
)  # fields that the checks read, always decoded
_any = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_spelled = json.JSONEncoder(ensure_ascii=False).encode


def decode_coco(data: bytes) -> dict[str, Any]:
    """A COCO file as JSON, except that lists and objects in annotation rows are ``msgspec.Raw`` outside ``READ_KEYS``.

    Each row is decoded once to validate it, so invalid JSON is found here and not in the next program.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no JSON, or its "annotations" are no list of objects.
    """
    parts = _fields.decode(data)
    return {key: _decoded_rows(part) if key == "annotations" else _any.decode(part) for key, part in parts.items()}


def write_coco(path: str | Path, coco: dict[str, Any], overwrite: bool = False) -> None:
    """Write the result of ``decode_coco`` row by row; the whole text at once would double the memory.

    Raises:
        UserError: see ``src.files.write_atomically``.
    """
    write_pieces(path, _pieces(coco), overwrite)


def _decoded_rows(data: msgspec.Raw) -> list[Any]:
    rows = _rows.decode(data)
    for index, text in enumerate(rows):  # in place, for the memory
        row = _any.decode(text)
        long = [key for key, value in row.items() if _is_long(key, value)] if type(row) is dict else ()
        if long:
            fields = _fields.decode(text)
            row |= {key: fields[key] for key in long}
        rows[index] = row
    return rows


def _is_long(key: str, value: Any) -> bool:
    return type(value) in (list, dict) and key not in READ_KEYS


def _pieces(coco: dict[str, Any]) -> Iterator[str]:
    for number, (key, value) in enumerate(coco.items()):
        yield f"{', ' if number else '{'}{_spelled(key)}: "
        if key != "annotations":
            yield _spelled(value)
            continue
        for index, row in enumerate(value):
            fields = (f"{_spelled(name)}: {_field(field)}" for name, field in row.items())
            yield f"{', ' if index else '['}{{{', '.join(fields)}}}"
        yield "]" if value else "[]"
    yield "}\n"


def _field(value: Any) -> str:
    return bytes(value).decode("utf-8") if type(value) is msgspec.Raw else _spelled(value)
