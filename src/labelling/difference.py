"""What the labellers changed: the boxes that were sent beside those that came back.

A sent box and a returned one belong together from an IoU of ``SAME_OBJECT`` on; pairs of one class first, then those of two,
each time the highest IoU first. Such a pair is accepted (IoU from ``ACCEPTED`` on), moved, or relabelled; what is left over was
deleted or added.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from src.data.formats.tools.annotated import Box, Shape

SAME_OBJECT = 0.3  # least IoU; a box of 12 pixels that is moved by 3 each way has 0.39
ACCEPTED = 0.9
_UNTOUCHED = 0.5  # pixels by which tools round
CHANGES = ("accepted", "moved", "relabelled", "deleted", "added")


@dataclass
class Difference:
    """Of one image: boxes per change and class, and the IoUs of the accepted ones.

    Attributes:
        counts: change -> class -> boxes. A relabelled box counts for the class that was sent.
        ious: class -> IoU of each accepted box with what was sent.
        relabelled: (class sent, class returned) -> boxes.
    """

    counts: dict[str, Counter] = field(default_factory=lambda: {change: Counter() for change in CHANGES})
    ious: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    relabelled: Counter = field(default_factory=Counter)

    def add(self, other: "Difference") -> None:
        """Count those of another image in."""
        for change, counter in other.counts.items():
            self.counts[change].update(counter)
        for name, values in other.ious.items():
            self.ious[name] += values
        self.relabelled.update(other.relabelled)


def compare(sent: Sequence[Shape], returned: Sequence[Shape]) -> Difference:
    """The difference of one image."""
    found = Difference()
    iou = box_ious([shape.box for shape in sent], [shape.box for shape in returned])
    same = np.array([[a.label == b.label for b in returned] for a in sent], bool).reshape(iou.shape)
    free_sent, free_returned = set(range(len(sent))), set(range(len(returned)))
    for allowed in (same, ~same):
        rows, columns = np.nonzero(allowed & (iou >= SAME_OBJECT))
        for pair in np.argsort(-iou[rows, columns], kind="stable"):
            row, column = int(rows[pair]), int(columns[pair])
            if row in free_sent and column in free_returned:
                free_sent.remove(row)
                free_returned.remove(column)
                _count_pair(found, sent[row].label, returned[column].label, float(iou[row, column]))
    found.counts["deleted"].update(sent[row].label for row in free_sent)
    found.counts["added"].update(returned[column].label for column in free_returned)
    return found


def _count_pair(found: Difference, before: str, after: str, iou: float) -> None:
    if before != after:
        found.counts["relabelled"][before] += 1
        found.relabelled[before, after] += 1
    elif iou >= ACCEPTED:
        found.counts["accepted"][before] += 1
        found.ious[before].append(iou)
    else:
        found.counts["moved"][before] += 1


def is_untouched(sent: Sequence[Shape], returned: Sequence[Shape]) -> bool:
    """Whether the boxes are those that were sent, but for the rounding of a tool."""
    left = list(returned)
    for shape in sent:
        near = (other for other in left if other.label == shape.label and _gap(shape.box, other.box) <= _UNTOUCHED)
        if (twin := next(near, None)) is None:
            return False
        left.remove(twin)
    return not left


def box_ious(first: Sequence[Box], second: Sequence[Box]) -> np.ndarray:
    """Intersection over union of each pair; float64 [N, M]."""
    a, b = (np.array(boxes, np.float64).reshape(-1, 4) for boxes in (first, second))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def summary(found: Difference, classes: Iterable[str], sent: Mapping[str, int]) -> dict[str, Any]:
    """The numbers of a report: of each class, and of all together."""
    names = [*classes]
    rows = {name: _numbers(found, [name]) | {"sent": sent.get(name, 0)} for name in names}
    swaps = [{"from": a, "to": b, "boxes": count} for (a, b), count in found.relabelled.most_common()]
    return {"all": _numbers(found, names) | {"sent": sum(sent.values())}, "per_class": rows, "relabelled": swaps}


def _numbers(found: Difference, names: Sequence[str]) -> dict[str, Any]:
    ious = [value for name in names for value in found.ious.get(name, [])]
    counts = {change: sum(found.counts[change][name] for name in names) for change in CHANGES}
    return counts | {"mean_iou_of_accepted": fmean(ious) if ious else None}


def seconds_summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Statistics of the seconds per image."""
    if not seconds:
        return {"images": 0, "total": None, "mean": None, "median": None}
    return {"images": len(seconds), "total": sum(seconds), "mean": fmean(seconds), "median": median(seconds)}


def _gap(a: Box, b: Box) -> float:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))
