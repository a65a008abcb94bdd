"""Which images went worst."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.error_types import KINDS, Mistakes


@dataclass(frozen=True, eq=False)
class ImageErrors:
    """What is right and wrong in each image when detections from a threshold on are kept. N images.

    Attributes:
        kept: bool [D], detections with this score, those inside crowds left out.
        lost: bool [G], objects that none of them has found.
        objects, right, not_found: int [N].
        wrong: int [N, 5], kept detections of each kind of mistake of detections.
        order: int [N], the images with most mistakes (wrong detections and lost objects) first; as they come where equal.
    """

    kept: np.ndarray
    lost: np.ndarray
    objects: np.ndarray
    right: np.ndarray
    not_found: np.ndarray
    wrong: np.ndarray
    order: np.ndarray

    @property
    def mistakes(self) -> np.ndarray:
        """int [N], wrong detections and lost objects."""
        return self.wrong.sum(1) + self.not_found


def image_errors(matches: Matches, mistakes: Mistakes, threshold: float) -> ImageErrors:
    """Count the mistakes of each image.

    Args:
        threshold: detections with a lower score do not count.
    """
    kept = (matches.score >= threshold) & ~matches.ignored
    lost = np.ones(len(matches.object_label), bool)
    lost[matches.matched[kept & matches.right]] = False

    def count(images: np.ndarray) -> np.ndarray:
        return np.bincount(images, minlength=matches.images)

    wrong = [count(matches.image[kept & (mistakes.detection == kind)]) for kind in range(len(KINDS) - 1)]
    wrong, not_found = np.stack(wrong, 1), count(matches.object_image[lost])
    return ImageErrors(
        kept=kept,
        lost=lost,
        objects=count(matches.object_image),
        right=count(matches.image[kept & matches.right]),
        not_found=not_found,
        wrong=wrong,
        order=np.argsort(-(wrong.sum(1) + not_found), kind="stable"),
    )
