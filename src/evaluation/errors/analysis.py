"""Error analysis of the detections of a data set: all that a report shows, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.annotations import Annotations
from src.evaluation.coco_matching import Matches, match
from src.evaluation.errors.confusion import confusion_matrix
from src.evaluation.errors.curves import Curve, OperatingPoint, class_curves, overall_operating_point
from src.evaluation.errors.error_costs import costs
from src.evaluation.errors.error_types import ErrorTypes, find_error_types
from src.evaluation.errors.image_errors import ImageErrors, image_errors
from src.evaluation.errors.sizes import SizeRow, measure_sizes
from src.evaluation.records import SHOWN_SCORE


@dataclass(frozen=True, eq=False)
class ErrorAnalysis:
    """The results of the analysis. K classes.

    Attributes:
        annotations: ground truth.
        records: COCO result records.
        metrics: of ``src.evaluation.metrics.evaluate``.
        matches: detections matched to objects; errors: the error type of each detection and object.
        costs: AP50 gained by each class when an error type is fixed, float [K] by type; NaN without objects.
        curves: of each class.
        operating_point: the threshold of the best F1 over all classes.
        threshold: its score; without a true positive, ``SHOWN_SCORE``.
        confusion: int [K + 1, K + 1] of detections from ``threshold`` on.
        images: errors per image, of detections from ``threshold`` on.
        sizes: a row for each size.
    """

    annotations: Annotations
    records: Sequence[dict[str, Any]]
    metrics: dict[str, Any]
    matches: Matches
    errors: ErrorTypes
    costs: dict[str, np.ndarray]
    curves: list[Curve]
    operating_point: OperatingPoint
    threshold: float
    confusion: np.ndarray
    images: ImageErrors
    sizes: list[SizeRow]


def analyse_errors(
    annotations: Annotations, records: Sequence[dict[str, Any]], metrics: dict[str, Any]
) -> ErrorAnalysis:
    """Match detections to ground truth and analyse their errors.

    Args:
        annotations: ground truth, all of it labelled.
        records: COCO result records of these images and classes.
        metrics: of ``src.evaluation.metrics.evaluate`` for the same.
    """
    matches = match(annotations, records)
    errors = find_error_types(matches)
    operating_point = overall_operating_point(matches)
    threshold = SHOWN_SCORE if operating_point.score is None else operating_point.score
    images = image_errors(matches, errors, threshold)
    return ErrorAnalysis(
        annotations=annotations,
        records=records,
        metrics=metrics,
        matches=matches,
        errors=errors,
        costs=costs(matches, errors),
        curves=class_curves(matches),
        operating_point=operating_point,
        threshold=threshold,
        confusion=confusion_matrix(matches, threshold),
        images=images,
        sizes=measure_sizes(matches, errors, images, metrics),
    )
