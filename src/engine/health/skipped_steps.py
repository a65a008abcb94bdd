"""Steps skipped because of non-finite losses or gradients: log messages, and an error if too many are skipped in a
row."""

import math

from src.engine.run import Run, save
from src.errors import UserError
from src.semi.step_sums import Interval
from src.semi.weight_update import UpdateConfig


def only_adjust_loss_scale(interval: Interval, config: UpdateConfig) -> bool:
    """Whether skipped steps are those of dynamic loss scaling: no more in a row than it takes to halve the initial
    scale to 1."""
    return config.dynamic_loss_scale and interval.skipped_in_a_row <= math.log2(config.initial_loss_scale)


def skipped_steps(interval: Interval) -> str:
    """The log message about the steps that were skipped since the last log line."""
    count = round(interval.sums["overflow"])
    terms = ", ".join(f"{name}: {value:g}" for name, value in interval.bad_terms.items())
    return (
        f"{count} of the last steps {'was' if count == 1 else 'were'} skipped, because a loss or a gradient was not finite: "
        f"weights and teacher are unchanged. Loss terms of the last one, step {interval.bad_step}: {terms}"
    )


def stop_if_stuck(run: Run, interval: Interval, done: int) -> None:
    """Save and stop a run that skipped too many steps in a row.

    Args:
        interval: statistics since the last log line.
        done: number of steps so far.

    Raises:
        UserError: more than max_skipped_steps in a row were skipped; names the loss terms, likely causes and remedies.
    """
    fault = too_many_skips(interval, run.config.max_skipped_steps)
    if fault:
        if run.device.rank == 0:
            save(run, done)  # skipped steps do not change weights, so this is the last good state
        run.log.warning(done - 1, "too_many_skips", fault)
        raise UserError(fault)


def too_many_skips(interval: Interval, limit: int) -> str | None:
    """An error message if more than `limit` steps in a row were skipped, else None."""
    count = interval.skipped_in_a_row
    if count <= limit:
        return None
    first = interval.skipped_until - count + 1
    not_finite = [name for name, value in interval.bad_terms.items() if not math.isfinite(value)]
    what = f"{', '.join(not_finite)} not finite" if not_finite else "losses finite, a gradient not"
    return (
        f"{count} steps in a row were skipped, steps {first} to {interval.skipped_until} ({what}), which is more than "
        f"--max_skipped_steps {limit}. The saved state has the weights from before step {first}. Likely causes: a "
        "learning "
        "rate that is too high (lower --base_lr, or lengthen --warmup_step), wrong boxes (check the annotation file), "
        "pre-trained weights of another network, or float16 (try --mixed_precision false). --resume continues the "
        "run with "
        "the saved weights; a changed setting needs a new run, or --resume_anyway"
    )
