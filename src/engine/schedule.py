"""Learning rate schedules: multistep, step and cosine, with linear warm-up."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ScheduleConfig:
    """A learning rate schedule.

    Attributes:
        kind: "multistep" multiplies by gamma at each milestone, "step" at each multiple of step_size; "cosine" would
            reach 0 at the step after the last one.
        base_lr: learning rate after the linear warm-up.
        warmup_ratio: learning rate at step 0 as a share of base_lr.
    """

    kind: str
    base_lr: float
    warmup_steps: int
    warmup_ratio: float
    milestones: tuple[int, ...] = ()
    step_size: int | None = None
    gamma: float = 0.1


def learning_rates(schedule: ScheduleConfig, steps: int) -> np.ndarray:
    """Learning rate of every step: linear warm-up, then step decay or half a cosine (Loshchilov and Hutter 2017, eq.
    5).

    Returns:
        float32 [steps].

    Raises:
        ValueError: the kind of schedule is unknown.
    """
    kind, base_lr, warmup_steps = schedule.kind, schedule.base_lr, schedule.warmup_steps
    step = np.arange(steps, dtype=np.float64)
    if kind in ("step", "multistep"):
        drops = schedule.milestones if kind == "multistep" else range(schedule.step_size, steps, schedule.step_size)
        rates = base_lr * schedule.gamma ** np.searchsorted(np.asarray(drops, np.float64), step, side="right")
    elif kind == "cosine":
        progress = np.clip((step - warmup_steps) / max(steps - warmup_steps, 1), 0, 1)
        rates = base_lr * 0.5 * (1 + np.cos(np.pi * progress))
    else:
        raise ValueError(f"schedule: expected multistep, step or cosine, got {kind!r}")
    in_warmup = step < warmup_steps
    share = schedule.warmup_ratio + (1 - schedule.warmup_ratio) * step / max(warmup_steps, 1)
    return np.where(in_warmup, base_lr * share, rates).astype(np.float32)
