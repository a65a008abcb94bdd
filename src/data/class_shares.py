"""How many boxes each class has, and what is suspicious in these numbers."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from src.data.annotations import ImageEntry
from src.wording import examples

RARE = 3  # up to this many boxes, or this share of those of another class of nearly its name, look like a slip of the keyboard
RARE_SHARE = 0.01
OFTEN = 20  # times as many boxes as the rare class must the other one have
APART = 0.25  # total variation distance of two sets of shares from which another order of the names is tried
AS_BY_ORDER = 0.2  # of that distance may be left in the other order


def boxes_by_class(entries: Sequence[ImageEntry], class_count: int) -> np.ndarray:
    """Boxes of each class in labelled images, crowds left out: int [class_count], without the background."""
    labels = [entry.labels[~entry.crowd] for entry in entries]
    return np.bincount(np.concatenate([np.zeros(0, np.int32), *labels]), minlength=class_count + 1)[1:]


def rare_misspelt(
    names: Sequence[str], counts: Sequence[int], images_of: Callable[[str], Sequence[str]]
) -> Iterator[str]:
    """A sentence for each class of very few boxes whose name is one slip of the keyboard away from that of a frequent class.

    Args:
        counts: boxes of each class. images_of: the images that have objects of a class.
    """
    for name, count in zip(names, counts, strict=True):
        for other, often in zip(names, counts, strict=True):
            rare = 0 < count <= max(RARE, RARE_SHARE * often) and often >= OFTEN * count
            if rare and _one_slip(name.casefold(), other.casefold()):
                yield (
                    f'class "{name}" has {count:,} of the boxes, in {examples(images_of(name))}, and "{other}" {often:,}: if the first is misspelt, write "{other}" in its '
                    "labels, else training learns a class more"
                )
                break


def other_order(names: Sequence[str], trained: np.ndarray, evaluated: np.ndarray) -> Iterator[str]:
    """A sentence if the shares of the classes in evaluation are those of training in another order of the names.

    Args:
        names: K classes. trained, evaluated: their boxes, int [K].
    """
    if min(trained.sum(), evaluated.sum()) < OFTEN:
        return
    shares, theirs = trained / trained.sum(), evaluated / evaluated.sum()
    rank, rank_there = np.argsort(shares, kind="stable"), np.argsort(theirs, kind="stable")
    apart = np.abs(shares - theirs).sum() / 2
    left = np.abs(shares[rank] - theirs[rank_there]).sum() / 2
    if apart < APART or left > AS_BY_ORDER * apart:
        return
    moved = [(there, here) for there, here in zip(rank_there[::-1], rank[::-1], strict=True) if there != here]
    pairs = ", ".join(
        f"{names[there]} ({theirs[there]:.0%}) would be {names[here]} ({shares[here]:.0%} in training)"
        for there, here in moved[:5]
    )
    yield (
        f"the classes have other shares of the boxes than in training, as if their names stood in another order: {pairs}; compare the lists "
        "of names of the two data sets"
    )


def _one_slip(name: str, other: str) -> bool:
    """Whether one letter was left out, added, replaced, or exchanged with its neighbour; digits number classes and do not count."""
    if name == other or abs(len(name) - len(other)) > 1 or min(len(name), len(other)) < 3:
        return False
    start = next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), min(len(name), len(other)))
    rest, others = name[start:], other[start:]
    if any(letter.isdigit() for letter in (*rest[:1], *others[:1])):
        return False
    swapped = rest[:2] == others[:2][::-1] and rest[2:] == others[2:]
    return swapped or rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]
