"""Acquisition scores per image: the strategies by name.

A further strategy is a file in ``src/active/strategies`` and a line here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from src.active.strategies.balanced_entropy import balanced_entropy
from src.active.strategies.coverage import coverage
from src.active.strategies.disagreement import disagreement
from src.active.strategies.entropy import entropy
from src.active.strategies.least_confidence import least_confidence
from src.active.strategies.pool import Acquisition, Options, Pool
from src.active.strategies.ppal import ppal
from src.active.strategies.random_order import random_order
from src.active.strategies.reference import reference
from src.errors import UserError


@dataclass(frozen=True)
class Strategy:
    """A way to score images.

    Attributes:
        function: computes the scores. has_features: it reads features of detections; has_second: detections of a second network.
        has_box_exponent: it divides by a power of the expected boxes; is_random: it draws at random.
    """

    function: Callable[[Pool, Options], Acquisition]
    has_features: bool = False
    has_second: bool = False
    has_box_exponent: bool = False
    is_random: bool = False


STRATEGIES = {
    "reference": Strategy(reference),
    "entropy": Strategy(entropy),
    "least_confidence": Strategy(least_confidence),
    "random": Strategy(random_order, is_random=True),
    "balanced_entropy": Strategy(balanced_entropy, has_box_exponent=True),
    "ppal": Strategy(ppal, has_features=True, has_box_exponent=True, is_random=True),
    "coverage": Strategy(coverage, has_features=True, is_random=True),
    "disagreement": Strategy(disagreement, has_second=True, has_box_exponent=True),
}


def acquire(pool: Pool, strategy: str, options: Options) -> Acquisition:
    """The acquisition score of each image, and its terms.

    Raises:
        UserError: unknown strategy, unusable options, or a pool that lacks what the strategy needs.
    """
    check_options(strategy, options)
    return STRATEGIES[strategy].function(pool, options)


def descending_order(names: tuple[str, ...], scores: np.ndarray) -> list[int]:
    """Indices of the images by score, highest first, ties by name."""
    return sorted(range(len(names)), key=lambda place: (-scores[place], names[place]))


def check_options(strategy: str, options: Options) -> None:
    """Raise a UserError that names an unknown strategy or unusable options; needs no detections."""
    if strategy not in STRATEGIES:
        raise UserError(f"strategy {strategy!r}: must be one of {', '.join(STRATEGIES)}")
    weights = options.weights
    if len(weights) != 3 or not all(w >= 0 for w in weights) or not 0 < sum(weights) < math.inf:
        shown = " ".join(f"{weight:g}" for weight in weights)
        raise UserError(
            f"weights {shown}: must be three numbers from 0 up, not all 0 (difficulty information diversity), such as 1 1 1"
        )
    if not 0 <= options.box_exponent <= 1:
        raise UserError(f"box_exponent {options.box_exponent:g}: must lie between 0 (per image) and 1 (per box)")
