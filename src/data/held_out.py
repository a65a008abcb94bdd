"""Held-out images: labelled images whose labels training does not see, to measure the quality of pseudo-labels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from src.data.annotations import ImageEntry
from src.data.training_data import TrainingData
from src.errors import UserError

_HELD_OUT = 3  # first word of the seed; the order and the augmentation of batches use 1 and 2


def hold_out(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Move a share of the labelled images into the unlabelled stream and keep their labels to evaluate pseudo-labels.

    Args:
        data: of a run; share: of its labelled images, 0 to 1; seed: of the run, so that every rank holds out the same images.

    Returns:
        Data with fewer labelled and more unlabelled images, and with `held_out`.

    Raises:
        UserError: there are too few labelled images to hold one out.
    """
    chosen = set(choose_held_out(data.labelled, share, seed, len(data.annotations.class_names)))
    held_out = tuple(entry for index, entry in enumerate(data.labelled) if index in chosen)
    rest = tuple(entry for index, entry in enumerate(data.labelled) if index not in chosen)
    # Images of policy 2 are in the unlabelled stream already.
    hidden = tuple(_hidden(entry) for entry in held_out if not entry.also_unlabelled)
    return replace(data, labelled=rest, unlabelled=data.unlabelled + hidden, held_out=held_out)


def choose_held_out(entries: Sequence[ImageEntry], share: float, seed: int, classes: int) -> list[int]:
    """Indices of the images to hold out; they depend on the arguments alone.

    One image per class is held out, the rarest class first, if another image of the class remains to train on; then
    random images, as long as every class keeps an image.

    Raises:
        UserError: fewer than two images.
    """
    if len(entries) < 2:
        raise UserError(f"guard_share: needs two labelled images or more to hold one out, got {len(entries)}")
    wanted = min(max(round(share * len(entries)), 1), len(entries) - 1)
    holds = np.zeros((len(entries), classes), bool)
    for index, entry in enumerate(entries):
        holds[index, entry.labels[~entry.crowd] - 1] = True
    left = holds.sum(0)
    chosen: list[int] = []
    order = np.random.default_rng([_HELD_OUT, seed]).permutation(len(entries)).tolist()

    def take(candidates: list[int]) -> None:
        for index in candidates:
            if len(chosen) < wanted and index not in taken and (left[holds[index]] > 1).all():
                chosen.append(index)
                taken.add(index)
                left[:] -= holds[index]
                return

    taken: set[int] = set()
    for label in np.argsort(left, kind="stable"):
        if not holds[chosen, label].any():
            take([index for index in order if holds[index, label]])
    for index in order:
        take([index])
    if not chosen:
        raise UserError(
            "guard_share: every labelled image is the only one of a class, so none can be held out; set it to 0"
        )
    return sorted(chosen)


def _hidden(entry: ImageEntry) -> ImageEntry:
    boxes, labels, crowd = entry.boxes[:0], entry.labels[:0], entry.crowd[:0]
    return replace(
        entry, labelled=False, boxes=boxes, labels=labels, crowd=crowd, outlines=None, areas=None, reviewed=False
    )
