"""Sums of steps against the same sums in NumPy."""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype

from src.semi.step_sums import StepSums

pytestmark = pytest.mark.usefixtures("pynative")
NAMES = ("loss", "a_loss", "overflow", "scaling_sens", "lr")


def test_two_intervals_of_a_run():
    sums = StepSums(NAMES)
    rng = np.random.default_rng(0)
    taken = [True, False, False, True, False, True, True, False]
    rows = rng.uniform(1, 2, (len(taken), 2))
    rows[2, 1] = np.nan
    skipped, longest = 0, 0
    for start in (0, 4):
        longest, until = 0, 0
        for step in range(start, start + 4):
            skipped = 0 if taken[step] else skipped + 1
            if skipped > longest:
                longest, until = skipped, step
            values = (*rows[step], not taken[step], 4.0, 0.1)
            scalars = tuple(Tensor(value, mstype.float32) for value in values)
            number, in_a_row = Tensor(step, mstype.int32), Tensor(skipped, mstype.int32)
            sums(scalars, Tensor(taken[step]), number, in_a_row, Tensor(rows[step, 0], mstype.float32))
        seen = sums.take()
        good = [step for step in range(start, start + 4) if taken[step]]
        bad = max(step for step in range(start, start + 4) if not taken[step])
        assert seen.sums["loss"] == pytest.approx(rows[good, 0].sum())
        assert (seen.sums["overflow"], seen.sums["scaling_sens"]) == (4 - len(good), 16.0)
        assert seen.bad_step == bad and seen.bad_terms["a_loss"] == pytest.approx(rows[bad, 1], nan_ok=True)
        assert (seen.skipped_in_a_row, seen.skipped_until) == (longest, until)
        assert seen.peak_loss == pytest.approx(rows[good, 0].max())
