"""Errors per image, at a score threshold."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.error_types import ERROR_TYPES, ErrorTypes


@dataclass(frozen=True, eq=False)
class ImageErrors:
    """True positives, false positives and false negatives per image, of the detections from a score threshold on. N images.

    Attributes:
        kept: bool [D], detections with at least this score, without the ignored ones.
        false_negative: bool [G], objects that no kept detection is matched to.
        objects, true_positives, false_negatives: int [N].
        false_positives: int [N, 5], kept detections by their error type.
        order: int [N], the images by descending number of errors, ties in the order of the data set.
    """

    kept: np.ndarray
    false_negative: np.ndarray
    objects: np.ndarray
    true_positives: np.ndarray
    false_negatives: np.ndarray
    false_positives: np.ndarray
    order: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """int [N], false positives and false negatives."""
        return self.false_positives.sum(1) + self.false_negatives


def image_errors(matches: Matches, errors: ErrorTypes, threshold: float) -> ImageErrors:
    """Count the errors per image.

    Args:
        threshold: the lowest score of a detection that counts.
    """
    kept = (matches.score >= threshold) & ~matches.ignored
    false_negative = np.ones(len(matches.object_label), bool)
    false_negative[matches.matched_object[kept & matches.true_positive]] = False

    def count(images: np.ndarray) -> np.ndarray:
        return np.bincount(images, minlength=matches.images)

    false_positives = [
        count(matches.image[kept & (errors.detection == number)]) for number in range(len(ERROR_TYPES) - 1)
    ]
    false_positives, false_negatives = np.stack(false_positives, 1), count(matches.object_image[false_negative])
    return ImageErrors(
        kept=kept,
        false_negative=false_negative,
        objects=count(matches.object_image),
        true_positives=count(matches.image[kept & matches.true_positive]),
        false_negatives=false_negatives,
        false_positives=false_positives,
        order=np.argsort(-(false_positives.sum(1) + false_negatives), kind="stable"),
    )
