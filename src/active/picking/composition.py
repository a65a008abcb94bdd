"""Compose a pick: a random share, a minimum number of objects per class, and the rest by acquisition score."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from src.active.picking.budget import Budget, within
from src.active.picking.near_duplicates import AHEAD, NearDuplicates
from src.errors import SHOWN_FAULTS

RANDOM, SCORE = "random", "score"  # why an image was picked; else "at_least CLASS"
_SHOWN = SHOWN_FAULTS  # examples in a sentence


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
    enough others.

    Raises:
        UserError: there are fewer images than must be picked, or the budget is not enough for a single one.
    """
    pool = [name for name in scores if name not in labelled]
    budget.check(pool)
    ranked = budget.rank(scores, pool)
    least = budget.cheapest(pool)
    why: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    spent = 0.0

    def fresh(names: Sequence[str], limit: float) -> Iterator[str]:
        """Names without a near-duplicate that fit into ``limit``; the caller decides whether to pick each."""
        for start in range(0, len(names), AHEAD):
            if not within(spent + least, limit):
                return
            chunk = [
                name
                for name in names[start : start + AHEAD]
                if name not in why and name not in duplicates and within(spent + budget.cost(name), limit)
            ]
            near.look_ahead(chunk)
            for name in chunk:
                if not within(spent + budget.cost(name), limit):
                    continue
                if original := near.duplicate_of(name):
                    duplicates[name] = original
                else:
                    yield name

    def pick(name: str, reason: str) -> None:
        nonlocal spent
        why[name] = reason
        spent += budget.cost(name)
        near.accept(name)

    drawn = sorted(ranked)
    random.Random(None if rules.seed == -1 else rules.seed).shuffle(drawn)
    share = rules.random_share * budget.limit
    for name in fresh(drawn, budget.limit) if within(least, share) else ():
        if not within(spent + budget.cost(name), share):
            break  # to look for a cheaper one would not be random
        pick(name, RANDOM)
    random_count = len(why)
    notes = []
    for floor in rules.floors:
        objects = floor.labelled + sum(floor.predicted.get(name, 0) for name in why)
        holders = [name for name in ranked if floor.predicted.get(name, 0) > 0]
        for name in fresh(holders, budget.limit):
            if objects >= floor.least:
                break
            pick(name, f"at_least {floor.class_name}")
            objects += floor.predicted[name]
        notes.append(
            f"at_least {floor.class_name}={floor.least}: {floor.labelled} objects are labelled, and {objects:g} with those "
            f"predicted in picked images{'' if objects >= floor.least else ', the most that could be found'}"
        )
    for name in fresh(ranked, budget.limit):
        pick(name, SCORE)
    if duplicates:
        shown = ", ".join(f"{name} (like {original})" for name, original in list(duplicates.items())[:_SHOWN])
        notes.append(f"{len(duplicates)} near-duplicates of labelled or picked images are skipped, such as {shown}")
    if (lacking := budget.count - len(why)) > 0:
        notes.append(f"{lacking} of them are picked nevertheless, because there are not enough other images")
        like = [name for name in ranked if name in duplicates and name not in why]
        why |= {name: f"{SCORE}, although like {duplicates[name]}" for name in like[:lacking]}
    if random_count:
        notes.insert(0, f"{random_count} of the {len(why)} picked images are drawn at random (seed {rules.seed})")
    first = [name for name in ranked if name in why and why[name] != RANDOM]
    return Pick({name: why[name] for name in first + [name for name, reason in why.items() if reason == RANDOM]}, notes)
