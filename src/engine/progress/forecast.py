"""How long a run will take, predicted before it starts: a few steps of each phase are done, timed, and undone."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import mean

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.checkpoint.detector_file import copy_weights
from src.engine.batches import batches
from src.engine.compile_cache.cached_cells import cached_detector, cached_step
from src.engine.evaluation import evaluation_schedule
from src.engine.inference.detect_images import detect_records
from src.engine.inference.threshold_estimate import estimate_schedule
from src.engine.run import Run
from src.exporting.runner import numpy_forward
from src.wording import counted, duration

TIMED = 3  # steps at least, and images in detection; one more goes before them, which compiles the network
SECONDS = 3.0  # that the timed steps of a phase take at least
MOST = 20  # timed steps, where they are short
SHORTEST = 100  # steps; a shorter run is over before it is worth timing


@dataclass(frozen=True)
class Forecast:
    """Seconds of the parts of a run.

    Attributes:
        burn_in_step, teacher_step: per step of each phase; image: per image in detection; None where there is no such part.
        burn_in_steps, teacher_steps, evaluations: their numbers.
        evaluated_images: over all evaluations and networks; unlabelled: images that may be ranked afterwards.
        estimates, sampled_images: of thresholds per class.
    """

    burn_in_step: float | None
    teacher_step: float | None
    image: float | None
    burn_in_steps: int
    teacher_steps: int
    evaluations: int
    evaluated_images: int
    unlabelled: int
    estimates: int = 0
    sampled_images: int = 0

    @property
    def total(self) -> float:
        """Seconds of the run, its evaluations and estimates included."""
        parts = self.burn_in_steps * (self.burn_in_step or 0), self.teacher_steps * (self.teacher_step or 0)
        return sum(parts) + (self.evaluated_images + self.sampled_images) * (self.image or 0)

    def __str__(self) -> str:
        parts = []
        if self.burn_in_step is not None:
            parts.append(
                f"{counted(self.burn_in_steps, 'step')} on labels {_phase(self.burn_in_steps, self.burn_in_step)}"
            )
        if self.teacher_step is not None:
            parts.append(
                f"{counted(self.teacher_steps, 'step')} with the teacher {_phase(self.teacher_steps, self.teacher_step)}"
            )
        if self.evaluated_images and self.image is not None:
            parts.append(
                f"{counted(self.evaluations, 'evaluation')} {_phase(self.evaluated_images, self.image, 'image')}"
            )
        if self.sampled_images and self.image is not None:
            parts.append(
                f"{counted(self.estimates, 'threshold estimate')} {_phase(self.sampled_images, self.image, 'image')}"
            )
        text = f"this run will take about {duration(self.total)} on this machine: {', '.join(parts)}"
        if self.unlabelled and self.image is not None:
            text += f"; infer.py then takes {duration(self.unlabelled * self.image)} for {counted(self.unlabelled, 'unlabelled image')}"
        return text


def forecast(run: Run) -> Forecast | None:
    """Time TIMED steps or more of each phase, and as many images; None for a short run, and where the run was asked to stop meanwhile.

    Weights, optimizer and random numbers are afterwards what they were: the run is the same with and without it, to the bit.
    """
    config = run.config
    if config.max_iter < SHORTEST:
        return None
    run.log.info("timing a few steps to predict the time of this run ...")
    burn_in_steps = min(config.burn_up_iter, config.max_iter)
    teacher_steps = config.max_iter - burn_in_steps
    with _undone(run):
        burn_in_step = _seconds_per_step(run, 0, burn_in_steps) if burn_in_steps else None
        teacher_step = _seconds_per_step(run, burn_in_steps, teacher_steps) if teacher_steps else None
        image = _seconds_per_image(run)
    if run.stop.requested:
        return None
    schedule, estimates = evaluation_schedule(config, run.data), estimate_schedule(config, run.data)
    return Forecast(
        burn_in_step,
        teacher_step,
        image,
        burn_in_steps=burn_in_steps,
        teacher_steps=teacher_steps,
        evaluations=len(schedule),
        evaluated_images=sum(images for _, images in schedule),
        unlabelled=len(run.data.unlabelled),
        estimates=len(estimates),
        sampled_images=sum(images for _, images in estimates),
    )


def _phase(count: int, seconds: float, what: str = "step") -> str:
    return f"{duration(count * seconds)} ({seconds:.2f} s per {what})"


@contextmanager
def _undone(run: Run) -> Iterator[None]:
    """Put every parameter of the run back afterwards."""
    parameters = [parameter for cell in run.networks.saved() for parameter in cell.get_parameters()]
    before = [parameter.asnumpy().copy() for parameter in parameters]
    try:
        yield
    finally:
        for parameter, value in zip(parameters, before, strict=True):
            ops.assign(
                parameter, Tensor(value, parameter.dtype)
            )  # set_data would cut it off from its gradient in PyNative mode


def _seconds_per_step(run: Run, first_step: int, count: int) -> float:
    """Mean of the later half of the timed steps: the first one compiles, and those after it are slower than the rest of the run.

    Args:
        count: steps of the phase that begins at `first_step`; no more are timed.
    """
    networks, repeats = run.networks, run.config.accumulate_steps
    ops.assign(networks.state.step, Tensor(first_step, mstype.int32))
    cell = networks.step_cell(first_step)
    step = cached_step(cell, run.config)
    seconds: list[float] = []
    with closing(batches(run.config, run.data, run.device, first_step)) as arriving:
        # Processes that train together wait for each other, so all must do equally many steps, whatever each has timed.
        most = MOST if run.device.count == 1 else TIMED
        for _ in range(min(count, most + 1)):
            started = time.perf_counter()
            for _ in range(repeats):
                step(*map(Tensor, next(arriving)))
            cell.sums.take()  # waits for a device that computes on its own
            seconds.append(time.perf_counter() - started)
            if run.stop.requested and run.device.count == 1:
                break
            if len(seconds) > TIMED and sum(seconds[1:]) >= SECONDS:
                break
    timed = seconds[1:] or seconds
    return mean(timed[len(timed) // 2 :])


def _seconds_per_image(run: Run) -> float | None:
    """Of a detection, on evaluation images or on unlabelled ones; None on other ranks than the first, which do not evaluate."""
    data, config = run.data, run.config
    known, folder, stored = data.evaluation, config.eval_img_dir, data.stored_evaluation
    if known is None:
        known, folder, stored = replace(data.annotations, images=data.unlabelled), config.train_img_dir, data.stored
    if run.device.rank != 0 or not known.images:
        return None
    size = config.test_batch_size
    copy_weights(run.networks.student, run.networks.detector)
    detector = numpy_forward(cached_detector(run.networks.detector, config))
    for count in (size, TIMED * size):
        some = replace(known, images=known.images[:count])
        started = time.perf_counter()
        if detect_records(detector, some, folder, config, stored=stored, stop=run.stop) is None:
            return None
    return (time.perf_counter() - started) / len(some.images)
