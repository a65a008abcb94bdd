"""Error types of a detector (Bolya et al. 2020, TIDE).

Axes: D detections, G objects.
"""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import BACKGROUND_IOU, FOREGROUND_IOU, Matches

# As in the CSV files; the first five are of detections, the last is of objects.
ERROR_TYPES = ("class", "place", "both", "duplicate", "background", "missed")
CLASS, LOCALISATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(len(ERROR_TYPES))
NO_ERROR = -1


@dataclass(frozen=True, eq=False)
class ErrorTypes:
    """The error type of each detection and object.

    Attributes:
        detection: int [D], CLASS to BACKGROUND; NO_ERROR for true positives and ignored detections.
        target: int [D], the object of a detection of type CLASS or LOCALISATION; -1 for others.
        missed: bool [G], objects that are neither matched nor the target of a detection.
    """

    detection: np.ndarray
    target: np.ndarray
    missed: np.ndarray

    def counts(self) -> dict[str, int]:
        """Number of errors of each type."""
        of_detections = np.bincount(self.detection[self.detection >= 0], minlength=MISSED).tolist()
        return dict(zip(ERROR_TYPES, [*of_detections, int(self.missed.sum())], strict=True))


def find_error_types(matches: Matches) -> ErrorTypes:
    """Assign an error type to each false positive and each missed object.

    The first condition that holds counts (the paper's section 2.2, in the order of the authors' program):

    - localisation ("place"): the highest IoU with an object of its class is in [.1, .5);
    - class: the IoU with an object of another class is .5 or more;
    - duplicate: the IoU with an object of its class is .5 or more, and the object is matched already;
    - background: no IoU is .1 or more;
    - both: all others; the highest IoU with an object of another class is in [.1, .5).
    """
    false_positive = ~matches.true_positive & ~matches.ignored
    same = matches.label[matches.pair_detection] == matches.object_label[matches.pair_object]
    own, own_object = _best(matches, same)
    other, other_object = _best(matches, ~same)
    error_type = np.select(
        [
            ~false_positive,
            (own >= BACKGROUND_IOU) & (own < FOREGROUND_IOU),
            other >= FOREGROUND_IOU,
            own >= FOREGROUND_IOU,
            other < BACKGROUND_IOU,
        ],
        [NO_ERROR, LOCALISATION, CLASS, DUPLICATE, BACKGROUND],
        BOTH,
    )
    target = np.select([error_type == LOCALISATION, error_type == CLASS], [own_object, other_object], -1)
    targeted = np.zeros(len(matches.matched_detection), bool)
    targeted[target[target >= 0]] = True
    return ErrorTypes(error_type, target, (matches.matched_detection < 0) & ~targeted)


def _best(matches: Matches, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some pairs, the highest IoU of each detection and its object: float [D], 0 for none, and int [D], -1 for none."""
    iou, other = np.zeros(len(matches.label)), np.full(len(matches.label), -1)
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(matches.pair_iou[rows], kind="stable")]
    iou[matches.pair_detection[rows]] = matches.pair_iou[rows]  # the last one written stays
    other[matches.pair_detection[rows]] = matches.pair_object[rows]
    return iou, other
