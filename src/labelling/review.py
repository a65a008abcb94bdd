"""Labels that may be wrong: labelled images ranked by how confidently the detector disagrees with them.

| kind | what is seen | suspicion, 0 to 1 |
|---|---|---|
| missing box | a detection where no label is | its score |
| wrong class | a detection of another class on a label | its score - that of the best detection of the label's class there |
| moved box | the best detection of a label lies beside it | its score x w / share of labels that are as far off x 2 (1 - IoU), factors up to 1 |
| nothing there | a label without any detection | w / (w + share of labels of its class without a detection on it) |

w is the share of wrong labels that is expected: what a detector misses or misplaces often is no sign of an error.

An image is as suspicious as its worst disagreement. The detector must not have been trained on these very labels for long, or it
repeats their errors.

Axes: G labels and D detections of one image. Boxes are (x1, y1, x2, y2) in pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.labelling.box_pairs import SAME_OBJECT, box_ious

# IoU from which on a detection agrees with a label, means it, and has to do with it.
_CLOSE, _ON_IT, _NEAR = 0.75, 0.5, 0.1
_WRONG = 0.03  # share of labels that are wrong, as a guess: Northcutt et al. 2021 found 3.3 % in ten test sets


@dataclass(frozen=True, eq=False)
class Reviewed:
    """Labels and detections of one image: boxes float64 [G, 4] and [D, 4], classes int [G] and [D], scores [D]."""

    boxes: np.ndarray
    labels: np.ndarray
    found_boxes: np.ndarray
    found_labels: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Disagreement:
    """What is suspicious: 0 to 1, its kind, the class of the present label (None: no label), and the detector's box, class and score, if any."""

    suspicion: float
    kind: str
    box: tuple[float, ...]
    label: int
    score: float | None = None
    found_label: int | None = None


def rank_by_disagreement(images: Mapping[str, Reviewed]) -> dict[str, list[Disagreement]]:
    """Every image with its disagreements, worst image first, ties by the sum of all suspicions and by name; worst first within each."""
    overlaps = {name: box_ious(image.found_boxes, image.boxes) for name, image in images.items()}
    nearest = {name: _nearest(image, overlaps[name]) for name, image in images.items()}
    distances = np.sort(np.concatenate([np.zeros(0), *(iou[iou >= _NEAR] for _, iou in nearest.values())]))
    seen = _seen_per_class(images, nearest)
    found = {
        name: sorted(
            [
                *_missing(image, overlaps[name]),
                *_doubted(image, overlaps[name], nearest[name], distances, seen),
            ],
            key=lambda row: -row.suspicion,
        )
        for name, image in images.items()
    }

    def key(name: str) -> tuple[float, float, str]:
        values = [row.suspicion for row in found[name]]
        return -max(values, default=0.0), -sum(values), name

    return {name: found[name] for name in sorted(found, key=key)}


def describe(row: Disagreement, classes: Sequence[str]) -> str:
    """A disagreement in words, for a labeller."""
    corners = ", ".join(f"{value:.0f}" for value in row.box)
    seen = "" if row.score is None else f", the detector says {classes[row.found_label]} {row.score:.2f}"
    return f"{row.kind}: {classes[row.label]} ({corners}){seen}"


def _nearest(image: Reviewed, overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each label the detection of its class with the highest IoU, int [G], and this IoU [G], 0 for none."""
    same = np.where(image.found_labels[:, None] == image.labels[None], overlap, 0.0)
    if not same.size:
        return np.zeros(len(image.labels), int), np.zeros(len(image.labels))
    return same.argmax(axis=0), same.max(axis=0)


def _seen_per_class(
    images: Mapping[str, Reviewed], nearest: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> dict[int, float]:
    """Class -> share of its labels that a detection of this class is on."""
    labels = np.concatenate([np.zeros(0, int), *(image.labels for image in images.values())])
    seen = np.concatenate([np.zeros(0), *(nearest[name][1] for name in images)]) >= _ON_IT
    return {int(label): float(seen[labels == label].mean()) for label in np.unique(labels)}


def _missing(image: Reviewed, overlap: np.ndarray) -> list[Disagreement]:
    """Detections where no label is: none covers them, and none of their class is near."""
    rows = []
    for place, (box, label, score) in enumerate(
        zip(image.found_boxes.tolist(), image.found_labels.tolist(), image.scores.tolist(), strict=True)
    ):
        near = overlap[place] >= np.where(image.labels == label, _NEAR, SAME_OBJECT)
        if not near.any():
            rows.append(Disagreement(score, "missing box", tuple(box), label, score, label))
    return rows


def _doubted(
    image: Reviewed,
    overlap: np.ndarray,
    nearest: tuple[np.ndarray, np.ndarray],
    distances: np.ndarray,
    seen: Mapping[int, float],
) -> list[Disagreement]:
    """Labels that the detector sees as another class, elsewhere or not at all."""
    rows = []
    for place, (box, label) in enumerate(zip(image.boxes.tolist(), image.labels.tolist(), strict=True)):
        on_it = overlap[:, place] >= _ON_IT
        own = image.found_labels == label
        rival = np.where(on_it & ~own, image.scores, 0.0)
        support = float(np.where(on_it & own, image.scores, 0.0).max(initial=0.0))
        if rival.max(initial=0.0) > support:
            best = int(rival.argmax())
            score, found = float(image.scores[best]), int(image.found_labels[best])
            rows.append(Disagreement(score - support, "wrong class", tuple(box), label, score, found))
            continue
        index, iou = int(nearest[0][place]), float(nearest[1][place])
        if iou < _NEAR:
            suspicion = _WRONG / (_WRONG + 1 - seen[label])
            rows.append(Disagreement(suspicion, "nothing there", tuple(box), label))
            continue
        as_far = float(np.searchsorted(distances, iou, side="right") / len(distances))
        if iou < _CLOSE:
            score = float(image.scores[index])
            suspicion = score * min(_WRONG / as_far, 1) * min((1 - iou) / (1 - _ON_IT), 1)
            rows.append(Disagreement(suspicion, "moved box", tuple(box), label, score, label))
    return rows
