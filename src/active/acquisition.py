"""Acquisition scores per image: the strategies by name.

A further strategy is a file in ``src/active/strategies`` and a line here.
"""

import math
from collections.abc import Callable

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

STRATEGIES: dict[str, Callable[[Pool, Options], Acquisition]] = {
    "reference": reference,
    "entropy": entropy,
    "least_confidence": least_confidence,
    "random": random_order,
    "balanced_entropy": balanced_entropy,
    "ppal": ppal,
    "coverage": coverage,
    "disagreement": disagreement,
}


def acquire(pool: Pool, strategy: str, options: Options) -> Acquisition:
    """The acquisition score of each image, and its terms.

    Raises:
        UserError: unknown strategy, unusable options, or a pool that lacks what the strategy needs.
    """
    check_options(strategy, options)
    return STRATEGIES[strategy](pool, options)


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
