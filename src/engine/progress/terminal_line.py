"""One line of the terminal that is always up to date: phase, step, losses, AP so far, time left."""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from tqdm import tqdm

TERMINAL = "PROGRESS_TTY"  # set by the launch scripts, whose programs write through tee to a terminal of this name
_COLUMNS = 100  # where the terminal does not say how wide it is
# The remaining time of tqdm would count the steps alone.
_FORMAT = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<LEFT, {rate_fmt}{postfix}]"


class Progress:
    """The line; nothing where there is no terminal.

    Args:
        first_step, last_step: the steps that this start will do.
        terminal: where it is shown; None: nowhere.
    """

    def __init__(self, first_step: int, last_step: int, terminal: TextIO | None) -> None:
        self.shown: dict[str, str] = {}
        self.bar = None
        if terminal is not None:
            has_size = (
                os.get_terminal_size(terminal.fileno()).columns > 0
            )  # on a terminal of unknown size tqdm shows nothing
            self.bar = tqdm(
                desc="training",
                total=last_step,
                initial=first_step,
                unit="step",
                file=terminal,
                ncols=None if has_size else _COLUMNS,
                dynamic_ncols=has_size,
                leave=False,
                bar_format=_FORMAT.replace("LEFT", "?"),
            )

    def step(self, done: int, phase: str, left: float | None) -> None:
        """So many steps of the run are done, the last one in a phase; `left`: seconds that the run still takes, if that is known."""
        if self.bar is not None:
            self.bar.bar_format = _FORMAT.replace("LEFT", "?" if left is None else tqdm.format_interval(left))
            self.bar.set_description_str(phase, refresh=False)
            self.bar.update(done - self.bar.n)

    def note(self, values: Mapping[str, float | None]) -> None:
        """Take what is worth showing from a row of numbers."""
        if self.bar is None:
            return
        for key, name, digits in (("loss", "loss", 3), ("pseudo_boxes", "pseudo-boxes", 1)):
            if values.get(key) is not None:
                self.shown[name] = f"{values[key]:.{digits}f}"
        scores = [
            value for key, value in values.items() if key.endswith("/AP") and key.count("/") == 1 and value is not None
        ]
        if scores:
            self.shown["AP"] = f"{max(scores):.3f}"
        self.bar.set_postfix(self.shown, refresh=False)

    def clear(self) -> None:
        """Clear the line for a log message; it is printed again at the next step."""
        if self.bar is not None:
            self.bar.clear()

    def close(self) -> None:
        """Remove the line."""
        if self.bar is not None:
            self.bar.close()


def terminal_of_run() -> TextIO | None:
    """The terminal that a user looks at: standard output, or the one that PROGRESS_TTY names; None if there is none."""
    if sys.stdout.isatty():
        return sys.stdout
    try:
        return open(os.environ[TERMINAL], "w", encoding="utf-8") if TERMINAL in os.environ else None
    except OSError:
        return None
