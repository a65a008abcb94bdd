"""What kinds of mistakes a detector makes (Bolya et al. 2020, TIDE).

Axes: D detections, G objects.
"""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import FOUND_IOU, NEAR_IOU, Matches

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


def _best(matches: Matches, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some pairs, the highest IoU of each detection and its object: float [D], 0 for none, and int [D], -1 for none."""
    iou, other = np.zeros(len(matches.label)), np.full(len(matches.label), -1)
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(matches.pair_iou[rows], kind="stable")]
    iou[matches.pair_detection[rows]] = matches.pair_iou[rows]  # the last one written stays
    other[matches.pair_detection[rows]] = matches.pair_object[rows]
    return iou, other
