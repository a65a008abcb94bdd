"""Acquisition scores per image, from the teacher's detections.

An image without detections: averages over its detections (difficulty, least confidence) are unknown, so it gets the
mean of the images that have some, and neither leads nor flattens the ranking; what is counted or summed (information,
diversity, entropy) is 0.
"""

import math
import random
from collections.abc import Sequence

import numpy as np

from src.active.detections_file import ImageSums
from src.errors import UserError

STRATEGIES = ("reference", "entropy", "least_confidence", "random")


def image_values(
    sums: ImageSums, strategy: str = "reference", weights: Sequence[float] = (1, 1, 1), seed: int = 10
) -> dict[str, float]:
    """The acquisition score of each image, highest first, ties by name.

    Args:
        sums: the detections, see ``src.active.detections_file``.
        strategy: "reference": weighted sum of difficulty (mean entropy), information (summed confidence) and
            diversity (number of classes), each divided by its largest value over the images (Mi et al. 2022, Active
            Teacher for Semi-Supervised Object Detection, section 3.3). "entropy": summed entropy of the class
            probabilities. "least_confidence": mean of 1 - score. "random": drawn.
        weights: of difficulty, information and diversity, for "reference".
        seed: for "random"; -1 draws others each time.

    Raises:
        UserError: unknown strategy, unusable weights, or no detection in any image.
    """
    check_options(strategy, weights)
    if strategy != "random" and not sums.detections.any():
        raise UserError(
            f"none of the {len(sums.names)} images has a detection, so there is nothing to rank them by; "
            "train longer or infer with a lower --test_score_thr, or pass --strategy random"
        )
    if strategy == "reference":
        values = _reference(sums, weights)
    elif strategy == "entropy":
        values = sums.entropy
    elif strategy == "least_confidence":
        values = _mean_per_detection(sums.detections - sums.confidence, sums.detections)
    else:
        generator = random.Random(None if seed == -1 else seed)
        drawn = {name: generator.random() for name in sorted(sums.names)}
        values = np.array([drawn[name] for name in sums.names])
    ranked = sorted(zip(values.tolist(), sums.names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return {name: value for value, name in ranked}


def check_options(strategy: str, weights: Sequence[float]) -> None:
    """Raise a UserError that names an unknown strategy or unusable weights; needs no detections."""
    if strategy not in STRATEGIES:
        raise UserError(f"strategy {strategy!r}: must be one of {', '.join(STRATEGIES)}")
    if len(weights) != 3 or not all(math.isfinite(w) and w >= 0 for w in weights) or not any(weights):
        shown = " ".join(f"{weight:g}" for weight in weights)
        raise UserError(
            f"weights {shown}: must be three numbers from 0 up, not all 0 (difficulty information diversity), such as 1 1 1"
        )


def _reference(sums: ImageSums, weights: Sequence[float]) -> np.ndarray:
    terms = (_mean_per_detection(sums.entropy, sums.detections), sums.confidence, sums.classes)
    return sum(weight * _share_of_largest(term) for weight, term in zip(weights, terms, strict=True))


def _mean_per_detection(total: np.ndarray, detections: np.ndarray) -> np.ndarray:
    """total / detections [N]; where there are none, the mean of the others."""
    some = detections > 0
    means = total[some] / detections[some]
    values = np.full(len(total), means.mean())
    values[some] = means
    return values


def _share_of_largest(term: np.ndarray) -> np.ndarray:
    """The term divided by its largest value; all 0 if that is 0 (certain everywhere)."""
    largest = term.max()
    return term / largest if largest > 0 else np.zeros(len(term))
