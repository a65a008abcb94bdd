"""The log of a run: lines on the console and in log.txt, scalars in metrics.jsonl and TensorBoard files."""

import contextlib
import json
import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from src.engine.progress.tensorboard_curves import Curves
from src.engine.progress.terminal_line import Progress, terminal_of_run
from src.files import cannot_write, write_text
from src.semi.step_sums import STEP_KEYS


def averages_of(sums: dict[str, float], count: int) -> dict[str, float | None]:
    """Averages over `count` steps; losses are averaged over steps that were not skipped, None if all were."""
    taken = count - sums["overflow"]
    means = {name: sums[name] / count for name in STEP_KEYS}
    return {name: sum_ / taken if taken > 0 else None for name, sum_ in sums.items()} | means


# In metrics.jsonl, seconds: of a step of each phase, before a run was started, and of an image in detection.
BURN_IN, TEACHER, IMAGE = "burn_in_step_time", "teacher_step_time", "image_time"


class TimeLeft(Protocol):
    """See src/engine/progress/time_left.py, which imports this module."""

    is_compiled: bool

    def took(self, step: int, seconds: float, is_wait: bool = False) -> None:
        """A step took so long; or the wait for the device did, after it."""

    def evaluation_took(self, done: int, seconds: float) -> None:
        """The evaluation after `done` steps took so long."""

    def after(self, done: int) -> float | None:
        """Seconds that are left of the run after `done` steps; None: not known yet."""


class RunLog:
    """The log of one process of a run; only rank 0 writes files.

    Args:
        folder: of the run.
        first_step, last_step: first step since start or resume, and end of the run; for progress and time left. Rows of
            metrics.jsonl from first_step on are removed, because these steps are repeated.
        known_rows: number of rows that the resumed state knows; later ones are removed, such as those of an evaluation
            that is repeated. None: not known.

    Attributes:
        rows: number of rows in metrics.jsonl.
        removed_rows: number of removed rows.
        time_left: adds up what is left of the run; None: nobody does.
        failure: the first file that could not be written, and the reason; None: none. The loop ends the run then.
    """

    def __init__(self, folder: Path, rank: int, first_step: int, last_step: int, known_rows: int | None = None) -> None:
        self.rank = rank
        self.first_step, self.last_step = first_step, last_step
        self.logger = logging.getLogger(f"run.rank{rank}")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.handlers.clear()
        self.progress = Progress(first_step, last_step, terminal_of_run() if rank == 0 else None)
        handlers: list[logging.Handler] = [_Console(self.progress)]
        self.metrics = self.curves = None
        self.rows = self.removed_rows = 0
        self.failure: str | None = None
        self.time_left: TimeLeft | None = None
        if rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            handlers.append(_LogFile(folder / "log.txt", self._note_failure))
            self.rows, self.removed_rows = keep_rows_before(folder / "metrics.jsonl", first_step, known_rows)
            self.metrics = (folder / "metrics.jsonl").open("a", encoding="utf-8")
            self.curves = Curves(folder / "tensorboard", first_step)
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self.logger.addHandler(handler)

    def info(self, message: str) -> None:
        """Log a message, from rank 0 only."""
        if self.rank == 0:
            self.logger.info(message)

    def details(self, message: str) -> None:
        """Log a message that is too long for a console: in log.txt only, from rank 0 only."""
        if self.rank == 0:
            self.logger.info(message, extra={"of_details": True})

    def warning(self, step: int, watcher: str, message: str) -> None:
        """Log a warning, from rank 0 only: a line of log.txt and a row of metrics.jsonl.

        Args:
            step: the last step, counted from 0.
            watcher: name of the watcher.
            message: the fault and its remedy.
        """
        if self.rank == 0:
            self.logger.warning(message)
            self._write_row({"step": step, "warning": message, "watcher": watcher})

    def steps(self, step: int, averages: dict[str, float | None], iter_time: float, data_time: float) -> None:
        """Write a log line: averages since the last one, seconds per step, progress, time left."""
        losses = {name: value for name, value in averages.items() if name.endswith(("_loss", "_pseudo"))}
        parts = [f"rank_id:{self.rank}, step: {step}, avg loss: {_format_loss(averages['loss'])}"]
        parts += [f"{name}: {_format_loss(value)}" for name, value in losses.items()]
        if averages.get("pseudo_boxes") is not None:
            score = averages["pseudo_score"] / averages["pseudo_boxes"] if averages["pseudo_boxes"] > 0 else 0.0
            averages = {**averages, "pseudo_score": score}
            parts.append(f"pseudo boxes per image: {averages['pseudo_boxes']:.2f} (mean score {score:.2f})")
        parts += [f"iter_time: {iter_time:.3f}", f"data_time: {data_time:.3f}"]
        parts += [f"{name}: {averages[name]:.6f}" for name in STEP_KEYS]
        parts.append(f"progress: {(step + 1) / self.last_step:.1%}")
        if (left := self.seconds_left(step + 1)) is not None:
            parts.append(f"time left: {timedelta(seconds=round(left))}")
        self.logger.info(", ".join(parts), extra={"of_steps": True})
        self.scalars(step, {**averages, "iter_time": iter_time, "data_time": data_time})

    def seconds_left(self, done: int) -> float | None:
        """Seconds that are left of the run after `done` steps, evaluations and compilation included; None: not known yet."""
        return None if self.time_left is None else self.time_left.after(done)

    def first_step_done(self, step: int) -> None:
        """Log that the first step after a resume is done; call it if that step has no log line."""
        self.info(f"step {step} is done, the network is compiled")

    def scalars(self, step: int, values: dict[str, float | None]) -> None:
        """Write one row of metrics.jsonl and one point per TensorBoard curve."""
        if self.metrics is None:
            return
        self.progress.note(values)
        self._write_row({"step": step, **values})
        try:
            self.curves.add(step, values)
        except OSError as error:
            self._note_failure("tensorboard", error)

    def _write_row(self, values: dict) -> None:
        try:
            self.metrics.write(json.dumps(values, ensure_ascii=False) + "\n")
            self.metrics.flush()
            self.rows += 1
        except OSError as error:
            self._note_failure(self.metrics.name, error)

    def _note_failure(self, file: str, error: OSError) -> None:
        self.failure = self.failure or str(cannot_write(file, error))

    def close(self) -> None:
        """Flush and close all files; what is logged under this name afterwards goes where other loggers write."""
        self.progress.close()
        handlers = list(self.logger.handlers)
        for handler in handlers:  # one of a closed file would open it again
            self.logger.removeHandler(handler)
        self.logger.propagate = True
        for file in (*handlers, *(file for file in (self.metrics, self.curves) if file is not None)):
            with contextlib.suppress(OSError):  # the disk is full, which was noted before
                file.close()


class _Console(logging.StreamHandler):
    """Standard output, without details; lines of steps stay out of a terminal that shows the progress."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(sys.stdout)
        self.progress = progress
        self.addFilter(lambda record: not getattr(record, "of_details", False))
        if progress.bar is not None:
            self.addFilter(lambda record: not getattr(record, "of_steps", False))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line where the progress was."""
        self.progress.clear()
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Pass over a console that has gone: the line is in log.txt, too."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _LogFile(logging.FileHandler):
    """log.txt; `on_failure` is called with its path and the error if a line cannot be written."""

    def __init__(self, path: Path, on_failure: Callable[[str, OSError], None]) -> None:
        super().__init__(path, encoding="utf-8")
        self.on_failure = on_failure

    def handleError(self, record: logging.LogRecord) -> None:
        """Report an error of the disk; any other one is a bug."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.on_failure(self.baseFilename, error)
        else:
            super().handleError(record)


def _format_loss(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.5f}"


def keep_rows_before(path: Path, step: int, known: int | None = None) -> tuple[int, int]:
    """Remove rows of `step` and later steps, those after the first `known` ones, and incomplete lines.

    Args:
        path: metrics.jsonl; it may not exist.

    Returns:
        Numbers of kept and of removed lines.
    """
    lines = []
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:  # only \n ends a line, not \r
            lines = list(file)
    kept = [line for line in lines[:known] if line.endswith("\n") and _step(line) < step]
    if len(kept) < len(lines):
        write_text(path, "".join(kept), overwrite=True)
    return len(kept), len(lines) - len(kept)


def _step(line: str) -> float:
    """The step of a row; infinity if the line cannot be parsed."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
