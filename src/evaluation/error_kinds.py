"""What kinds of mistakes a detector makes, and how much average precision each kind costs (Bolya et al. 2020, TIDE).

Axes: D detections, G objects, K classes.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.evaluation.coco_matching import FOUND_IOU, NEAR_IOU, Matches
from src.evaluation.curves import envelope

# Kinds of mistakes; the first five are of detections, the last is of objects.
KINDS = ("class", "place", "both", "duplicate", "background", "missed")
CLASS, PLACE, BOTH, DUPLICATE, BACKGROUND, MISSED = range(len(KINDS))
NO_MISTAKE = -1


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The kind of mistake of each detection and object.

    Attributes:
        detection: int [D], CLASS to BACKGROUND; NO_MISTAKE for right and ignored ones.
        target: int [D], the object that a detection of kind CLASS or PLACE was meant for; -1 for others.
        missed: bool [G], objects that neither a right detection nor one of kind CLASS or PLACE is on.
    """

    detection: np.ndarray
    target: np.ndarray
    missed: np.ndarray

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        of_detections = np.bincount(self.detection[self.detection >= 0], minlength=MISSED).tolist()
        return dict(zip(KINDS, [*of_detections, int(self.missed.sum())], strict=True))


@dataclass(frozen=True, eq=False)
class Scene:
    """What an average precision is computed from: right or wrong, label and score of detections [N]; objects [K]."""

    right: np.ndarray
    label: np.ndarray
    score: np.ndarray
    objects: np.ndarray


def find_mistakes(matches: Matches) -> Mistakes:
    """Say of each wrong detection and each object that was not found which kind of mistake it is.

    The first that holds (the paper's section 2.2, in the order of the authors' program), t being IoU:

    - place: the best object of its class has .1 <= t < .5;
    - class: an object of another class has t >= .5;
    - duplicate: an object of its class has t >= .5, but a better detection has found it;
    - background: no object has t >= .1;
    - both: what is left, near an object of another class.
    """
    wrong = ~matches.right & ~matches.ignored
    same = matches.label[matches.pair_detection] == matches.object_label[matches.pair_object]
    own, own_object = _best(matches, same)
    other, other_object = _best(matches, ~same)
    kind = np.select(
        [
            ~wrong,
            (own >= NEAR_IOU) & (own < FOUND_IOU),
            other >= FOUND_IOU,
            own >= FOUND_IOU,
            other < NEAR_IOU,
        ],
        [NO_MISTAKE, PLACE, CLASS, DUPLICATE, BACKGROUND],
        BOTH,
    )
    target = np.select([kind == PLACE, kind == CLASS], [own_object, other_object], -1)
    near = np.zeros(len(matches.found_by), bool)
    near[target[target >= 0]] = True
    return Mistakes(kind, target, (matches.found_by < 0) & ~near)


def costs(matches: Matches, mistakes: Mistakes) -> dict[str, np.ndarray]:
    """AP50 gained by each class when all mistakes of one kind are mended, float [K] by kind; NaN without objects."""
    before = class_ap50(scene_of(matches), matches.objects)
    return {
        name: class_ap50(mend(matches, mistakes, {kind}), matches.objects) - before for kind, name in enumerate(KINDS)
    }


def scene_of(matches: Matches) -> Scene:
    """Detections as they are, those inside crowds left out."""
    counted = ~matches.ignored
    return Scene(matches.right[counted], matches.label[counted], matches.score[counted], matches.objects)


def mend(matches: Matches, mistakes: Mistakes, kinds: set[int]) -> Scene:
    """The scene without the mistakes of some kinds (the paper's section 2.3).

    A detection of kind CLASS or PLACE becomes right with its object's class; where the object has been found, or a better
    detection is mended to find it, it goes. Detections of the other kinds go. Missed objects are not counted any more.
    """
    mended = np.isin(mistakes.detection, list(kinds))
    candidates = np.flatnonzero(mended & (mistakes.target >= 0))
    candidates = candidates[matches.found_by[mistakes.target[candidates]] < 0]
    # Detections of an image are ordered by falling score, so the first one on an object is the best.
    _, first = np.unique(mistakes.target[candidates], return_index=True)
    turned = candidates[first]
    right, label = matches.right.copy(), matches.label.copy()
    right[turned] = True
    label[turned] = matches.object_label[mistakes.target[turned]]
    kept = ~matches.ignored & (~mended | right)
    scene = Scene(right[kept], label[kept], matches.score[kept], matches.objects)
    if MISSED in kinds:
        gone = np.bincount(matches.object_label[mistakes.missed], minlength=len(matches.objects) + 1)[1:]
        scene = replace(scene, objects=matches.objects - gone)
    return scene


def class_ap50(scene: Scene, objects: np.ndarray) -> np.ndarray:
    """Average precision of each class at an IoU of .5.

    Args:
        scene: detections and the objects that are left.
        objects: int [K], how many there were; a class that had none has no AP. One that has none left has AP 1, for then
            to detect nothing is right.

    Returns:
        float [K], NaN without objects.
    """
    order = np.argsort(-scene.score, kind="stable")
    order = order[np.argsort(scene.label[order], kind="stable")]
    right = scene.right[order]
    bounds = np.searchsorted(scene.label[order], np.arange(1, len(objects) + 2))
    result = np.full(len(objects), np.nan)
    for index, (had, left) in enumerate(zip(objects.tolist(), scene.objects.tolist(), strict=True)):
        if had:
            rows = right[bounds[index] : bounds[index + 1]]
            result[index] = envelope(rows, left)[0].mean() if left else 1.0
    return result


def mean_ap50(per_class: np.ndarray) -> float | None:
    """Mean over the classes that have objects; None when none has."""
    measured = per_class[~np.isnan(per_class)]
    return float(measured.mean()) if measured.size else None


def _best(matches: Matches, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some pairs, the highest IoU of each detection and its object: float [D], 0 for none, and int [D], -1 for none."""
    iou, other = np.zeros(len(matches.label)), np.full(len(matches.label), -1)
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(matches.pair_iou[rows], kind="stable")]
    iou[matches.pair_detection[rows]] = matches.pair_iou[rows]  # the last one written stays
    other[matches.pair_detection[rows]] = matches.pair_object[rows]
    return iou, other
