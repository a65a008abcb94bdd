"""The learning rate of every step of a run."""

import numpy as np


def learning_rates(
    schedule: str,
    steps: int,
    base_lr: float,
    warmup_steps: int,
    warmup_ratio: float,
    milestones: tuple[int, ...],
    gamma: float,
    step_size: int | None = None,
) -> np.ndarray:
    """Linear warm-up from warmup_ratio * base_lr, then drops or a half cosine down to 0 (Loshchilov and Hutter 2017, eq. 5).

    Args:
        schedule: "multistep" multiplies by gamma at each milestone, "step" at each multiple of step_size; "cosine" ends at 0
            one step after the last.

    Returns:
        float32 [steps].

    Raises:
        ValueError: for another schedule.
    """
    step = np.arange(steps, dtype=np.float64)
    if schedule == "step":
        milestones = tuple(range(step_size, steps, step_size))
    if schedule in ("step", "multistep"):
        rates = base_lr * gamma ** np.searchsorted(np.asarray(milestones, np.float64), step, side="right")
    elif schedule == "cosine":
        done = np.clip((step - warmup_steps) / max(steps - warmup_steps, 1), 0, 1)
        rates = base_lr * 0.5 * (1 + np.cos(np.pi * done))
    else:
        raise ValueError(f"schedule: expected multistep, step or cosine, got {schedule!r}")
    warming = step < warmup_steps
    share = warmup_ratio + (1 - warmup_ratio) * step / max(warmup_steps, 1)
    return np.where(warming, base_lr * share, rates).astype(np.float32)
