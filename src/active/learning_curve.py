"""How much AP more labelling would give: a power law through the rounds so far, with an interval.

    python -m src.active.learning_curve --rounds 2:31.4 5:37.9 9:41.2 --more 2 --unit hours

Each round is AMOUNT:AP, the amount (images or hours) all together up to this round, and the AP (0 to 100) on the same evaluation images.
Two rounds give a wide interval, which is mostly that of learning curves in general; a single one gives none.

The curve is AP(x) = A - B x^-g: the error falls by a power of the data down to a floor (Hestness et al. 2017, section 2). Few rounds
do not tell its three numbers, so curves are drawn from what learning curves look like in general, and each is weighted by how well
it fits the rounds. The interval holds as far as the curve is a power law: new kinds of images, another recipe or a curve that
bends more sharply than a power are not in it.

Axes: R rounds, S curves.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.command_line import program_parser
from src.errors import UserError, entry_point
from src.wording import as_percent

LEAST_ROUNDS = 2
_CURVES, _STEPS = 8000, 6  # curves drawn, and how often where they fit better (adaptive importance sampling)
_TAIL = 4  # degrees of freedom of the draws: heavy tails, so that no curve is overlooked
_LEAST_SPREAD = 0.05  # of the spread before, so that the draws do not narrow too fast
_SEED = 11  # the same rounds give the same interval
# Exponent g: Hestness et al. found 0.07 to 0.5 for errors. Noise: AP points by which trainings of one data set differ.
_PRIOR_MEAN = np.log([0.4, 1.0])  # medians of g and of the noise
_PRIOR_SPREAD = np.array([0.7, 0.5])  # of their logarithms
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Gain:
    """What is expected of labelling ``more``: AP points more, in the middle and with 90 % between low and high."""

    more: float
    unit: str
    middle: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        text = f"{self.more:g} more {self.unit}: {self.middle:+.1f} AP (90 %: {self.low:.1f} to {self.high:.1f})"
        return text + "; only two rounds, so this is mostly what learning curves are like in general" * (
            self.rounds == 2
        )


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Curves that fit the rounds.

    Attributes:
        last: the amount of the last round; rounds: their number.
        floor: float64 [S], A; factor: [S], B x last^-g; exponent: [S], g; weight: [S], of sum 1.
    """

    last: float
    rounds: int
    floor: np.ndarray
    factor: np.ndarray
    exponent: np.ndarray
    weight: np.ndarray

    def quantiles(self, amount: float) -> tuple[float, float, float]:
        """AP at an amount: 5 %, 50 % and 95 % quantile of the curves, without the noise of a single training."""
        return self._quantiles(self.floor - self.factor * (amount / self.last) ** -self.exponent)

    def gain(self, more: float, unit: str) -> Gain:
        """What ``more`` images or hours would give beyond the last round.

        Raises:
            UserError: ``more`` is not above 0.
        """
        if not 0 < more < math.inf:
            raise UserError(f"more {unit} {more:g}: must be a number above 0")
        low, middle, high = self._quantiles(self.factor * (1 - (1 + more / self.last) ** -self.exponent))
        return Gain(more, unit, middle=middle, low=low, high=high, rounds=self.rounds)

    def _quantiles(self, values: np.ndarray) -> tuple[float, float, float]:
        order = np.argsort(values)
        places = np.searchsorted(np.cumsum(self.weight[order]), _QUANTILES)
        low, middle, high = values[order][np.minimum(places, len(values) - 1)].tolist()
        return low, middle, high


def fit_learning_curve(amounts: Sequence[float], ap: Sequence[float]) -> LearningCurve:
    """Fit curves to the rounds.

    Args:
        amounts: [R], images or hours all together up to each round, above 0 and rising; ap: [R], 0 to 100.

    Raises:
        UserError: fewer than ``LEAST_ROUNDS`` rounds, or numbers that cannot be those of rounds.
    """
    x, y = np.asarray(amounts, np.float64), np.asarray(ap, np.float64)
    if len(x) < LEAST_ROUNDS:
        raise UserError(f"{len(x)} round: a forecast needs {LEAST_ROUNDS} and more; label and train once more first")
    if not (np.isfinite(x).all() and x[0] > 0 and (np.diff(x) > 0).all()):
        raise UserError(
            "amounts of the rounds: must be above 0 and rise from round to round, all labels so far counted together"
        )
    if not ((y >= 0) & (y <= 100)).all():
        raise UserError("AP of the rounds: must lie between 0 and 100")
    generator = np.random.default_rng(_SEED)
    centre = np.array([y[-1], 0.0, *_PRIOR_MEAN])
    spread = np.diag(np.square([2.0, 1.8, *_PRIOR_SPREAD]))
    for _ in range(_STEPS):
        draws = generator.standard_normal((_CURVES, 4)) / np.sqrt(generator.chisquare(_TAIL, (_CURVES, 1)) / _TAIL)
        root = np.linalg.cholesky(spread)
        parameters = centre + draws @ root.T
        proposed = -0.5 * (_TAIL + 4) * np.log1p((draws**2).sum(axis=1) / _TAIL)
        density = _log_posterior(parameters, x / x[-1], y) - proposed
        weight = np.exp(density - density.max())
        weight /= weight.sum()
        centre = weight @ parameters
        spread = (weight * (parameters - centre).T) @ (parameters - centre) + np.diag(_LEAST_SPREAD * np.diag(spread))
    floor, factor, exponent, _ = _curve_of(parameters)
    return LearningCurve(float(x[-1]), len(x), floor, factor, exponent, weight)


def _curve_of(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A, B x last^-g, g and the noise, each [S], of rows (AP now, logit of A's place from there to 100, log g, log noise)."""
    now, place = parameters[:, 0], parameters[:, 1].clip(-50, 50)
    ends = 4 * _PRIOR_SPREAD  # beyond, a curve has no weight, and powers would overflow
    log_exponent, log_noise = parameters[:, 2:].clip(_PRIOR_MEAN - ends, _PRIOR_MEAN + ends).T
    factor = (100 - now).clip(0) / (1 + np.exp(-place))
    return now + factor, factor, np.exp(log_exponent), np.exp(log_noise)


def _log_posterior(parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How likely curves are, float64 [S]: A lies anywhere between AP now and 100, and rounds scatter normally around the curve."""
    floor, factor, exponent, noise = _curve_of(parameters)
    place, logs = parameters[:, 1], parameters[:, 2:]
    prior = -np.abs(place) - 2 * np.log1p(np.exp(-np.abs(place)))
    prior -= 0.5 * (((logs - _PRIOR_MEAN) / _PRIOR_SPREAD) ** 2).sum(axis=1)
    residuals = y - floor[:, None] + factor[:, None] * x ** -exponent[:, None]
    return prior - 0.5 * ((residuals / noise[:, None]) ** 2).sum(axis=1) - len(x) * np.log(noise)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__, prog="python -m src.active.learning_curve")
    help_rounds = "images or hours up to each round, and its AP in percent, such as 120:31.4"
    parser.add_argument("--rounds", nargs="+", required=True, metavar="AMOUNT:AP", help=help_rounds)
    parser.add_argument("--more", type=float, required=True, help="how many more images or hours")
    parser.add_argument(
        "--unit", choices=("images", "hours"), default="images", help="what is counted (default images)"
    )
    return parser.parse_args(argv)


def read_rounds(texts: Sequence[str]) -> tuple[list[float], list[float]]:
    """Amounts and AP.

    Raises:
        UserError: a text that is not AMOUNT:AP.
    """
    try:
        pairs = [tuple(map(float, text.split(":"))) for text in texts]
        return [amount for amount, _ in pairs], [ap for _, ap in pairs]
    except ValueError:
        raise UserError(f"rounds {' '.join(texts)}: each must be AMOUNT:AP, such as 120:31.4") from None


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Fit and say what more labelling would give."""
    args = parse_args(argv)
    amounts, ap = read_rounds(args.rounds)
    curve = fit_learning_curve(amounts, ap)
    if max(ap) < 1:
        print(f"note: AP is read as percent: {max(ap):g} of 100{as_percent(max(ap))}")
    print(curve.gain(args.more, args.unit))


if __name__ == "__main__":
    main()
