"""Learning rates against their formulas, step by step."""

import math

import numpy as np
import pytest

from src.engine.schedule import ScheduleConfig, learning_rates


def by_formula(schedule, step, steps, base, warmup, ratio, milestones, gamma) -> float:
    """The rate of one step."""
    if step < warmup:
        return base * (ratio + (1 - ratio) * step / warmup)
    if schedule == "multistep":
        return base * gamma ** sum(step >= milestone for milestone in milestones)
    return base * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


@pytest.mark.parametrize("schedule", ["multistep", "cosine"])
@pytest.mark.parametrize(("steps", "warmup", "milestones"), [(50, 10, (20, 35)), (50, 0, ()), (7, 3, (3,)), (1, 0, ())])
def test_each_step(schedule, steps, warmup, milestones):
    found = learning_rates(ScheduleConfig(schedule, 0.02, warmup, 0.25, milestones), steps)
    wanted = [by_formula(schedule, step, steps, 0.02, warmup, 0.25, milestones, 0.1) for step in range(steps)]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_by_hand():
    found = learning_rates(ScheduleConfig("multistep", 1.0, 2, 0.5, milestones=(4, 6), gamma=0.5), 8)
    np.testing.assert_allclose(found, [0.5, 0.75, 1, 1, 0.5, 0.5, 0.25, 0.25])
    found = learning_rates(ScheduleConfig("step", 1.0, 2, 0.5, milestones=(5,), step_size=3, gamma=0.5), 8)
    np.testing.assert_allclose(found, [0.5, 0.75, 1, 0.5, 0.5, 0.5, 0.25, 0.25])
    assert learning_rates(ScheduleConfig("cosine", 1.0, 0, 0.5), 100)[[0, 50]].tolist() == [1.0, 0.5]


def test_a_run_shorter_than_its_warm_up_warms_up_throughout():
    for schedule in ("multistep", "cosine"):
        np.testing.assert_allclose(learning_rates(ScheduleConfig(schedule, 1.0, 10, 0.0), 3), [0, 0.1, 0.2], rtol=1e-6)


def test_another_schedule_is_refused():
    with pytest.raises(ValueError, match="expected multistep, step or cosine, got 'consine'"):
        learning_rates(ScheduleConfig("consine", 1.0, 0, 0.5), 5)
