"""A folder that one process fills under a file lock while the others wait; it appears complete or not at all."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError
from src.files import cannot_write, sync

_PAUSE = 0.1  # seconds between two attempts to get the lock


def make_once(
    folder: Path,
    fault_of: Callable[[Path], str | None],
    make: Callable[[Path], None],
    wait: float,
    say: Callable[[str], None],
) -> None:
    """Return once ``folder`` exists and ``fault_of`` finds no fault; one of all callers on this machine makes it.

    The system releases the lock when its process ends; the unfinished folder of a killed process is never used.

    Args:
        fault_of: what is wrong with the folder, e.g. "is not there"; None: nothing.
        make: fills an empty folder, which is then renamed to ``folder``; an existing folder with a fault is replaced.
        wait: seconds to wait for the process that makes it.
        say: logs a message: why the folder is made, or that another process holds the lock.

    Raises:
        UserError: another process takes longer than ``wait``, or the folder cannot be written.
    """
    if fault_of(folder) is None:
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock"), wait, say):
            fault = fault_of(folder)
            if fault is None:
                return
            say(f"{folder} {fault}: creating it")
            unfinished = folder.with_name(folder.name + ".unfinished")
            if unfinished.exists():  # of a process that was killed
                shutil.rmtree(unfinished)
            unfinished.mkdir()
            try:
                make(unfinished)
                for file in unfinished.iterdir():
                    sync(file)
                if folder.exists():
                    shutil.rmtree(folder)
                os.replace(unfinished, folder)
                sync(folder.parent)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


@contextmanager
def _locked(path: Path, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    until = time.monotonic() + wait
    announced = False
    with open(path, "a", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise UserError(
                        f"{path}: another process has held this lock for {wait:g} s; wait until it is done, or raise the "
                        "time (mindrecord_wait)"
                    ) from None
            if not announced:
                say(f"another process holds {path}: waiting for it, {wait:g} s at most")
                announced = True
            time.sleep(_PAUSE)
        yield
