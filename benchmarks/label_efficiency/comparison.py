"""Pairs of arms that are compared, and their differences."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.label_efficiency.cells import Cell, Key
from benchmarks.label_efficiency.intervals import Difference, paired, summary
from benchmarks.label_efficiency.plan import Arm, Plan
from benchmarks.label_efficiency.record import Result

Runs = dict[Key, dict[int, Result]]


@dataclass(frozen=True)
class Comparison:
    """Two arms over paired seeds.

    Attributes:
        ours, theirs: the arms; terms: their percent of labels, and what is equal (steps, minutes, images or boxes).
        difference: of AP in points (AP x 100).
    """

    ours: str
    theirs: str
    terms: str
    difference: Difference


@dataclass(frozen=True)
class Reached:
    """AP of an arm with a percent of labels, over its seeds.

    Attributes:
        ap: in points; share: percent of the AP that the baseline has with all labels, None if it was not run.
        images, boxes, minutes: means over the seeds.
    """

    name: str
    labels: float
    images: float
    boxes: float
    minutes: float
    ap: Difference
    share: Difference | None


def by_key(results: Iterable[Result], cells: Iterable[Cell]) -> Runs:
    """Results by key and seed, in the order of the cells."""
    runs: Runs = {cell.key: {} for cell in cells}
    for result in results:
        runs[result.key][result.seed] = result
    return {key: seeds for key, seeds in runs.items() if seeds}


def reached(plan: Plan, runs: Runs) -> list[Reached]:
    """A row for each arm and percent of labels, and another one where a supervised run continued to equal minutes."""
    all_labels = aps(runs.get(Key(plan.baseline, 100), {}), "equal_steps")
    rows = []
    for key, seeds in runs.items():
        for score in ("equal_steps", "equal_minutes"):
            values = aps(seeds, score)
            if not values:
                continue
            shares = {seed: 100 * values[seed] / all_labels[seed] for seed in values if all_labels.get(seed)}
            rows.append(
                Reached(
                    key.arm + (", equal minutes" if score == "equal_minutes" else ""),
                    key.labels,
                    _mean(result.images for result in seeds.values()),
                    _mean(result.boxes for result in seeds.values()),
                    _mean(result.scores[score].minutes for result in seeds.values() if score in result.scores),
                    summary(values),
                    summary(shares),
                )
            )
    return rows


def comparisons(plan: Plan, runs: Runs) -> list[Comparison]:
    """Every comparison of a plan whose arms share a seed."""
    found = []
    for ours, theirs, score, terms in _pairs(plan, runs.keys()):
        difference = paired(aps(runs[ours], "equal_steps"), aps(runs[theirs], score))
        if difference is not None:
            found.append(Comparison(ours.arm, theirs.arm, terms, difference))
    return found


def aps(seeds: dict[int, Result], score: str) -> dict[int, float]:
    """Seed -> AP in points."""
    return {seed: 100 * result.scores[score].ap for seed, result in seeds.items() if score in result.scores}


def _pairs(plan: Plan, keys: Sequence[Key]) -> Iterator[tuple[Key, Key, str, str]]:
    """(ours, theirs, name of their score, terms) of each comparison; our score is always that at equal steps."""
    for ours in keys:
        arm = plan.arms[ours.arm]
        budget = f"{ours.labels:g} %" if ours.from_labels is None else f"{ours.from_labels:g} % to {ours.labels:g} %"
        baseline = Key(plan.baseline, ours.labels)
        if ours.arm != plan.baseline and baseline in keys:
            yield ours, baseline, "equal_steps", f"{budget}, equal steps"
            yield ours, baseline, "equal_minutes", f"{budget}, equal minutes"
        reference = Key(plan.reference or "", ours.labels, ours.from_labels)
        if reference in keys and ours != reference and arm.train == plan.arms[plan.reference].train:
            yield ours, reference, "equal_steps", f"{budget}, equal steps"
        for theirs in keys if arm.pick not in (None, "random") else ():
            other = plan.arms[theirs.arm]
            is_random = _is_random_of(arm, other) and other.boxes_of in (None, ours.arm)
            if is_random and theirs.labels == ours.labels:
                yield ours, theirs, "equal_steps", f"{budget}, as many {'boxes' if other.boxes_of else 'images'}"


def _is_random_of(arm: Arm, other: Arm) -> bool:
    """Whether `other` is the random counterpart of `arm`."""
    return other.pick == "random" and (other.first_stage, other.from_labels) == (arm.first_stage, arm.from_labels)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
