"""The remaining time of a run: from measured times where there are any, otherwise from estimates.

Estimates, in forward passes of one image: a training step takes 3 for each view; an unlabelled image adds 4, one of the teacher and
3 of the student; detection in an image takes 1. Compiling the step with the teacher takes as long as compiling the first one, and
compiling the detector a third of that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.evaluation import evaluation_schedule
from src.engine.inference.threshold_estimate import estimate_schedule
from src.engine.log import BURN_IN, IMAGE, TEACHER


@dataclass
class _Phase:
    """Seconds of the steps of this start in a phase: of the first, which may compile, and of the others."""

    steps: int = 0
    first: float = 0.0
    others: float = 0.0

    @property
    def step(self) -> float | None:
        """Mean seconds of the steps after the first; None before there are two."""
        return self.others / (self.steps - 1) if self.steps > 1 else None


class TimeLeft:
    """Adds up what is left of a run.

    Args:
        burn_in_steps, last_step: end of burn-in and of the run.
        schedule: (steps done, images over all networks) of each evaluation; estimates: the same of the estimates of thresholds.
        weights: how long the parts take (`BURN_IN`, `TEACHER`, `IMAGE`), compared with each other.
        in_seconds: whether the weights were measured, in seconds.
        is_compiled: whether everything is compiled before the first step.
    """

    def __init__(
        self,
        burn_in_steps: int,
        last_step: int,
        schedule: tuple[tuple[int, int], ...],
        weights: Mapping[str, float],
        *,
        in_seconds: bool = False,
        is_compiled: bool = False,
        estimates: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.burn_in_steps, self.last_step, self.schedule = burn_in_steps, last_step, schedule
        self.estimates = estimates
        self.weights, self.in_seconds, self.is_compiled = weights, in_seconds, is_compiled
        self.phases = {BURN_IN: _Phase(), TEACHER: _Phase()}
        self.image: float | None = None  # where it was measured, seconds of detection
        self.evaluations = self.evaluated = 0  # of this start; steps done at the last one

    def took(self, step: int, seconds: float, is_wait: bool = False) -> None:
        """A step took so long; or the wait for the device did, after it."""
        phase = self.phases[BURN_IN if step < self.burn_in_steps else TEACHER]
        phase.steps += not is_wait
        if phase.steps > 1:
            phase.others += seconds
        else:
            phase.first += seconds

    def evaluation_took(self, done: int, seconds: float) -> None:
        """The evaluation after `done` steps took so long, the first one with what it takes to compile by the rules."""
        if images := dict(self.schedule).get(done, 0):
            by_image = seconds / images
            if self.evaluations == 0:
                without = by_image - self._compilation() / 3 / images
                by_image = min(by_image, max(without, self._seconds().get(IMAGE, 0.0)))
            self.image, self.evaluations = by_image, self.evaluations + 1
        self.evaluated = done

    def after(self, done: int) -> float | None:
        """Seconds that are left after `done` steps, with the evaluation that is due then; None before two steps were measured, if
        there was no forecast."""
        if not (seconds := self._seconds()):
            return None
        burn_in = max(self.burn_in_steps - done, 0)
        with_teacher = self.last_step - max(done, self.burn_in_steps)
        images = sum(count for step, count in self.schedule if step >= done and step > self.evaluated)
        images += sum(count for step, count in self.estimates if step >= done)
        left = sum(
            count * seconds.get(part, 0.0)
            for part, count in ((BURN_IN, burn_in), (TEACHER, with_teacher), (IMAGE, images))
        )
        teacher_compiles = with_teacher > 0 and not self.phases[TEACHER].steps
        detector_compiles = images > 0 and not self.evaluations
        return left + self._compilation() * (teacher_compiles + detector_compiles / 3)

    def _seconds(self) -> dict[str, float]:
        """Of each part: measured, otherwise its weight scaled by the parts that were measured; empty before anything was."""
        measured = {name: phase.step for name, phase in self.phases.items() if phase.step}
        if not measured and not self.in_seconds:
            return {}
        units = [seconds / self.weights[name] for name, seconds in measured.items() if name in self.weights]
        unit = units[-1] if units else 1.0
        seconds = {name: weight * unit for name, weight in self.weights.items()} | measured
        return seconds if self.image is None else seconds | {IMAGE: self.image}

    def _compilation(self) -> float:
        """Estimated seconds of compilation: the first step of this start without the mean step."""
        known = [max(phase.first - phase.step, 0.0) for phase in self.phases.values() if phase.step]
        return known[0] if known and not self.is_compiled else 0.0


def time_left(config: Config, data: TrainingData, metrics: Path, is_compiled: bool) -> TimeLeft:
    """The time left of a run, with what its log knows of the parts.

    Args:
        metrics: metrics.jsonl, which has the forecast of a run that was timed before its first step, and its evaluations.
        is_compiled: whether the run was timed in this start.
    """
    views = config.batch_size * (2 if config.strong_view else 1)
    burn_in, unlabelled = 3 * views, config.unlabelled_batch_size
    rules = {
        BURN_IN: burn_in * config.accumulate_steps,
        TEACHER: (burn_in + 4 * unlabelled) * config.accumulate_steps,
        IMAGE: 1,
    }
    known = _logged(metrics)
    in_seconds = bool(known.keys() & {BURN_IN, TEACHER})
    burn_in_steps = min(config.burn_up_iter, config.max_iter)
    schedule = evaluation_schedule(config, data)
    weights = known if in_seconds else rules
    left = TimeLeft(
        burn_in_steps,
        config.max_iter,
        schedule,
        weights,
        in_seconds=in_seconds,
        is_compiled=is_compiled,
        estimates=estimate_schedule(config, data),
    )
    left.image = None if in_seconds else known.get(IMAGE)
    return left


def _logged(metrics: Path) -> dict[str, float]:
    """The last times of the parts in metrics.jsonl."""
    found: dict[str, float] = {}
    if metrics.is_file():
        with metrics.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                row = json.loads(line)
                found |= {name: row[name] for name in (BURN_IN, TEACHER, IMAGE) if isinstance(row.get(name), float)}
    return found
