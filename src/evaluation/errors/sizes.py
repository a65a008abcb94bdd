"""How well small, medium and large objects are found."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.error_types import Mistakes
from src.evaluation.errors.image_errors import ImageErrors
from src.evaluation.metrics import SIZES


@dataclass(frozen=True)
class SizeRow:
    """One size.

    Attributes:
        name: of ``SIZES``.
        objects: how many there are, by ``object_areas``.
        ap, ar: COCO's AP and AR at 100 detections; None without objects.
        found: objects that some detection has found at an IoU of .5, whatever its score.
        kept: objects that a detection from the threshold on has found.
        missed: objects that no detection is near.
    """

    name: str
    objects: int
    ap: float | None
    ar: float | None
    found: int
    kept: int
    missed: int


def by_size(matches: Matches, mistakes: Mistakes, images: ImageErrors, metrics: dict[str, Any]) -> list[SizeRow]:
    """A row for each size.

    Args:
        metrics: of ``src.evaluation.metrics.evaluate``.
    """
    size = size_of(matches.object_area)
    rows = []
    for index, name in enumerate(SIZES):
        mine = size == index
        found, kept = mine & (matches.found_by >= 0), mine & ~images.lost
        counts = [int(rows.sum()) for rows in (found, kept, mine & mistakes.missed)]
        rows.append(SizeRow(name, int(mine.sum()), metrics[f"AP_{name}"], metrics[f"AR_{name}"], *counts))
    return rows


def size_of(area: np.ndarray) -> np.ndarray:
    """Index in ``SIZES`` of areas [G] in pixels, int [G]; one on a border counts as the larger size."""
    limits = [low for low, _ in SIZES.values()][1:]
    return np.searchsorted(limits, area, side="right")
