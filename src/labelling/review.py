"""Labels that may be wrong: labelled images ranked by how confidently the detector disagrees with them.

| kind | what is seen | suspicion, 0 to 1 |
|---|---|---|
| missing box | a detection where no label is | its score x rarity(0.02 of the detections) |
| wrong class | a detection of another class on a label | its score - that of the best detection of the label's class there |
| moved box | the best detection of a label lies beside it | its score x rarity(0.01 of the labels) |
| nothing there | a label without any detection | w / (w + share of labels of its class without a detection on it) |

w is the share of wrong labels that is expected: what a detector misses or misplaces often is no sign of an error. For the same reason
rarity(w) is min(w / share of others of the class that disagree as much, 1): a detection disagrees the more, the higher its score, and a
moved box by score x (1 - IoU)^2, so that rough boxes of small objects count only where the detector is sure. Shares of few are drawn towards w.

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
_MOVED, _LACKING = 0.01, 0.02  # of labels that are moved, and of confident detections whose label is missing
_PRIOR_WEIGHT = 50  # labels or detections that the guess of a share is worth


@dataclass(frozen=True, eq=False)
class Reviewed:
    """Labels and detections of one image: boxes float64 [G, 4] and [D, 4], classes int [G] and [D], scores [D]."""

    boxes: np.ndarray
    labels: np.ndarray
    found_boxes: np.ndarray
    found_labels: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class _Scales:
    """What is usual in all images, by class.

    Attributes:
        seen: share of labels that a detection of this class is on; labels: their number.
        scores: of all detections, sorted; bare: of those where no label is, sorted.
        offsets: how surely labels lie beside the nearest detection of their class, sorted.
    """

    seen: Mapping[int, float]
    scores: Mapping[int, np.ndarray]
    bare: Mapping[int, np.ndarray]
    offsets: Mapping[int, np.ndarray]
    labels: Mapping[int, int]


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
    scales = _scales(images, overlaps, nearest)
    found = {
        name: sorted(
            [
                *_missing(image, overlaps[name], scales),
                *_doubted(image, overlaps[name], nearest[name], scales),
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


def _scales(
    images: Mapping[str, Reviewed],
    overlaps: Mapping[str, np.ndarray],
    nearest: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> _Scales:
    """What is usual in all images."""
    empty = np.zeros(0)
    labels = np.concatenate([empty.astype(int), *(image.labels for image in images.values())])
    found = np.concatenate([empty.astype(int), *(image.found_labels for image in images.values())])
    scores = np.concatenate([empty, *(image.scores for image in images.values())])
    bare = np.concatenate([empty, *(_is_bare(image, overlaps[name]) for name, image in images.items())]) > 0
    iou = np.concatenate([empty, *(nearest[name][1] for name in images)])
    offset = np.concatenate([empty, *(_offsets(image, *nearest[name]) for name, image in images.items())])
    near = iou >= _NEAR
    return _Scales(
        seen={int(label): float((iou[labels == label] >= _ON_IT).mean()) for label in np.unique(labels)},
        scores={int(label): np.sort(scores[found == label]) for label in np.unique(found)},
        bare={int(label): np.sort(scores[bare & (found == label)]) for label in np.unique(found)},
        offsets={int(label): np.sort(offset[near & (labels == label)]) for label in np.unique(labels)},
        labels={int(label): int((labels == label).sum()) for label in np.unique(labels)},
    )


def _offsets(image: Reviewed, index: np.ndarray, iou: np.ndarray) -> np.ndarray:
    """How surely each label lies beside its nearest detection, float64 [G]."""
    return image.scores[index] * (1 - iou) ** 2 if len(image.scores) else np.zeros(len(iou))


def _rarity(expected: float, as_much: int, of: int) -> float:
    """Expected share / share of the others that disagree as much, at most 1; ``as_much`` counts the one in question, too."""
    share = (as_much - 1 + _PRIOR_WEIGHT * expected) / (of + _PRIOR_WEIGHT)
    return min(expected / share, 1.0)


def _is_bare(image: Reviewed, overlap: np.ndarray) -> np.ndarray:
    """Bool [D], detections where no label is: none covers them, and none of their class is near."""
    near = np.where(image.found_labels[:, None] == image.labels[None], _NEAR, SAME_OBJECT)
    return ~(overlap >= near).any(axis=1)


def _missing(image: Reviewed, overlap: np.ndarray, scales: _Scales) -> list[Disagreement]:
    """Detections where no label is."""
    rows = []
    for place in np.flatnonzero(_is_bare(image, overlap)):
        box, label, score = image.found_boxes[place], int(image.found_labels[place]), float(image.scores[place])
        rarity = _rarity(_LACKING, _at_least(scales.bare[label], score), _at_least(scales.scores[label], score))
        rows.append(Disagreement(score * rarity, "missing box", tuple(box.tolist()), label, score, label))
    return rows


def _at_least(values: np.ndarray, value: float) -> int:
    """How many of the sorted values are as high."""
    return len(values) - int(np.searchsorted(values, value, side="left"))


def _doubted(
    image: Reviewed, overlap: np.ndarray, nearest: tuple[np.ndarray, np.ndarray], scales: _Scales
) -> list[Disagreement]:
    """Labels that the detector sees as another class, elsewhere or not at all."""
    offsets = _offsets(image, *nearest)
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
            suspicion = _WRONG / (_WRONG + 1 - scales.seen[label])
            rows.append(Disagreement(suspicion, "nothing there", tuple(box), label))
            continue
        if iou < _CLOSE:
            score, as_much = float(image.scores[index]), _at_least(scales.offsets[label], float(offsets[place]))
            suspicion = score * _rarity(_MOVED, as_much, scales.labels[label])
            rows.append(Disagreement(suspicion, "moved box", tuple(box), label, score, label))
    return rows
