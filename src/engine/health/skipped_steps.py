"""Skipped steps, whose loss or gradients were not finite: their log message, and the end of a run that skips all steps."""

import math

from src.engine.run import Run, save
from src.errors import UserError
from src.semi.step_sums import Interval
from src.semi.weight_update import UpdateConfig


def are_normal(interval: Interval, config: UpdateConfig) -> bool:
    """Whether skipped steps only adjust the loss scale: no more in a row than halve the initial one down to 1."""
    return config.dynamic_loss_scale and interval.skipped_in_a_row <= math.log2(config.initial_loss_scale)


def skipped_steps(interval: Interval) -> str:
    """The log message about the steps that were skipped since the last log line."""
    count = round(interval.sums["overflow"])
    terms = ", ".join(f"{name}: {value:g}" for name, value in interval.bad_terms.items())
    return (
        f"{count} of the last steps {'was' if count == 1 else 'were'} skipped, because a loss or a gradient was not finite: "
        f"weights and teacher stayed as they were. Terms of the last one, step {interval.bad_step}: {terms}"
    )


def stop_if_stuck(run: Run, interval: Interval, done: int) -> None:
    """Save and stop a run that skips step after step.

    Args:
        interval: since the last log line; done: steps so far.

    Raises:
        UserError: more than max_skipped_steps in a row were skipped; names the terms, likely causes and remedies.
    """
    fault = too_many_skips(interval, run.config.max_skipped_steps)
    if fault:
        if run.device.rank == 0:
            save(run, done)  # skipped steps change no weight, so this is the last good state
        run.log.warning(done - 1, "too_many_skips", fault)
        raise UserError(fault)


def too_many_skips(interval: Interval, most: int) -> str | None:
    """The error message of a run that skipped more than `most` steps in a row, None if it did not."""
    count = interval.skipped_in_a_row
    if count <= most:
        return None
    since = interval.skipped_until - count + 1
    broken = [name for name, value in interval.bad_terms.items() if not math.isfinite(value)]
    what = f"{', '.join(broken)} not finite" if broken else "losses finite, a gradient not"
    return (
        f"{count} steps in a row were skipped, steps {since} to {interval.skipped_until} ({what}), which is more than "
        f"--max_skipped_steps {most}. The state saved holds the weights from before step {since}. Likely causes: a learning "
        "rate that is too high (lower --base_lr, or lengthen --warmup_step), wrong boxes (check the annotation file), "
        "starting weights of another network, or float16 (try --mixed_precision false). --resume continues the run with "
        "the saved weights; a changed setting needs a new run, or --resume_anyway"
    )
