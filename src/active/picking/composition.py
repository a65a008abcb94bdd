"""Compose a pick: a random share, the least numbers of objects that are asked for, and the rest by acquisition score."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from src.active.picking.near_duplicates import AHEAD, NearDuplicates
from src.errors import UserError

RANDOM, SCORE = "random", "score"  # why an image was picked; else "at_least CLASS"
_SHOWN = 3  # examples in a sentence


@dataclass(frozen=True)
class Floor:
    """A least number of objects of a class.

    Attributes:
        class_name: the class. least: objects, labelled and predicted ones together.
        labelled: objects labelled so far; predicted: file name -> predicted objects.
    """

    class_name: str
    least: int
    labelled: int
    predicted: Mapping[str, float]


@dataclass(frozen=True)
class Rules:
    """What a pick is made of beside the best scores.

    Attributes:
        random_share: of the picked images that are drawn at random, for an honest estimate of the pool; rounded down.
        seed: of the draw; -1 draws others each time.
        floors: classes of which objects are wanted.
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


def compose(scores: Mapping[str, float], labelled: set[str], count: int, rules: Rules, near: NearDuplicates) -> Pick:
    """Pick ``count`` images that are not labelled yet.

    Near-duplicates of labelled and of picked images are passed over, unless there are not enough others.

    Raises:
        UserError: there are not that many images.
    """
    ranked = sorted((name for name in scores if name not in labelled), key=lambda name: (-scores[name], name))
    if len(ranked) < count:
        raise UserError(
            f"{count} more images are to be labelled, but there are only {len(ranked)} unlabelled ones to choose from; "
            "infer and rank all unlabelled images, or lower --pick_ratio"
        )
    why: dict[str, str] = {}
    twins: dict[str, str] = {}

    def fresh(names: Sequence[str], most: int) -> Iterator[str]:
        """Names that are like no picked one, up to ``most`` picked images; the caller picks each or leaves it."""
        for start in range(0, len(names), AHEAD):
            if len(why) >= most:
                return
            chunk = [name for name in names[start : start + AHEAD] if name not in why and name not in twins]
            near.look_ahead(chunk)
            for name in chunk:
                if len(why) >= most:
                    return
                if twin := near.twin(name):
                    twins[name] = twin
                else:
                    yield name

    def pick(name: str, reason: str) -> None:
        why[name] = reason
        near.accept(name)

    drawn = sorted(ranked)
    random.Random(None if rules.seed == -1 else rules.seed).shuffle(drawn)
    for name in fresh(drawn, int(rules.random_share * count + 1e-9)):
        pick(name, RANDOM)
    notes = [f"{len(why)} of the {count} picked images are drawn at random (seed {rules.seed})"] if why else []
    for floor in rules.floors:
        objects = floor.labelled + sum(floor.predicted.get(name, 0) for name in why)
        holders = [name for name in ranked if floor.predicted.get(name, 0) > 0]
        for name in fresh(holders, count):
            if objects >= floor.least:
                break
            pick(name, f"at_least {floor.class_name}")
            objects += floor.predicted[name]
        notes.append(
            f"at_least {floor.class_name}={floor.least}: {floor.labelled} objects are labelled, and {objects:g} with those "
            f"predicted in picked images{'' if objects >= floor.least else ', which is as many as could be found'}"
        )
    for name in fresh(ranked, count):
        pick(name, SCORE)
    if twins:
        shown = ", ".join(f"{name} (like {twin})" for name, twin in list(twins.items())[:_SHOWN])
        notes.append(f"{len(twins)} near-duplicates of labelled or picked images are passed over, such as {shown}")
    if lacking := count - len(why):
        notes.append(f"{lacking} of them are picked all the same, because there are not enough other images")
        like = [name for name in ranked if name in twins and name not in why]
        why |= {name: f"{SCORE}, although like {twins[name]}" for name in like[:lacking]}
    first = [name for name in ranked if name in why and why[name] != RANDOM]
    return Pick({name: why[name] for name in first + [name for name, reason in why.items() if reason == RANDOM]}, notes)
