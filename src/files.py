"""Files are written whole or not at all, and nothing is overwritten unasked."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.errors import UserError


def check_free(path: str | Path, overwrite: bool) -> None:
    """Raise a UserError if ``path`` is taken and may not be overwritten; call it before any work is done."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: a folder stands where a file is to be written; choose another name")
    if path.exists() and not overwrite:
        raise UserError(f"{path}: exists already; choose another name, or pass --overwrite to replace it")


def write_whole(path: str | Path, write: Callable[[Path], None], overwrite: bool = False) -> None:
    """Let ``write`` fill a temporary file in the folder of ``path``, then move it into place.

    Missing parent folders are made. A reader sees the old file or the whole new one, also after a crash.

    Raises:
        UserError: the target exists and ``overwrite`` is False, or the system refuses to write.
    """
    path = Path(path)
    check_free(path, overwrite)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept because some writers (OpenCV, MindSpore) choose the format by it or append it.
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files private
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8; see ``write_whole``."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), overwrite)


def write_json(path: str | Path, value: Any, overwrite: bool = False, indent: int | None = None) -> None:
    """Write ``value`` as UTF-8 JSON with names kept readable (no escapes); see ``write_whole``."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n", overwrite)


def file_hash(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
