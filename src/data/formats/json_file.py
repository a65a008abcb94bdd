"""Read any JSON file; errors give line and column."""

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from src.errors import DataError, UserError
from src.files import read_regular, reading_fault

_TOO_DEEP = "not a data file: its lists or objects lie in one another too deeply to be read"


def read_json(path: str | Path, decode: Callable[[bytes], Any] = msgspec.json.decode) -> Any:
    """The value of a JSON file.

    Args:
        decode: a decoder of msgspec; that of a ``TypedDict`` skips all other fields, which saves memory. A file that it
            rejects is returned fully decoded if it is valid JSON, so that the caller can report its faults.

    Raises:
        UserError: the file is missing or cannot be read.
        DataError: it is not JSON, or not UTF-8.
    """
    try:
        data = read_regular(path).removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return decode(data)  # msgspec is three times as fast on large files; the standard
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _explained(path, data)  # library accepts NaN and reports the line of an error
    except RecursionError:
        raise DataError(str(path), [_TOO_DEEP]) from None


def _explained(path: str | Path, data: bytes) -> Any:
    try:
        value = json.loads(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode(
            "utf-8"
        )  # an escape can stand for a lone surrogate, which UTF-8 cannot encode
        return value
    except json.JSONDecodeError as error:
        fault = f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        if not data.strip(b" \t\r\n\0"):
            fault = "not valid JSON: the file is empty; write it again"
    except UnicodeDecodeError as error:
        fault = reading_fault(error)
    except UnicodeEncodeError as error:
        fault = f"half a character, {error.object[error.start]!r}, in a text; correct the text"
    except ValueError:  # Python reads no number of more than 4300 digits
        fault = "not a data file: it has a number of thousands of digits; correct the number"
    except RecursionError:
        fault = _TOO_DEEP
    raise DataError(str(path), [fault]) from None
