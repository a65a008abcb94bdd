"""The loop over the steps of a run."""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
from mindspore import Tensor

from src.checkpoint.detector_file import copy_weights
from src.config.load import Config
from src.engine.batches import batches
from src.engine.evaluation import evaluate_all, evaluation_is_due
from src.engine.health.monitor import log_steps
from src.engine.health.skipped_steps import stop_if_stuck
from src.engine.profiling import StepProfile
from src.engine.resume import take_up
from src.engine.run import Run, SinceLog, save, save_state
from src.engine.stopping import resume_command


def train(run: Run, first_step: int) -> None:
    """Do the steps from `first_step` on; log, evaluate and save at their intervals.

    Raises:
        SystemExit: the run was asked to stop; it is saved.
    """
    config, networks = run.config, run.networks
    take_up(run, first_step)
    missed = run.facts["evaluated"] < first_step and evaluation_is_due(config, first_step)
    if missed:  # the run was stopped while it evaluated
        evaluate_all(run, first_step)
    if run.facts["ended"]:
        run.log.say(f"the guard has ended this run at step {run.facts['ended']}; there is nothing to go on with")
        return
    profile = StepProfile(config.profile_steps if run.device.rank == 0 else (), run.folder.path / "profile", run.log)
    with closing(batches(config, run.data, run.device, first_step)) as arriving:
        for step in range(first_step, config.max_iter):
            leave_if_asked(run, step, saved=step == first_step)
            if step == config.burn_up_iter:
                run.log.say(
                    f"the teacher starts now, at step {step}, as {config.teacher_start} of the burn-in: it labels the "
                    "unlabelled images, and is evaluated from here on"
                )
            if average_starts(config, step):
                copy_weights(networks.student, networks.teacher)
            profile.before(step)
            take_step(run, step, arriving)
            profile.after(step)
            done = step + 1
            if step == 0 or done % config.print_interval_iter == 0 or ends_phase(config, done):
                report(run, step)
            elif step == first_step:
                run.log.under_way(step)
            keep(run, done)
            if run.facts["ended"]:
                return
    leave_if_asked(run, config.max_iter, saved=first_step == config.max_iter)


def average_starts(config: Config, step: int) -> bool:
    """Whether the teacher becomes a copy of the student before this step, frozen weights included."""
    return (config.supervised_ema and step == 0) or (config.teacher_start == "student" and step == config.burn_up_iter)


def take_step(run: Run, step: int, arriving: Iterator[tuple[np.ndarray, ...]]) -> None:
    """One training step on the next batches."""
    started = time.perf_counter()
    for _ in range(run.config.accumulate_steps):
        fetching = time.perf_counter()
        batch = [Tensor(column) for column in next(arriving)]
        run.since_log.waited += time.perf_counter() - fetching
        run.networks.step_cell(step)(*batch)
    run.since_log.spent += time.perf_counter() - started
    run.since_log.steps += 1


def report(run: Run, step: int) -> None:
    """The line of the log: averages since the last one."""
    since, started = run.since_log, time.perf_counter()
    interval = run.networks.step_cell(step).sums.take()  # waits for a device that computes on its own
    spent = since.spent + time.perf_counter() - started
    run.since_log = SinceLog()
    log_steps(run, step, interval, since.steps, spent / since.steps, since.waited / since.steps)
    stop_if_stuck(run, interval, step + 1)


def keep(run: Run, done: int) -> None:
    """Save and evaluate after `done` steps if it is time."""
    saves = ends_phase(run.config, done) or done % run.config.save_checkpoint_interval == 0
    saves = saves and run.device.rank == 0
    if saves:
        save(run, done)
    if evaluation_is_due(run.config, done):
        evaluate_all(run, done)
        if saves:  # saved before too: an evaluation that fails must not cost the training
            save_state(run, done)
        elif run.facts["ended"] and run.device.rank == 0:
            save(run, done)


def ends_phase(config: Config, done: int) -> bool:
    """Whether burn-in or the whole run ends after `done` steps."""
    return done in (config.burn_up_iter, config.max_iter)


def leave_if_asked(run: Run, done: int, saved: bool) -> None:
    """End a run that was asked to stop; its state after `done` steps is saved first, unless it is just that of the file."""
    if run.stop.asked is None:
        return
    if not saved:
        save(run, done)
    run.log.say(
        f"stopped by {run.stop.asked.name} after step {done} of {run.config.max_iter}; everything is saved, go on with\n"
        f"  {resume_command(run.config, run.folder)}"
    )
    status = 128 + run.stop.asked
    if run.device.count > 1:
        # MindSpore takes leave of the other ranks when Python ends, and these wait in the middle of a step.
        atexit.register(os._exit, status)
    raise SystemExit(status)
