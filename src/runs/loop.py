"""The loop over the steps of a run."""

import time

from mindspore import Tensor

from src.runs.batches import batches
from src.runs.profile import StepProfile
from src.runs.run import Run
from src.runs.saving import save, save_facts
from src.runs.scores import evaluate_all, evaluation_is_due
from src.runs.skips import stop_if_stuck
from src.runs.watching import log_steps
from src.training.checkpoint import copy_weights


def train(run: Run, first_step: int) -> None:
    """Do the steps from `first_step` on; log, evaluate and save at their intervals."""
    config, networks = run.config, run.networks
    arriving = batches(config, run.data, run.device, first_step)
    profile = StepProfile(config.profile_steps if run.device.rank == 0 else (), run.folder.path / "profile", run.log)
    waited = spent = 0.0
    count = 0
    if run.facts["ended"]:
        run.log.say(f"the guard has ended this run at step {run.facts['ended']}; there is nothing to go on with")
        return
    for step in range(first_step, config.max_iter):
        if step == config.burn_up_iter:
            run.log.say(
                f"the teacher starts now, at step {step}: it labels the unlabelled images, and its AP counts from here"
            )
            copy_weights(networks.student, networks.teacher)
            count, waited, spent = 0, 0.0, 0.0
        step_cell = networks.burn_in if step < config.burn_up_iter else networks.mutual
        profile.before(step)
        started = time.perf_counter()
        for _ in range(config.accumulate_steps):
            fetching = time.perf_counter()
            batch = [Tensor(column) for column in next(arriving)]
            waited += time.perf_counter() - fetching
            step_cell(*batch)
        profile.after(step)
        count += 1
        done = step + 1
        last = done in (config.burn_up_iter, config.max_iter)
        if step == first_step or done % config.print_interval_iter == 0 or last:
            interval = step_cell.sums.take()
            spent += time.perf_counter() - started
            log_steps(run, step, interval, count, spent / count, waited / count)
            stop_if_stuck(run, interval, done)
            count, waited, spent = 0, 0.0, 0.0
        else:
            spent += time.perf_counter() - started
        saves = run.device.rank == 0 and (last or done % config.save_checkpoint_interval == 0)
        if saves:
            save(run, done)
        if evaluation_is_due(config, done):
            evaluate_all(run, done)
            if saves:  # saved before too: an evaluation that fails must not cost the training
                save_facts(run)
        if run.facts["ended"]:
            if run.device.rank == 0 and not saves:
                save(run, done)
            return
