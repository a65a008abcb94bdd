"""What the labellers changed, counted: the boxes that were sent beside those that came back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.outlines import as_outline, whole_mask
from src.data.formats.tools.annotated import Box, Shape
from src.data.images import MOST_PIXELS
from src.labelling.box_pairs import CHANGES, pair_boxes

_UNTOUCHED = 0.5  # pixels by which tools round
_BORDER = 3  # pixels; what two masks of one object differ by is thinner where one was made from the other's polygons


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
    """Whether the objects are those that were sent, but for the rounding of a tool and for what it cannot carry."""
    left = list(returned)
    for shape in sent:
        near = (other for other in left if _is_twin(shape, other))
        if (twin := next(near, None)) is None:
            return False
        left.remove(twin)
    return not left


def _is_twin(sent: Shape, returned: Shape) -> bool:
    """Whether class, box, outline and crowd are the same; a form without outlines or crowds says nothing of them."""
    return (
        returned.label == sent.label
        and _gap(sent.box, returned.box) <= _UNTOUCHED
        and not (returned.crowd and not sent.crowd)
        and _same_outline(sent.segmentation, returned.segmentation)
    )


def _same_outline(sent: Any, returned: Any) -> bool:
    """Whether an outline that came back is the one that was sent: to the rounding of a tool, or to the border of a mask."""
    if not returned:
        return True
    if not sent:
        return False
    if isinstance(sent, list) and isinstance(returned, list):
        largest = max(sent, key=len)  # tools without outlines of several parts are sent this one
        return _same_polygons(sent, returned) or len(returned) == 1 and _same_polygons([largest], returned)
    try:
        height, width = next(outline for outline in (returned, sent) if isinstance(outline, dict))["size"]
        if height * width > MOST_PIXELS:
            return False
        before, now = (whole_mask(as_outline(outline), (width, height)) for outline in (sent, returned))
        other = (coco_masks.decode(before) != coco_masks.decode(now)).astype(np.uint8)
    except (ValueError, KeyError, TypeError):
        return False
    return not cv2.erode(other, np.ones((_BORDER, _BORDER), np.uint8), borderType=cv2.BORDER_CONSTANT).any()


def _same_polygons(sent: Sequence[Sequence[float]], returned: Sequence[Sequence[float]]) -> bool:
    left = list(returned)
    for polygon in sent:
        near = (
            other
            for other in left
            if len(other) == len(polygon) and max(abs(a - b) for a, b in zip(polygon, other, strict=True)) <= _UNTOUCHED
        )
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
