"""Limits the memory that a weight file may take, so that a small file cannot exhaust the memory of the machine.

A file takes more memory than its size if it is compressed, or if tensors share storage or have strides of 0. For
published weights the factor is small: 2 for bfloat16, and a few times if parts of a network share weights.
"""

import zipfile
from collections import Counter
from pathlib import Path

from src.errors import UserError

MAX_GROWTH = 4  # memory / file size
ALWAYS_ALLOWED = 2**30  # bytes, whatever the size of the file
_COMPRESSIONS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # other decompressors may return more bytes than requested


def check_memory(path: Path, needed: int) -> None:
    """Raise a UserError if `needed` bytes of arrays are more than this file may take."""
    size = path.stat().st_size
    if needed > max(MAX_GROWTH * size, ALWAYS_ALLOWED):
        raise UserError(
            f"{path}: its {size:,} bytes take {needed:,} bytes in memory; expected at most {MAX_GROWTH} times its "
            "size, or "
            f"{ALWAYS_ALLOWED // 2**30} GiB. Save it without compression, and each tensor with its own storage (in "
            "PyTorch "
            "tensor.clone(memory_format=torch.contiguous_format))"
        )


def check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise a UserError if a zip archive is unsafe to read: too large when decompressed, duplicate names, unsupported
    compression."""
    members = archive.infolist()
    repeated = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if repeated:
        raise UserError(
            f"{path}: has {len(repeated)} duplicate member names, such as {repeated[0]!r:.100}; create the archive "
            "again"
        )
    unsupported = [member.filename for member in members if member.compress_type not in _COMPRESSIONS]
    if unsupported:
        raise UserError(
            f"{path}: {unsupported[0]!r:.100} has an unsupported compression, expected stored or deflated; create "
            "the archive again"
        )
    check_memory(path, sum(member.file_size for member in members))


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member, at most the size that the archive states, which `check_archive` has checked.

    Raises:
        ValueError: there is no such member, or it is shorter.
    """
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"the archive has no {name!r:.100}") from None
    with archive.open(member) as file:
        content = file.read(member.file_size)
    if len(content) != member.file_size:
        raise ValueError(f"{name!r:.100} has {len(content)} bytes, expected {member.file_size}")
    return content
