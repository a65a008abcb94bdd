"""Profiles some steps of a run with MindSpore's profiler, which measures the time of each operator."""

from pathlib import Path

from mindspore.profiler import profile, tensorboard_trace_handler

from src.engine.log import RunLog


class StepProfile:
    """Profiles an interval of steps.

    Args:
        steps: first and last step, counted from 0; empty: no profile. A run that is resumed after the first one writes
            no profile.
        folder: output folder of the profiler.
        log: log of the run.
    """

    def __init__(self, steps: tuple[int, ...], folder: Path, log: RunLog) -> None:
        self.steps, self.folder, self.log = steps, folder, log
        self.profiler: profile | None = None

    def before(self, step: int) -> None:
        """Call it before each step."""
        if self.steps and step == self.steps[0]:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.profiler = profile(on_trace_ready=tensorboard_trace_handler(str(self.folder)))

    def after(self, step: int) -> None:
        """Call it after each step."""
        if self.profiler is not None and step == self.steps[1]:
            self.profiler.stop()
            self.profiler = None
            first, last = self.steps
            self.log.info(f"profile of steps {first} to {last} -> {self.folder}")
