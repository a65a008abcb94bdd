"""The log of a run: lines on the console and in log.txt, scalars in metrics.jsonl and TensorBoard files."""

import json
import logging
import sys
import time
from datetime import timedelta
from pathlib import Path

from tensorboardX import SummaryWriter

from src.engine.progress.terminal_line import Progress, terminal_of_run
from src.files import write_text
from src.semi.step_sums import STEP_KEYS


def averages_of(sums: dict[str, float], count: int) -> dict[str, float | None]:
    """Averages over `count` steps; losses are averaged over steps that were not skipped, None if all were."""
    taken = count - sums["overflow"]
    means = {name: sums[name] / count for name in STEP_KEYS}
    return {name: sum_ / taken if taken > 0 else None for name, sum_ in sums.items()} | means


class RunLog:
    """The log of one process of a run; only rank 0 writes files.

    Args:
        folder: of the run.
        first_step, last_step: first step since start or resume, and end of the run; for progress and time left. Rows of
            metrics.jsonl from first_step on are removed, because these steps are repeated.

    Attributes:
        removed_rows: number of removed rows.
    """

    def __init__(self, folder: Path, rank: int, first_step: int, last_step: int) -> None:
        self.rank = rank
        self.first_step, self.last_step = first_step, last_step
        self.started = time.monotonic()
        self.logger = logging.getLogger(f"run.rank{rank}")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.handlers.clear()
        self.progress = Progress(first_step, last_step, terminal_of_run() if rank == 0 else None)
        handlers: list[logging.Handler] = [_Console(self.progress)]
        self.metrics = self.curves = None
        self.removed_rows = 0
        if rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(folder / "log.txt", encoding="utf-8"))
            self.removed_rows = keep_rows_before(folder / "metrics.jsonl", first_step)
            self.metrics = (folder / "metrics.jsonl").open("a", encoding="utf-8")
            self.curves = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step or None)
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self.logger.addHandler(handler)

    def info(self, message: str) -> None:
        """Log a message, from rank 0 only."""
        if self.rank == 0:
            self.logger.info(message)

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
        if step == self.first_step:
            self.started = time.monotonic()  # the first step includes compilation
        else:
            left = (time.monotonic() - self.started) / (step - self.first_step) * (self.last_step - step - 1)
            parts.append(f"time left: {timedelta(seconds=round(left))}")
        self.logger.info(", ".join(parts), extra={"of_steps": True})
        self.scalars(step, {**averages, "iter_time": iter_time, "data_time": data_time})

    def first_step_done(self, step: int) -> None:
        """Log that the first step after a resume is done; call it if that step has no log line."""
        self.started = time.monotonic()
        self.info(f"step {step} is done, the network is compiled")

    def scalars(self, step: int, values: dict[str, float | None]) -> None:
        """Write one row of metrics.jsonl and one point per TensorBoard curve."""
        if self.metrics is None:
            return
        self.progress.note(values)
        self._write_row({"step": step, **values})
        for name, value in values.items():
            if value is not None:
                self.curves.add_scalar(name, value, step)

    def _write_row(self, values: dict) -> None:
        self.metrics.write(json.dumps(values, ensure_ascii=False) + "\n")
        self.metrics.flush()

    def close(self) -> None:
        """Flush and close all files."""
        self.progress.close()
        for handler in self.logger.handlers:
            handler.close()
        if self.metrics is not None:
            self.metrics.close()
            self.curves.close()


class _Console(logging.StreamHandler):
    """Standard output; lines of steps stay out of a terminal that shows the progress."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(sys.stdout)
        self.progress = progress
        if progress.bar is not None:
            self.addFilter(lambda record: not getattr(record, "of_steps", False))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line where the progress was."""
        self.progress.clear()
        super().emit(record)


def _format_loss(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.5f}"


def keep_rows_before(path: Path, step: int) -> int:
    """Remove rows of `step` and later steps, and incomplete lines.

    Args:
        path: metrics.jsonl; it may not exist.

    Returns:
        Number of removed lines.
    """
    lines = []
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:  # only \n ends a line, not \r
            lines = list(file)
    kept = [line for line in lines if line.endswith("\n") and _step(line) < step]
    if len(kept) < len(lines):
        write_text(path, "".join(kept), overwrite=True)
    return len(lines) - len(kept)


def _step(line: str) -> float:
    """The step of a row; infinity if the line cannot be parsed."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
