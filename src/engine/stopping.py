"""A run that is asked to stop does so between two steps, after saving, and says how to go on.

SIGTERM (what schedulers, containers and `kill` send), SIGINT (Ctrl-C) and SIGHUP (a closed terminal) ask; the exit status is
128 plus the number of the signal: 143, 130, 129. One cause may send several of them: a job scheduler, for example, signals this
process and the launch script, which passes the signal on. So only a second SIGINT ends the process at once. While MindSpore
computes, it turns SIGINT into SIGTERM.
"""

import shlex
import signal
import sys
from types import FrameType
from typing import Self

from src.checkpoint.run_folder import RunFolder
from src.config.load import Config

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequest:
    """Listens for signals while it is entered.

    Only rank 0 takes them. The others go on until the launcher ends them, for a rank that left by itself would leave rank 0
    waiting for its gradients in the middle of a step, with nothing saved.

    Attributes:
        asked: the first signal that came, None before.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.asked: signal.Signals | None = None
        self.before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        # `nohup` ignores SIGHUP, so that a run outlives its terminal.
        heard = [number for number in SIGNALS if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN)]
        self.before = {number: signal.signal(number, self._take) for number in heard}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.rank == 0 and self.asked is None:
            self.asked = signal.Signals(number)
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def resume_command(config: Config, folder: RunFolder) -> str:
    """What to type to go on with a run. Its folder knows all settings, so nothing else has to be told again."""
    words = ["--config_path", str(folder.config), "--resume"]
    if config.run_distribute:
        return f"the same launcher and train.py with {shlex.join(words)}"
    return shlex.join([sys.executable, sys.argv[0], *words])
