"""What the labellers changed, counted: the boxes that were sent beside those that came back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from src.data.formats.tools.annotated import Box, Shape
from src.labelling.box_pairs import CHANGES, pair_boxes

_UNTOUCHED = 0.5  # pixels by which tools round


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
    for pair in pair_boxes(sent, returned):
        label = (pair.sent or pair.returned).label
        found.counts[pair.change][label] += 1
        if pair.change == "accepted":
            found.ious[label].append(pair.iou)
        elif pair.change == "relabelled":
            found.relabelled[label, pair.returned.label] += 1
    return found


def is_untouched(sent: Sequence[Shape], returned: Sequence[Shape]) -> bool:
    """Whether the boxes are those that were sent, but for the rounding of a tool."""
    left = list(returned)
    for shape in sent:
        near = (other for other in left if other.label == shape.label and _gap(shape.box, other.box) <= _UNTOUCHED)
        if (twin := next(near, None)) is None:
            return False
        left.remove(twin)
    return not left


def summary(found: Difference, classes: Iterable[str], sent: Mapping[str, int]) -> dict[str, Any]:
    """The numbers of a report: of each class, and of all together.

    Args:
        classes: those that were sent; classes of boxes that came back under a name of none of them follow, sorted.
        sent: class -> boxes that were sent.
    """
    names = [*classes]
    names += sorted({name for counter in found.counts.values() for name in counter}.difference(names))
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
