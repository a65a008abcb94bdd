"""A run that is asked to stop does so between two steps, after saving, and says how to go on.

SIGTERM (what schedulers, containers and `kill` send) and SIGINT (Ctrl-C) ask; the exit status is 128 plus the number of the
signal, 143 and 130. While MindSpore computes, it passes SIGINT on as SIGTERM. A second signal ends the process where it
stands, as if nobody had listened.
"""

import shlex
import signal
import sys
from types import FrameType
from typing import Self

from src.checkpoint.run_folder import RunFolder
from src.config.load import Config

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Listens for signals while it is entered.

    Only rank 0 takes them. The others go on until the launcher ends them, for a rank that left by itself would leave rank 0
    waiting for its gradients in the middle of a step, with nothing saved.

    Attributes:
        asked: the signal that came, None before.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.asked: signal.Signals | None = None
        self.before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.rank == 0:
            self.asked = signal.Signals(number)
        for other in SIGNALS:
            signal.signal(other, signal.SIG_DFL)


def resume_command(config: Config, folder: RunFolder) -> str:
    """What to type to go on with a run. Its folder knows all settings, so nothing else has to be told again."""
    words = ["--config_path", str(folder.config), "--resume"]
    if config.run_distribute:
        return f"the same launcher and train.py with {shlex.join(words)}"
    return shlex.join([sys.executable, sys.argv[0], *words])
