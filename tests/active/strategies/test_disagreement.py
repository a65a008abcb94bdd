"""``disagreement`` against plain loops."""

import math

import numpy as np
import pytest

from src.active.acquisition import acquire
from src.active.detections_file import DetectionTable
from src.active.strategies.pool import Options, Pool
from src.errors import UserError


def random_table(rng, names, classes=3):
    counts = rng.integers(0, 4, len(names))
    rows = int(counts.sum())
    probabilities = rng.dirichlet([0.5] * (classes + 1), rows).astype(np.float32)
    boxes = np.concatenate([rng.uniform(0, 20, (rows, 2)), rng.uniform(5, 20, (rows, 2))], axis=1).astype(np.float32)
    scores = probabilities[:, 1:].max(axis=1, initial=0).astype(float)
    return DetectionTable(
        names,
        counts,
        scores,
        np.zeros(rows),
        probabilities[:, 1:].argmax(axis=1) if rows else np.zeros(0, int),
        boxes,
        probabilities,
    )


def iou(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    return overlap / (a[2] * a[3] + b[2] * b[3] - overlap)


def divergence(p, q):
    """Jensen-Shannon divergence in bits, by Kullback-Leibler divergences from the mean."""
    total = 0.0
    for x, y in zip(p, q, strict=True):
        m = (x + y) / 2
        total += (x * math.log2(x / m) if x > 0 else 0) / 2 + (y * math.log2(y / m) if y > 0 else 0) / 2
    return total


def rows_of(table, index):
    start = int(table.counts[:index].sum())
    places = range(start, start + int(table.counts[index]))
    return [(float(table.confidence[i]), table.boxes[i].tolist(), table.probabilities[i].tolist()) for i in places]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_scores_are_those_of_plain_loops(seed, exponent):
    rng = np.random.default_rng(seed)
    names = tuple(f"{i}" for i in range(12))
    first, second = random_table(rng, names), random_table(rng, names)
    found = acquire(Pool(first, second=second), "disagreement", Options(box_exponent=exponent)).scores
    for index in range(len(names)):
        both = rows_of(first, index), rows_of(second, index)
        total = 0.0
        for mine, theirs in (both, both[::-1]):
            for score, box, p in mine:
                agreement = max((iou(box, other) * (1 - divergence(p, q)) for _, other, q in theirs), default=0.0)
                total += score * (1 - agreement) / 2
        expected = sum(row[0] for rows in both for row in rows) / 2
        assert found[index] == pytest.approx(total / (expected + 1) ** exponent, abs=1e-5)


def test_a_network_agrees_with_itself():
    table = random_table(np.random.default_rng(0), ("a", "b", "c"))
    assert acquire(Pool(table, second=table), "disagreement", Options()).scores == pytest.approx(0, abs=1e-5)


def test_a_second_network_is_needed():
    with pytest.raises(UserError, match="pass --second_infer_json"):
        acquire(Pool(random_table(np.random.default_rng(0), ("a",))), "disagreement", Options())
