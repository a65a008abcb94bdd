"""What each kind of mistake costs: the AP50 gained when it is mended (Bolya et al. 2020, TIDE, section 2.3).

Axes: D detections, N of them counted, K classes.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.curves import envelope
from src.evaluation.errors.error_types import KINDS, MISSED, Mistakes


@dataclass(frozen=True, eq=False)
class Scene:
    """What an average precision is computed from: right or wrong, label and score of detections [N]; objects [K]."""

    right: np.ndarray
    label: np.ndarray
    score: np.ndarray
    objects: np.ndarray


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
