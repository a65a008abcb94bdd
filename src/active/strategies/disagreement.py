"""``disagreement``: where two networks, such as teacher and student, find other boxes or other classes.

Lyu et al. 2023, Box-Level Active Detection (ComPAS): disagreement in classification and localisation of matched boxes.
"""

import numpy as np

from src.active.strategies.pool import Acquisition, Options, Pool, per_expected_box
from src.errors import UserError

_NO_SECOND = "strategy disagreement needs the detections of a second network: pass --second_infer_json"


def disagreement(pool: Pool, options: Options) -> Acquisition:
    """Sum over the detections of both networks of score x (1 - IoU x class agreement) with the best match of the other.

    The class agreement of two detections is 1 minus the Jensen-Shannon divergence (in bits) of their class probabilities. A
    detection without an overlapping one has agreement 0. The sum is halved and divided by (expected boxes + 1)^box_exponent,
    where the expected boxes are the mean over both networks.

    Raises:
        UserError: no detections of a second network.
    """
    if pool.second is None:
        raise UserError(_NO_SECOND)
    first, second = pool.detections, pool.second
    total, expected = np.zeros(len(first.names)), np.zeros(len(first.names))
    ends = [np.cumsum(table.counts) for table in (first, second)]
    for index, (one, other) in enumerate(zip(*ends, strict=True)):
        mine, theirs = slice(one - first.counts[index], one), slice(other - second.counts[index], other)
        scores, scores_of_second = first.confidence[mine], second.confidence[theirs]
        agreement = agreements(
            first.boxes[mine], first.probabilities[mine], second.boxes[theirs], second.probabilities[theirs]
        )
        best = agreement.max(axis=1, initial=0.0), agreement.max(axis=0, initial=0.0)
        total[index] = (scores @ (1 - best[0]) + scores_of_second @ (1 - best[1])) / 2
        expected[index] = (scores.sum() + scores_of_second.sum()) / 2
    scores = per_expected_box(total, expected, options.box_exponent)
    return Acquisition(scores, {"disagreement": total, "expected_boxes": expected})


def agreements(
    boxes: np.ndarray, probabilities: np.ndarray, boxes2: np.ndarray, probabilities2: np.ndarray
) -> np.ndarray:
    """[n, m] IoU x (1 - Jensen-Shannon divergence) of n detections with m others, 0 to 1.

    Args:
        boxes: [n, 4], (x, y, width, height); probabilities: [n, C]; boxes2, probabilities2: of the m others.
    """
    ends, ends2 = boxes[:, :2] + boxes[:, 2:], boxes2[:, :2] + boxes2[:, 2:]
    sides = np.minimum(ends[:, None], ends2) - np.maximum(boxes[:, None, :2], boxes2[:, :2])
    overlap = np.clip(sides, 0, None).prod(axis=2)
    union = boxes[:, None, 2:].prod(axis=2) + boxes2[:, 2:].prod(axis=1) - overlap
    mean = (probabilities[:, None] + probabilities2) / 2
    entropies, entropies2 = entropy_of(probabilities), entropy_of(probabilities2)
    divergence = entropy_of(mean) - (entropies[:, None] + entropies2) / 2
    return overlap / np.maximum(union, 1e-9) * (1 - np.clip(divergence, 0, 1))


def entropy_of(probabilities: np.ndarray) -> np.ndarray:
    """Entropy in bits over the last axis."""
    return -(probabilities * np.log2(np.maximum(probabilities, 1e-12))).sum(axis=-1)
