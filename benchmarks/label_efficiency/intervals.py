"""Confidence intervals of the mean of paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Paired differences of two arms, one per seed.

    Attributes:
        values: seed -> difference; mean: mean of the differences.
        spread: standard deviation of the differences; None for a single one.
        half_width: half the width of the 95 % t-interval around the mean; a mean difference greater than this has an interval
            above 0. None for a single one.
    """

    values: dict[int, float]
    mean: float
    spread: float | None
    half_width: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end; None for a single difference."""
        return None if self.half_width is None else (self.mean - self.half_width, self.mean + self.half_width)


def paired(ours: dict[int, float], theirs: dict[int, float]) -> Difference | None:
    """Differences ours - theirs of the seeds that both have; None if there is no such seed."""
    return summary({seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())})


def summary(values: dict[int, float]) -> Difference | None:
    """Mean, standard deviation and t-interval (Student 1908) of one value per seed."""
    if not values:
        return None
    numbers = list(values.values())
    if len(numbers) == 1:
        return Difference(values, numbers[0], None, None)
    return Difference(values, mean(numbers), stdev(numbers), half_width(numbers))


def half_width(numbers: Sequence[float]) -> float:
    """Half the width of the two-sided t-interval of the mean of two numbers or more."""
    quantile = stdtrit(len(numbers) - 1, (1 + CONFIDENCE) / 2)
    return float(quantile * stdev(numbers) / sqrt(len(numbers)))
