"""A SHA-256 checksum at the end of a checkpoint, which detects truncated and changed files.

It is encoded as an unknown protocol buffer field, which checkpoint readers skip.
"""

import hashlib
from pathlib import Path

# Tag of field 1000 (type bytes) and the length 32; the SHA-256 of everything before the tag follows.
_MARK = b"\xc2\x3e\x20"
_DIGEST_BYTES = 32
_BLOCK = 2**20


def append_checksum(path: Path) -> None:
    """Append the checksum of a file to the file."""
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(_MARK + digest)


def is_intact(path: Path) -> bool:
    """Whether a file ends with the checksum of everything before it."""
    length = path.stat().st_size - len(_MARK) - _DIGEST_BYTES
    if length < 0:
        return False
    with path.open("rb") as file:
        file.seek(length)
        end = file.read()
    return end == _MARK + _digest(path, length)


def _digest(path: Path, length: int) -> bytes:
    """The SHA-256 of the first `length` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(_BLOCK, length))):
            digest.update(block)
            length -= len(block)
    return digest.digest()
