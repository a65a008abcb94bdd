"""AP, AR and recall of small, medium and large objects."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.error_types import ErrorTypes
from src.evaluation.errors.image_errors import ImageErrors
from src.evaluation.metrics import SIZES


@dataclass(frozen=True)
class SizeRow:
    """One size.

    Attributes:
        name: of ``SIZES``.
        objects: number of objects of this size, by ``object_areas``.
        ap, ar: COCO's AP and AR at 100 detections; None without objects.
        matched: objects matched to a detection at an IoU of .5, at any score.
        kept: objects matched to a detection from the threshold on.
        missed: objects of error type MISSED.
    """

    name: str
    objects: int
    ap: float | None
    ar: float | None
    matched: int
    kept: int
    missed: int


def measure_sizes(matches: Matches, errors: ErrorTypes, images: ImageErrors, metrics: dict[str, Any]) -> list[SizeRow]:
    """A row for each size.

    Args:
        metrics: of ``src.evaluation.metrics.evaluate``.
    """
    size = size_index(matches.object_area)
    rows = []
    for index, name in enumerate(SIZES):
        mine = size == index
        matched, kept = mine & (matches.matched_detection >= 0), mine & ~images.false_negative
        counts = [int(rows.sum()) for rows in (matched, kept, mine & errors.missed)]
        rows.append(SizeRow(name, int(mine.sum()), metrics[f"AP_{name}"], metrics[f"AR_{name}"], *counts))
    return rows


def size_index(area: np.ndarray) -> np.ndarray:
    """Index in ``SIZES`` of areas [G] in pixels, int [G]; one on a border counts as the larger size."""
    limits = [low for low, _ in SIZES.values()][1:]
    return np.searchsorted(limits, area, side="right")
