"""Compose a pick: a random share, a minimum number of objects per class, and the rest by acquisition score."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from src.active.picking.budget import Budget, within
from src.active.picking.near_duplicates import AHEAD, NearDuplicates
from src.errors import UserError
from src.wording import SHOWN_NAMES, counted

RANDOM, SCORE = "random", "score"  # why an image was picked; else "at_least CLASS"
_SHOWN = SHOWN_NAMES  # examples in a sentence


@dataclass(frozen=True)
class Floor:
    """A minimum number of objects of a class.

    Attributes:
        class_name: the class; least: minimum number of objects, labelled and predicted ones together.
        labelled: objects labelled so far; predicted: file name -> predicted objects.
    """

    class_name: str
    least: int
    labelled: int
    predicted: Mapping[str, float]


@dataclass(frozen=True)
class Rules:
    """The rules of a pick besides the highest scores.

    Attributes:
        random_share: of the budget that goes to images drawn at random, for an unbiased estimate of the pool; rounded down.
        seed: of the draw; -1: not seeded.
        floors: minimum numbers of objects per class.
    """

    random_share: float = 0.1
    seed: int = 10
    floors: Sequence[Floor] = ()


@dataclass
class Pick:
    """Picked images.

    Attributes:
        why: file name -> RANDOM, SCORE or "at_least CLASS"; those by score first, highest first, the random ones last.
        notes: sentences for the user.
    """

    why: dict[str, str]
    notes: list[str] = field(default_factory=list)


def compose(
    scores: Mapping[str, float], labelled: set[str], budget: Budget, rules: Rules, near: NearDuplicates
) -> Pick:
    """Pick images that are not labelled yet, those of the highest score per cost, until the budget is spent.

    Near-duplicates of labelled and of picked images are skipped, unless a number of images must be reached and there are not
    enough others. Copies of them, with the same pixels, are never picked.

    Raises:
        UserError: there are fewer images than must be picked, all are copies of labelled ones, or the budget is not enough for a
            single one.
    """
    pool = [name for name in scores if name not in labelled]
    budget.check(pool)
    composition = _Composition(budget, near, budget.rank(scores, pool))
    composition.draw(rules)
    random_count = len(composition.why)
    notes = [composition.reach(floor) for floor in rules.floors]
    composition.fill()
    notes += composition.take_duplicates()
    if not composition.why:
        each = "a copy of a labelled one, with the same pixels"
        if not budget.count:  # near-duplicates are not picked either
            each = "a near-duplicate of a labelled one or costs more than the budget"
        raise UserError(f"nothing to pick: each of the {len(pool)} unlabelled images is {each}; add other images")
    if random_count:
        picked = len(composition.why)
        notes.insert(0, f"{random_count} of the {picked} picked images are drawn at random (seed {rules.seed})")
    return Pick(composition.ordered(), notes)


class _Composition:
    """A pick while it is composed.

    Attributes:
        ranked: images that may be picked, the highest score per cost first.
        why: as in ``Pick``, in the order of picking; duplicates: file name -> the image that it is like; spent: of the budget.
    """

    def __init__(self, budget: Budget, near: NearDuplicates, ranked: Sequence[str]) -> None:
        self.budget = budget
        self.near = near
        self.ranked = ranked
        self.cheapest = budget.cheapest(ranked)
        self.why: dict[str, str] = {}
        self.duplicates: dict[str, str] = {}
        self.spent = 0.0

    def draw(self, rules: Rules) -> None:
        """Pick the random share."""
        drawn = sorted(self.ranked)
        random.Random(None if rules.seed == -1 else rules.seed).shuffle(drawn)
        share = rules.random_share * self.budget.limit
        for name in self._fresh(drawn) if within(self.cheapest, share) else ():
            if not within(self.spent + self.budget.cost(name), share):
                break  # to look for a cheaper one would not be random
            self._pick(name, RANDOM)

    def reach(self, floor: Floor) -> str:
        """Pick images with objects of a class until there are enough of them; returns a sentence on it."""
        objects = floor.labelled + sum(floor.predicted.get(name, 0) for name in self.why)
        for name in self._fresh([name for name in self.ranked if floor.predicted.get(name, 0) > 0]):
            if objects >= floor.least:
                break
            self._pick(name, f"at_least {floor.class_name}")
            objects += floor.predicted[name]
        return (
            f"at_least {floor.class_name}={floor.least}: {floor.labelled} objects are labelled, and {objects:g} with those "
            f"predicted in picked images{'' if objects >= floor.least else ', the most that could be found'}"
        )

    def fill(self) -> None:
        """Spend the rest of the budget by score."""
        for name in self._fresh(self.ranked):
            self._pick(name, SCORE)

    def take_duplicates(self) -> list[str]:
        """Pick near-duplicates if a number of images is not reached without them; returns sentences on those found."""
        if not self.duplicates:
            return []
        shown = ", ".join(f"{name} (like {original})" for name, original in list(self.duplicates.items())[:_SHOWN])
        found = counted(len(self.duplicates), "near-duplicate")
        notes = [f"{found} of labelled or picked images skipped, such as {shown}"]
        like, before = [name for name in self.ranked if name in self.duplicates], len(self.why)
        for start in range(0, len(like), AHEAD):
            if len(self.why) >= self.budget.count:
                break
            self._pick_near_duplicates(like[start : start + AHEAD])
        if taken := len(self.why) - before:
            notes.append(f"{taken} of them are picked nevertheless, because there are not enough other images")
        if (lacking := self.budget.count - len(self.why)) > 0:
            notes.append(
                f"{counted(len(self.why), 'image', 'are')} picked, {lacking} fewer than wanted: the others are copies, with the "
                "same pixels, and no picture is labelled twice"
            )
        return notes

    def _pick_near_duplicates(self, names: Sequence[str]) -> None:
        """Pick near-duplicates until the number of images is reached, but none with the pixels of a labelled or picked image."""
        self.near.look_ahead(names)
        for name in names:
            if len(self.why) < self.budget.count and not self.near.copy_of(name):
                self._pick(name, f"{SCORE}, although like {self.duplicates[name]}")

    def ordered(self) -> dict[str, str]:
        """The picked images and why: the highest score first, the random ones last."""
        first = [name for name in self.ranked if self.why.get(name, RANDOM) != RANDOM]
        last = [name for name, reason in self.why.items() if reason == RANDOM]
        return {name: self.why[name] for name in first + last}

    def _fresh(self, names: Sequence[str]) -> Iterator[str]:
        """Yield images that fit the remaining budget and have no near-duplicate; the caller decides whether to pick each."""
        for start in range(0, len(names), AHEAD):
            if not self._affords(self.cheapest):
                return
            chunk = [
                name
                for name in names[start : start + AHEAD]
                if name not in self.why and name not in self.duplicates and self._affords(self.budget.cost(name))
            ]
            self.near.look_ahead(chunk)
            for name in chunk:
                if not self._affords(self.budget.cost(name)):
                    continue
                if original := self.near.duplicate_of(name):
                    self.duplicates[name] = original
                else:
                    yield name

    def _affords(self, cost: float) -> bool:
        return within(self.spent + cost, self.budget.limit)

    def _pick(self, name: str, reason: str) -> None:
        self.why[name] = reason
        self.spent += self.budget.cost(name)
        self.near.accept(name)
