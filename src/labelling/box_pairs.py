"""Which returned box is which sent one, and what was changed on it.

A sent box and a returned one belong together from an IoU of ``SAME_OBJECT`` on; pairs of one class first, then those of two,
each time the highest IoU first. Such a pair is accepted (IoU from ``ACCEPTED`` on), moved, or relabelled; what is left over was
deleted or added.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.formats.tools.annotated import Box, Shape

SAME_OBJECT = 0.3  # least IoU; a box of 12 pixels that is moved by 3 each way has 0.39
ACCEPTED = 0.9
CHANGES = ("accepted", "moved", "relabelled", "deleted", "added")


@dataclass(frozen=True)
class Pair:
    """A box as it was sent (None: added) and as it came back (None: deleted), one of ``CHANGES``, and the IoU of both."""

    sent: Shape | None
    returned: Shape | None
    change: str
    iou: float = 0.0


def pair_boxes(sent: Sequence[Shape], returned: Sequence[Shape]) -> list[Pair]:
    """All boxes of an image, each once: pairs, then deleted ones, then added ones."""
    pairs: list[Pair] = []
    iou = box_ious([shape.box for shape in sent], [shape.box for shape in returned])
    same = np.array([[a.label == b.label for b in returned] for a in sent], bool).reshape(iou.shape)
    free_sent, free_returned = set(range(len(sent))), set(range(len(returned)))
    for allowed in (same, ~same):
        rows, columns = np.nonzero(allowed & (iou >= SAME_OBJECT))
        for place in np.argsort(-iou[rows, columns], kind="stable"):
            row, column = int(rows[place]), int(columns[place])
            if row in free_sent and column in free_returned:
                free_sent.remove(row)
                free_returned.remove(column)
                overlap = float(iou[row, column])
                change = "relabelled" if not same[row, column] else "accepted" if overlap >= ACCEPTED else "moved"
                pairs.append(Pair(sent[row], returned[column], change, overlap))
    pairs += [Pair(sent[row], None, "deleted") for row in sorted(free_sent)]
    return pairs + [Pair(None, returned[column], "added") for column in sorted(free_returned)]


def box_ious(first: Sequence[Box], second: Sequence[Box]) -> np.ndarray:
    """Intersection over union of each pair; float64 [N, M]."""
    a, b = (np.array(boxes, np.float64).reshape(-1, 4) for boxes in (first, second))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
