"""User errors, and the entry point that turns them into a message and an exit status."""

import errno
import functools
import hashlib
import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from src.allocator import resume_collection
from src.wording import counted

Result = TypeVar("Result")

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HAS_FAULT = "the disk or network mount of {place} has a fault: correct that (dmesg tells more)"
_DISK_REMEDIES = {
    errno.ENOSPC: "make room on the disk of {place} (df -h, df -i)",
    errno.EDQUOT: "your quota on the disk of {place} is used up: remove files of yours there",
    errno.EFBIG: "{place} or a limit of the shell (ulimit -f) allows no file of this size: raise that",
    errno.EROFS: "{place} is mounted read-only: mount it for writing",
    errno.ENAMETOOLONG: "choose a shorter name",
    **dict.fromkeys((errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT), _HAS_FAULT),
}
SHOWN_FAULTS = 5  # of a list in an error; `entry_point` writes the whole list into a file


class UserError(Exception):
    """An error that the user can fix; ``str(error)`` is the whole message.

    Args:
        rows: the whole list, if the message has the first ``SHOWN_FAULTS`` of a longer one.
    """

    def __init__(self, message: str, rows: Sequence[str] = ()):
        self.rows = tuple(rows) if len(rows) > SHOWN_FAULTS else ()
        super().__init__(message)


class Summary(str):
    """One message on the fault of many things.

    Args:
        text: the message.
        rows: one for each thing, for the whole list.
    """

    rows: tuple[str, ...]

    def __new__(cls, text: str, rows: Iterable[str]):
        summary = super().__new__(cls, text)
        summary.rows = tuple(rows)
        return summary


class DataError(UserError):
    """Every fault found in one input, reported together.

    Args:
        title: what was read, e.g. the name of the annotation file.
        faults: one message per fault; the first ``SHOWN_FAULTS`` are shown, then the number of the others.
            A ``Summary`` is one message for many.
    """

    def __init__(self, title: str, faults: Sequence[str]):
        self.title = title
        self.faults = tuple(faults)
        count = counted(len(self.faults), "fault")
        lines = [f"{title}: {count}", *(f"  - {fault}" for fault in self.faults[:SHOWN_FAULTS])]
        if len(self.faults) > SHOWN_FAULTS:
            lines.append(f"  ... and {len(self.faults) - SHOWN_FAULTS} more")
        rows = [row for fault in self.faults for row in (fault.rows if isinstance(fault, Summary) else [fault])]
        super().__init__("\n".join(lines), rows)


class SeveralErrors(UserError):
    """The errors of several checks, in one message."""

    def __init__(self, errors: Sequence[UserError]):
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))
        self.rows = tuple(row for error in self.errors for row in error.rows)


def another_run(folder: object, file: str) -> UserError:
    """The fault that the folder for a new run holds ``file`` of another one."""
    return UserError(
        f"save_checkpoint_path: {folder} holds another run ({file}); choose another folder, continue that run with --resume, "
        "or replace it with --overwrite"
    )


class Faults:
    """Collects the errors of several checks, so that the user sees all of them at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def attempt(self, check: Callable[..., Result], *args: object) -> Result | None:
        """``check(*args)``; a UserError that it raises is collected, and None is returned."""
        try:
            return check(*args)
        except UserError as error:
            self.errors += error.errors if isinstance(error, SeveralErrors) else [error]
            return None

    def add_new(self, errors: Sequence[UserError]) -> None:
        """Collect errors of another check, without the faults of files that are told already, under whatever path of the same file."""
        told = {_on_disk(fault) for error in self.errors for fault in getattr(error, "faults", [str(error)])}
        for error in errors:
            faults = getattr(error, "faults", [str(error)])
            left = [fault for fault in faults if _on_disk(fault) not in told]
            if len(left) == len(faults):
                self.errors.append(error)
            elif left:
                self.errors.append(DataError(error.title, left))

    def report(self) -> None:
        """Raise the collected errors as one, if there are any."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise SeveralErrors(self.errors)


def _on_disk(fault: str) -> str:
    """A fault of a file, "path: what", by the real path."""
    path, _, what = fault.partition(": ")
    try:
        return f"{os.path.realpath(path)}: {what}"
    except ValueError:  # a null character
        return fault


def reason_of(error: Exception, path: object) -> str:
    """What an exception of a library says, without the name of the file, which the message begins with."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    for name in dict.fromkeys((repr(Path(str(path))), repr(str(path)), f'"{path}"', str(path))):
        text = text.replace(f" {name}", "").replace(name, "")
    return re.sub(r" ?<_io\.\w+ [^>]*>", "", text).strip(" :") or type(error).__name__


def disk_remedy(error: OSError, place: object) -> str:
    """The end of a message about an output that the system refuses to write: what to do; empty if the reason is none of the disk.

    Args:
        place: folder of the output.
    """
    remedy = _DISK_REMEDIES.get(error.errno, "").format(place=place)
    return f"; {remedy}, or choose another folder for the output" if remedy else ""


def printable(text: str) -> str:
    """A text for the terminal: control characters, which names and files may hold, are spelt as Python spells them."""
    return "".join(repr(letter)[1:-1] if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def _drop_output() -> None:
    """Write to nowhere what Python flushes at exit, if it cannot be written where it should."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_whole_list(rows: Sequence[str], source: str) -> str:
    """Where the whole list of an error was written, as a line of a message; empty if that is not possible.

    Args:
        source: what the faults are of; its next list takes the place of this one.
    """
    name = hashlib.sha256(f"{os.getcwd()}\n{source}".encode(errors="surrogateescape")).hexdigest()[:8]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="faults_", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.writelines(f"{row}\n" for row in rows)
    except OSError:
        return ""
    path = Path(file.name).with_name(f"faults_{name}.txt")
    try:
        os.replace(file.name, path)
    except OSError:  # it is of another user
        path = Path(file.name)
    return f"the whole list: {path}"


def first_and_list(rows: Sequence[str], source: str) -> list[str]:
    """The first lines of an output and, if there are more than ``SHOWN_FAULTS``, how many more and where all of them were written.

    Args:
        source: what they are of, see ``write_whole_list``.
    """
    more = len(rows) - SHOWN_FAULTS
    if more <= 0:
        return list(rows)
    return [*rows[:SHOWN_FAULTS], f"... and {more:,} more", *filter(None, [write_whole_list(rows, source)])]


def entry_point(main: Callable[..., object]) -> Callable[..., object]:
    """Wrap the ``main`` of a script: on a UserError print it and exit with status 2, on Ctrl-C with 130.

    If its output is piped into ``head`` or ``less`` and they stop reading, it exits with 141, as after SIGPIPE.

    An OSError that names a file (name too long, no permission) is also reported in one line, and so is a full disk: without
    a name it is that of the standard output. So is a lack of memory.

    Every other exception is a bug and keeps its traceback.
    """

    @functools.wraps(main)
    def run(*args, **kwargs):
        resume_collection()
        try:
            result = main(*args, **kwargs)
            sys.stdout.flush()
            return result
        except UserError as error:
            lines = f"error: {error}".split("\n")
            lines += (
                [whole] if error.rows and (whole := write_whole_list(error.rows, lines[0].partition(": ")[2])) else []
            )
            print("\n".join(map(printable, lines)), file=sys.stderr)
            _drop_output()
            sys.exit(2)
        except KeyboardInterrupt:
            print("interrupted by Ctrl-C", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:
            _drop_output()
            sys.exit(141)
        except MemoryError as error:
            print(f"error: not enough memory: {printable(str(error)) or 'no more is to be had'}", file=sys.stderr)
            sys.exit(2)
        except OSError as error:
            if error.filename is None and error.errno not in _DISK_FULL:
                raise
            name = "the output cannot be written" if error.filename is None else printable(str(error.filename))
            place = "the output" if error.filename is None else printable(os.path.dirname(str(error.filename)) or ".")
            remedy = disk_remedy(error, place) if error.errno in (*_DISK_FULL, errno.EROFS) else ""
            print(f"error: {name}: {error.strerror}{remedy}", file=sys.stderr)
            _drop_output()
            sys.exit(2)

    return run
