"""A linear fit that few images cannot spoil: drawn towards a prior, and robust against outliers.

Axes: N observations, P coefficients.
"""

from dataclasses import dataclass

import numpy as np

_ROUNDS = 50  # of re-weighting; it settles within about ten
_HUBER = (
    2.0  # standard deviations beyond which an observation counts less (Huber 1964); durations are skewed, so not 1.345
)
_MAD_TO_SD = 1.4826  # median absolute deviation to standard deviation, of a normal distribution
_SCATTER_WEIGHT = 5  # observations that the prior of the scatter is worth
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Prior:
    """What is taken for granted before anything is observed.

    Attributes:
        mean, spread: float64 [P], of the coefficients; spread is a standard deviation.
        scatter: standard deviation of an observation, as a share of its expected value.
    """

    mean: np.ndarray
    spread: np.ndarray
    scatter: float


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Coefficients from 0 up: mean float64 [P] and covariance [P, P]; scatter as in ``Prior``."""

    mean: np.ndarray
    covariance: np.ndarray
    scatter: float


def fit_towards_prior(features: np.ndarray, target: np.ndarray, prior: Prior) -> LinearFit:
    """Ridge regression towards the prior, with Huber's weights; an observation scatters in proportion to its expected value.

    Args:
        features: [N, P], from 0 up; target: [N], from 0 up. N may be 0, which gives the prior.
    """
    # Imported here, because it takes as long as all else that a label tool imports.
    from scipy.optimize import nnls

    features, target = np.asarray(features, np.float64).reshape(-1, len(prior.mean)), np.asarray(target, np.float64)
    mean, scatter, weights = prior.mean, prior.scatter, np.ones(len(target))
    for _ in range(_ROUNDS):
        expected = np.maximum(features @ mean, _LEAST)
        residuals = (target - expected) / expected
        if len(target):
            seen = _MAD_TO_SD * float(np.median(np.abs(residuals)))
            shares = np.array([_SCATTER_WEIGHT, len(target)]) / (_SCATTER_WEIGHT + len(target))
            scatter = float(np.sqrt(shares @ [prior.scatter**2, seen**2]))
        weights = np.minimum(1, _HUBER * scatter / np.maximum(np.abs(residuals), _LEAST))
        scale = np.sqrt(weights) / (scatter * expected)
        rows = np.concatenate([features * scale[:, None], np.diag(1 / prior.spread)])
        mean, _ = nnls(rows, np.concatenate([target * scale, prior.mean / prior.spread]))
    return LinearFit(mean, np.linalg.inv(rows.T @ rows), scatter)
