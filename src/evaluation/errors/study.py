"""Everything that a report tells about the detections of a data set, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.annotations import Annotations
from src.evaluation.coco_matching import Matches, match
from src.evaluation.errors.confusion import confusion_matrix
from src.evaluation.errors.curves import Curve, Threshold, class_curves, overall_threshold
from src.evaluation.errors.error_costs import costs
from src.evaluation.errors.error_types import Mistakes, find_mistakes
from src.evaluation.errors.image_errors import ImageErrors, image_errors
from src.evaluation.errors.sizes import SizeRow, by_size
from src.evaluation.records import SHOWN_SCORE


@dataclass(frozen=True, eq=False)
class Study:
    """The parts of a report. K classes.

    Attributes:
        annotations: ground truth.
        records: COCO result records.
        metrics: of ``src.evaluation.metrics.evaluate``.
        matches, mistakes: of every detection and object.
        costs: AP50 gained by each class when a kind of mistake is mended, float [K] by kind; NaN without objects.
        curves: of each class.
        threshold: the best one for all classes together.
        limit: its score; where nothing is right, that from which detections are shown.
        confusion: int [K + 1, K + 1] of detections from ``limit`` on.
        images: mistakes of each image from ``limit`` on.
        sizes: a row for each size.
    """

    annotations: Annotations
    records: Sequence[dict[str, Any]]
    metrics: dict[str, Any]
    matches: Matches
    mistakes: Mistakes
    costs: dict[str, np.ndarray]
    curves: list[Curve]
    threshold: Threshold
    limit: float
    confusion: np.ndarray
    images: ImageErrors
    sizes: list[SizeRow]


def make_study(annotations: Annotations, records: Sequence[dict[str, Any]], metrics: dict[str, Any]) -> Study:
    """Study detections.

    Args:
        annotations: ground truth, all of it labelled.
        records: COCO result records of these images and classes.
        metrics: of ``src.evaluation.metrics.evaluate`` for the same.
    """
    matches = match(annotations, records)
    mistakes = find_mistakes(matches)
    threshold = overall_threshold(matches)
    limit = SHOWN_SCORE if threshold.score is None else threshold.score
    images = image_errors(matches, mistakes, limit)
    return Study(
        annotations=annotations,
        records=records,
        metrics=metrics,
        matches=matches,
        mistakes=mistakes,
        costs=costs(matches, mistakes),
        curves=class_curves(matches),
        threshold=threshold,
        limit=limit,
        confusion=confusion_matrix(matches, limit),
        images=images,
        sizes=by_size(matches, mistakes, images, metrics),
    )
