"""Limits of the memory that a weight file may take, so that a small file cannot exhaust the memory of the machine.

A file becomes larger in memory if it is compressed, or if tensors share or repeat numbers. Published weights grow little: to twice
their size if they are bfloat16, or a few times where parts of a network share their weights.
"""

import zipfile
from collections import Counter
from pathlib import Path

from src.errors import UserError

MOST_GROWTH = 4  # times the size of the file
ALWAYS_ALLOWED = 2**30  # bytes, whatever the size of the file
_COMPRESSIONS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # the other decompressors may return more bytes than requested


def check_memory(path: Path, needed: int) -> None:
    """Raise a UserError if `needed` bytes of numbers are more than this file may take."""
    size = path.stat().st_size
    if needed > max(MOST_GROWTH * size, ALWAYS_ALLOWED):
        raise UserError(
            f"{path}: {size:,} bytes that become {needed:,} bytes in memory; expected at most {MOST_GROWTH} times the file, or "
            f"{ALWAYS_ALLOWED // 2**30} GiB. Save it without compression, and each tensor with its own numbers (in PyTorch "
            "tensor.clone(memory_format=torch.contiguous_format))"
        )


def check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise a UserError if a zip archive is unsafe to read: too large unpacked, duplicate names, unusual compression."""
    members = archive.infolist()
    repeated = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if repeated:
        raise UserError(
            f"{path}: has {len(repeated)} names more than once, such as {repeated[0]!r:.100}; create the archive again"
        )
    unusual = [member.filename for member in members if member.compress_type not in _COMPRESSIONS]
    if unusual:
        raise UserError(f"{path}: {unusual[0]!r:.100} is neither stored nor deflated; create the archive again")
    check_memory(path, sum(member.file_size for member in members))


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The content of a member, at most as long as the archive states, which `check_archive` has checked.

    Raises:
        ValueError: there is no such member, or it is shorter.
    """
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"the file has no {name!r:.100}") from None
    with archive.open(member) as file:
        content = file.read(member.file_size)
    if len(content) != member.file_size:
        raise ValueError(f"{name!r:.100} has {len(content)} bytes, expected {member.file_size}")
    return content
