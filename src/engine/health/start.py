"""Checks at the start of a run: do training data, evaluation data and pre-trained weights have the same classes?"""

from collections.abc import Sequence

import numpy as np

from src.checkpoint.detector_file import DetectorMetadata
from src.data.annotations import Annotations, ImageEntry, count_boxes

MIN_OBJECTS = 10  # with fewer, a class may be absent by chance


def start_faults(
    annotations: Annotations,
    labelled: Sequence[ImageEntry],
    evaluation: Annotations | None,
    pre_trained: DetectorMetadata | None,
) -> list[tuple[str, str | None]]:
    """(name, message or None) of every check.

    Args:
        annotations: of the training images, for their classes.
        labelled: the labelled training images.
        evaluation: annotations of the evaluation images.
        pre_trained: metadata of the pre-trained checkpoint; None if it has none.
    """
    names, ids = annotations.class_names, annotations.category_ids
    found = [("labels_shifted", shifted_counts(names, labelled, evaluation.images) if evaluation else None)]
    if pre_trained:
        known_names, known_ids = pre_trained.class_names, pre_trained.category_ids
        found.append(("class_order", other_order(names, known_names)))
        found.append(("labels_shifted", shifted_ids(names, ids, known_names, known_ids)))
    return found


def other_order(names: Sequence[str], known: Sequence[str]) -> str | None:
    """A message if a checkpoint has other class names for the same labels; `names`: of the data, `known`: of the
    checkpoint."""
    # With another number of classes, the class layers are not loaded.
    if list(names) == list(known) or len(names) != len(known):
        return None
    order = "the same classes in another order" if set(names) == set(known) else "the same number of other classes"
    return (
        f"pre_trained: the checkpoint has {order}: {', '.join(known)}; the data has {', '.join(names)}. Labels "
        "follow the "
        "order, so its class layers are for other classes; use a checkpoint with this order of classes, or order the "
        "categories (by id) as in the checkpoint"
    )


def shifted_ids(
    names: Sequence[str], ids: Sequence[int], known_names: Sequence[str], known_ids: Sequence[int]
) -> str | None:
    """A message if the category ids of the data are those of the checkpoint plus or minus one."""
    if list(names) != list(known_names) or len(ids) != len(known_ids):
        return None
    shifts = {new - old for new, old in zip(ids, known_ids)}
    if shifts not in ({1}, {-1}):
        return None
    return (
        f"category ids are shifted by one against those of the checkpoint: there {_listed(known_ids)}, here "
        f"{_listed(ids)}, for the same classes. Classes are matched by name, so this is correct if annotations and "
        "categories use the same ids; if a tool shifted only one of them, every object has the wrong class"
    )


def shifted_counts(
    names: Sequence[str], labelled: Sequence[ImageEntry], evaluation: Sequence[ImageEntry]
) -> str | None:
    """A message if the labels that occur in evaluation are those that occur in training plus or minus one."""
    here, there = (_count(entries, len(names)) for entries in (labelled, evaluation))
    if min(here.sum(), there.sum()) < MIN_OBJECTS or (here > 0).sum() < 2:
        return None
    present = np.flatnonzero(here).tolist()
    if np.flatnonzero(there).tolist() not in ([k + 1 for k in present], [k - 1 for k in present]):
        return None
    only_here = [names[k] for k in range(len(names)) if here[k] and not there[k]]
    only_there = [names[k] for k in range(len(names)) if there[k] and not here[k]]
    return (
        f"labels look shifted by one between training and evaluation: {', '.join(only_here)} occurs in training only, "
        f"{', '.join(only_there)} in evaluation only, the classes in between in both; check that category_id starts "
        "at the "
        "same number in both files"
    )


def no_held_out_objects(held_out: Sequence[ImageEntry]) -> str | None:
    """A message if there are held-out images, but none with an object, so that the guard cannot measure
    pseudo-labels."""
    if not held_out or count_boxes(held_out)[0]:
        return None
    return (
        f"guard: none of the {len(held_out)} held-out images has an object, so no pseudo-label can be correct on them and the "
        "guard will not act; label more images, so that one with an object can be held out"
    )


def _count(entries: Sequence[ImageEntry], classes: int) -> np.ndarray:
    """Number of objects per class, without crowds: int64 [classes]."""
    labels = [entry.labels[~entry.crowd] for entry in entries]
    return np.bincount(np.concatenate(labels), minlength=classes + 1)[1:]


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) if len(ids) <= 4 else f"{ids[0]}, {ids[1]}, ... {ids[-1]}"
