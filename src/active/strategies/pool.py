"""The input and output of a strategy.

Axes: N images that were ranked, D their detections.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from src.active.detections_file import DetectionTable
from src.data.formats.feature_file import FeatureTable
from src.errors import UserError


@dataclass(frozen=True, eq=False)
class Pool:
    """Images to rank, and what is known about them besides their detections.

    Attributes:
        detections: of the images to rank.
        labelled: file names of the images that are labelled already.
        objects: labelled objects so far per class, in the order of the predicted classes; None: not known.
        features: of ranked and labelled images; None: not known.
        second: detections of a second network in the same images in the same order; None: not known.
    """

    detections: DetectionTable
    labelled: frozenset[str] = frozenset()
    objects: tuple[int, ...] | None = None
    features: FeatureTable | None = None
    second: DetectionTable | None = None


@dataclass(frozen=True)
class Options:
    """Settings of the strategies.

    Attributes:
        weights: of difficulty, information and diversity (reference).
        box_exponent: exponent of ``per_expected_box``.
        budget: images to pick (ppal, coverage); None: not known.
        seed: of the random draws; -1: not seeded.
    """

    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    box_exponent: float = 0.5
    budget: int | None = None
    seed: int = 10

    @property
    def generator(self) -> np.random.Generator:
        """A new generator of the seed."""
        return np.random.default_rng(None if self.seed == -1 else self.seed)


@dataclass(frozen=True, eq=False)
class Acquisition:
    """Acquisition scores per image.

    Attributes:
        scores: float64 [N], higher is labelled first.
        terms: name -> [N], terms of the scores, to explain why an image was picked.
        note: a sentence for the user, if there is something to say about all of them.
    """

    scores: np.ndarray
    terms: Mapping[str, np.ndarray] = field(default_factory=dict)
    note: str = ""


def require_detections(detections: DetectionTable) -> None:
    """Raise a UserError if no image has a detection."""
    if not len(detections.confidence):
        raise UserError(
            f"none of the {len(detections.names)} images has a detection, so there is nothing to rank them by; train longer, "
            "infer with a lower --test_score_thr, or pass another --strategy, such as --strategy random"
        )


def per_expected_box(total: np.ndarray, expected: np.ndarray, exponent: float) -> np.ndarray:
    """total / (expected + 1)^a [N]: a = 0 prefers crowded images, a = 1 scores images per box.

    Args:
        total: [N], a sum over the detections of each image; expected: [N], the sum of their scores.
    """
    return total / (expected + 1.0) ** exponent
