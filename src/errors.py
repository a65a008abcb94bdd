"""User errors, and the entry point that turns them into a message and an exit status."""

import functools
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")

SHOWN_FAULTS = 20  # about one screen; the others are counted


class UserError(Exception):
    """A mistake that the user can fix; ``str(error)`` is the whole message."""


class DataError(UserError):
    """Every fault found in one input, reported together.

    Args:
        title: what was read, e.g. the name of the annotation file.
        faults: one sentence per fault; the first 20 are shown and the rest is counted.
    """

    def __init__(self, title: str, faults: Sequence[str]):
        self.title = title
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"{title}: {count}", *(f"  - {fault}" for fault in self.faults[:SHOWN_FAULTS])]
        if len(self.faults) > SHOWN_FAULTS:
            lines.append(f"  ... and {len(self.faults) - SHOWN_FAULTS} more")
        super().__init__("\n".join(lines))


class Faults:
    """Collects the mistakes of several checks, so that the user sees all of them at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def attempt(self, check: Callable[..., Result], *args: object) -> Result | None:
        """``check(*args)``, or None after keeping the UserError that it raised."""
        try:
            return check(*args)
        except UserError as error:
            self.errors.append(error)
            return None

    def report(self) -> None:
        """Raise one UserError with everything that was found, if anything was."""
        if self.errors:
            raise UserError("\n".join(map(str, self.errors)))


def printable(text: str) -> str:
    """A text for the terminal: control characters, which names and files may hold, are spelt as Python spells them."""
    return "".join(repr(letter)[1:-1] if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def entry_point(main: Callable[..., object]) -> Callable[..., object]:
    """Wrap the ``main`` of a script: a UserError is printed and ends it with status 2, Ctrl-C ends it with 130.

    If its output is piped into ``head`` or ``less`` and they stop reading, it ends with 141, as other programs do.

    An OSError that names a file, such as a name that is too long or a folder that may not be entered, is told in one line, too.

    Every other exception is a defect of the program and keeps its traceback.
    """

    @functools.wraps(main)
    def run(*args, **kwargs):
        try:
            result = main(*args, **kwargs)
            sys.stdout.flush()
            return result
        except UserError as error:
            print("\n".join(map(printable, f"error: {error}".split("\n"))), file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("stopped by the keyboard", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
            sys.exit(141)
        except OSError as error:
            if error.filename is None:
                raise
            print(f"error: {printable(str(error.filename))}: {error.strerror}", file=sys.stderr)
            sys.exit(2)

    return run
