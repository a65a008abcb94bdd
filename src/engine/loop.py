"""The training loop: training steps, and log lines, evaluations and checkpoints at their intervals."""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
from mindspore import Tensor

from src.checkpoint.detector_file import copy_weights
from src.config.load import Config
from src.engine.batches import batches
from src.engine.compile_cache.cached_cells import cached_step
from src.engine.evaluation import evaluate_all, evaluation_is_due
from src.engine.health.monitor import log_steps
from src.engine.health.skipped_steps import stop_if_stuck
from src.engine.inference.threshold_estimate import estimate_thresholds
from src.engine.profiling import StepProfile
from src.engine.run import Run, StepTimes, restore_sums, save, save_state
from src.engine.stopping import resume_command
from src.errors import UserError


def train(run: Run, first_step: int) -> None:
    """Train from `first_step` on; log, evaluate and save at their intervals.

    Raises:
        SystemExit: a stop was requested; the run is saved.
    """
    config = run.config
    restore_sums(run, first_step)
    if run.metadata["evaluated"] < first_step and evaluation_is_due(
        config, first_step
    ):  # stopped during that evaluation
        evaluate_all(run, first_step)
        if run.device.rank == 0:
            save_state(run, first_step)
    if run.metadata["ended"]:
        run.log.info(f"the guard ended this run at step {run.metadata['ended']}; there is nothing to resume")
        return
    profile = StepProfile(config.profile_steps if run.device.rank == 0 else (), run.folder.path / "profile", run.log)
    with closing(batches(config, run.data, run.device, first_step)) as arriving:
        for step in range(first_step, config.max_iter):
            stop_if_requested(run, step, saved=step == first_step)
            stop_if_log_failed(run, step, saved=step == first_step)
            start_teacher(run, step)
            estimate_thresholds(run, step)
            stop_if_requested(run, step, saved=step == first_step)
            profile.before(step)
            take_step(run, step, arriving)
            profile.after(step)
            done = step + 1
            phase = "burn-in" if done <= config.burn_up_iter else "with teacher"
            run.log.progress.step(done, phase, run.log.seconds_left(done))
            if step == 0 or done % config.print_interval_iter == 0 or ends_phase(config, done):
                log_interval(run, step)
            elif step == first_step:
                run.log.first_step_done(step)
            save_and_evaluate_if_due(run, done)
            if run.metadata["ended"]:
                return
    stop_if_requested(run, config.max_iter, saved=first_step == config.max_iter)
    stop_if_log_failed(run, config.max_iter, saved=True)


def start_teacher(run: Run, step: int) -> None:
    """Log that the teacher starts, at the end of burn-in; where its EMA starts, initialise it with all weights of the
    student."""
    config = run.config
    if step == config.burn_up_iter:
        run.log.info(
            f"the teacher starts at step {step}, initialised with the {config.teacher_start} of the burn-in: it gives "
            "unlabelled images pseudo-labels, and is evaluated from here on"
        )
        if run.log.time_left is not None and not run.log.time_left.is_compiled:
            run.log.info("the step with the teacher is compiled first; until then the time left is a rough guess")
    copied_at_start = config.teacher_start == "student" and step == config.burn_up_iter
    if copied_at_start or (config.supervised_ema and step == 0):
        copy_weights(run.networks.student, run.networks.teacher)


def take_step(run: Run, step: int, arriving: Iterator[tuple[np.ndarray, ...]]) -> None:
    """Take one training step on the next batches."""
    started = time.perf_counter()
    for _ in range(run.config.accumulate_steps):
        fetching = time.perf_counter()
        batch = [Tensor(column) for column in next(arriving)]
        run.times.waited += time.perf_counter() - fetching
        cached_step(run.networks.step_cell(step), run.config)(*batch)
    seconds = time.perf_counter() - started
    run.times.spent += seconds
    run.times.steps += 1
    if run.log.time_left is not None:
        run.log.time_left.took(step, seconds)


def log_interval(run: Run, step: int) -> None:
    """Write a log line of the steps since the last one; stop the run if too many steps in a row were skipped."""
    started = time.perf_counter()
    interval = run.networks.step_cell(step).sums.take()  # waits for an asynchronous device
    seconds = time.perf_counter() - started
    run.times.spent += seconds
    if run.log.time_left is not None:
        run.log.time_left.took(step, seconds, is_wait=True)
    times, run.times = run.times, StepTimes()
    log_steps(run, step, interval, times)
    stop_if_stuck(run, interval, step + 1)


def save_and_evaluate_if_due(run: Run, done: int) -> None:
    """Save and evaluate after `done` steps if their intervals have passed."""
    saves = ends_phase(run.config, done) or done % run.config.save_checkpoint_interval == 0
    saves = saves and run.device.rank == 0
    with told_how_to_resume(run):
        if saves:
            save(run, done)
        if evaluation_is_due(run.config, done):
            evaluate_all(run, done)
            if saves:  # saved before as well, so that a failing evaluation does not lose training steps
                save_state(run, done)
            elif run.metadata["ended"] and run.device.rank == 0:
                save(run, done)


def ends_phase(config: Config, done: int) -> bool:
    """Whether burn-in or the whole run ends after `done` steps."""
    return done in (config.burn_up_iter, config.max_iter)


def stop_if_requested(run: Run, done: int, saved: bool) -> None:
    """If a stop was requested, save the run after `done` steps, unless it is `saved` already, and exit."""
    if run.stop.requested is None:
        return
    if not saved:
        with told_how_to_resume(run):
            save(run, done)
    run.log.info(
        f"stopped by {run.stop.cause()} after step {done} of {run.config.max_iter}; everything is saved, resume with\n"
        f"  {resume_command(run.config, run.folder)}"
    )
    status = 128 + run.stop.requested
    leave_other_ranks(run, status)
    raise SystemExit(status)


@contextmanager
def told_how_to_resume(run: Run) -> Iterator[None]:
    """Add to an error, such as that of a full disk, how the run is resumed from the newest state that was saved before.

    Raises:
        UserError: the one that was raised inside, and the command.
    """
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error}; when that is corrected, resume with\n  {resume_command(run.config, run.folder)}"
        ) from error


def stop_if_log_failed(run: Run, done: int, saved: bool) -> None:
    """If a file of the log could not be written, save the run after `done` steps, unless it is `saved` already, and end it.

    Raises:
        UserError: names the file, and says what is saved.
    """
    if run.log.failure is None:
        return
    state = f"everything up to step {done} of {run.config.max_iter} is saved"
    try:
        if not saved:
            save(run, done)
    except UserError as error:
        state = f"nor could the steps since the last checkpoint be saved ({error})"
    leave_other_ranks(run, 2)
    raise UserError(
        f"{run.log.failure}; {state}; when that is corrected, resume with\n  {resume_command(run.config, run.folder)}"
    )


def leave_other_ranks(run: Run, status: int) -> None:
    """Let this process exit in the middle of a step of the other ranks, with which MindSpore would synchronise at exit."""
    if run.device.count > 1:
        atexit.register(os._exit, status)
