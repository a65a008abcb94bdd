"""Stop requests: a signal makes a run save and exit after the current step, and print the command that resumes it.

The signals are SIGTERM (of schedulers, containers and `kill`), SIGINT (Ctrl-C) and SIGHUP (a closed terminal); the exit status is
128 plus the number of the signal: 143, 130, 129. One stop may send several signals: a job scheduler, for example,
signals both this process and the launch script, which forwards the signal. So only a second SIGINT ends the process at
once. While MindSpore computes, a SIGINT arrives as SIGTERM; which of them it was, only the launch script knows.
"""

import contextlib
import os
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Self

from src.checkpoint.run_folder import RunFolder
from src.config.load import Config

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CAUSES = {
    signal.SIGTERM: "SIGTERM",
    signal.SIGINT: "SIGINT (Ctrl-C)",
    signal.SIGHUP: "SIGHUP (the terminal was closed)",
}
_SIGNAL_FILE = "STOP_SIGNAL_FILE"  # variable of the launch scripts: the file with the signal that they received


class StopRequest:
    """Context manager that records stop signals instead of ending the process.

    Only rank 0 stops on a signal. The other ranks continue until the launcher ends them: if one stopped by itself, rank 0 would
    wait for its gradients in the middle of a step, before it could save.

    Attributes:
        requested: the first signal received, None before.
    """

    def __init__(self, rank: int, announced: bool = True) -> None:
        """``announced``: whether rank 0 says at once that it will stop."""
        self.rank = rank
        self.announced = announced and rank == 0
        self.requested: signal.Signals | None = None
        self.previous_handlers: dict[signal.Signals, object] = {}
        self.announcement = _Announcement()

    def __enter__(self) -> Self:
        if self.announced:
            self.announcement.start()
        # `nohup` sets SIGHUP to be ignored, so that a run outlives its terminal: leave that.
        handled = [
            number for number in SIGNALS if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN)
        ]
        self.previous_handlers = {number: signal.signal(number, self._handle) for number in handled}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)
        self.announcement.stop()

    def cause(self) -> str:
        """What stopped it: the signal of the launch script, which passes on SIGTERM for each, else the first one received."""
        if number := _signal_of_script():
            return _CAUSES[number]
        return "SIGTERM or Ctrl-C" if self.requested == signal.SIGTERM else _CAUSES[self.requested]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.rank == 0 and self.requested is None:
            self.requested = signal.Signals(number)
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _signal_of_script() -> signal.Signals | None:
    """The signal that the launch script received; None if there is no launch script, or it received none."""
    try:
        return signal.Signals[Path(os.environ[_SIGNAL_FILE]).read_text(encoding="ascii").strip()]
    except (KeyError, OSError, ValueError):
        return None


class _Announcement:
    """Says at once that a stop request has arrived. Python runs a handler only when the call to MindSpore returns, which may compile
    for minutes; but the number of the signal goes into a socket at once, and a thread waits for it there."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        self.reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        self.previous = signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        if self.thread is not None:
            signal.set_wakeup_fd(self.previous)
            self.writer.close()
            self.thread.join()
            self.reader.close()
            self.thread = None

    def _wait(self) -> None:
        while number := self.reader.recv(1):
            if number[0] in SIGNALS:
                what = "the terminal was closed" if number[0] == signal.SIGHUP else "Ctrl-C or SIGTERM"
                with contextlib.suppress(OSError, ValueError):  # the terminal may have gone
                    print(
                        f"stop requested ({what}): the run saves and stops after the step that is being computed (the first one compiles for minutes)",
                        file=sys.stderr,
                        flush=True,
                    )
                return


def resume_command(config: Config, folder: RunFolder) -> str:
    """The command line that resumes a run from any folder; all other settings are in its folder. Paths in them may be relative to
    the folder in which the run was started."""
    words = ["--config_path", str(folder.config), "--resume"]
    if config.run_distribute:
        return f"the same launcher and train.py with {shlex.join(words)}"
    command = shlex.join([sys.executable, sys.argv[0], *words])
    try:
        return f"cd {shlex.quote(os.getcwd())} && {command}"
    except FileNotFoundError:  # it was removed while the run went on
        return command
