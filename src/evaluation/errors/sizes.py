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
    """Metrics and numbers of objects of one size.

    Attributes:
        name: key of ``SIZES``.
        objects: number of objects of this size.
        ap, ar: COCO's AP, and AR at 100 detections; None without objects.
        matched: number of objects that are matched to a detection with any score, at an IoU of 0.5.
        kept: number of objects that are matched to a detection with a score of at least the threshold of ``ImageErrors``.
        missed: number of objects of error type MISSED.
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
        matches, errors, images: of the same detections.
        metrics: result of ``src.evaluation.metrics.evaluate``.
    """
    size = size_index(matches.object_area)
    rows = []
    for index, name in enumerate(SIZES):
        of_size = size == index
        matched, kept = of_size & (matches.matched_detection >= 0), of_size & ~images.false_negative
        counts = [int(objects.sum()) for objects in (matched, kept, of_size & errors.missed)]
        rows.append(SizeRow(name, int(of_size.sum()), metrics[f"AP_{name}"], metrics[f"AR_{name}"], *counts))
    return rows


def size_index(area: np.ndarray) -> np.ndarray:
    """Index in ``SIZES`` of areas [G] in square pixels, int [G]; an area on the limit of two sizes counts as the larger one."""
    limits = [low for low, _ in SIZES.values()][1:]
    return np.searchsorted(limits, area, side="right")
