"""How much AP more labelling would give: a power law through the rounds so far, with an interval.

    python -m src.active.learning_curve --rounds 2:31.4 5:37.9 9:41.2 --more 2 --unit hours

Each round is AMOUNT:AP, the amount (images or hours) all together up to this round, and the AP (0 to 100) on the same evaluation images.
Two rounds give a wide interval, which is mostly that of learning curves in general; a single one gives none.

The curve is AP(x) = A - B x^-g: the error falls by a power of the data down to a floor (Hestness et al. 2017, section 2). Few rounds
do not tell its three numbers, so what learning curves look like in general counts as further observations (A lies anywhere between
AP now and 100; g has a log-normal prior). The interval is a parametric bootstrap (Efron & Tibshirani 1993, section 6.5): the curve
is fitted again and again to rounds and priors with noise added, so that with few rounds the width is that of the priors
(randomize-then-optimize, Bardsley et al. 2014). It holds as far as the curve is a power law: new kinds of images,
another recipe or a curve that bends more sharply than a power are not in it.

Axes: R rounds, S bootstrap samples, P = 3 parameters (AP now; place of A between there and 100, as a normal deviate; log g).
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
_SAMPLES = 300
_SEED = 11  # the same rounds give the same interval
# Exponent g: Hestness et al. found 0.07 to 0.5 for errors. Noise: AP points by which trainings of one data set differ.
_EXPONENT, _NOISE = 0.4, 1.0  # medians
_EXPONENT_SPREAD, _NOISE_SPREAD = 0.7, 0.5  # standard deviations of their logarithms
_AMOUNTS = 1e-6, 1e12  # images or hours; with others powers would overflow
_QUANTILES = (0.05, 0.5, 0.95)
# Beyond, a curve has no weight, and powers would overflow.
_EXPONENTS = math.exp(-4 * _EXPONENT_SPREAD) * _EXPONENT, math.exp(4 * _EXPONENT_SPREAD) * _EXPONENT


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
    """Curves that fit the rounds: one for each bootstrap sample.

    Attributes:
        last: the amount of the last round; rounds: their number.
        floor: float64 [S], A; factor: [S], B x last^-g; exponent: [S], g.
    """

    last: float
    rounds: int
    floor: np.ndarray
    factor: np.ndarray
    exponent: np.ndarray

    def quantiles(self, amount: float) -> tuple[float, float, float]:
        """AP at an amount: 5 %, 50 % and 95 % quantile of the curves, without the noise of a single training."""
        low, middle, high = np.quantile(self.floor - self.factor * (amount / self.last) ** -self.exponent, _QUANTILES)
        return float(low), float(middle), float(high)

    def gain(self, more: float, unit: str) -> Gain:
        """What ``more`` images or hours would give beyond the last round.

        Raises:
            UserError: ``more`` is not above 0.
        """
        if not 0 < more < math.inf:
            raise UserError(f"more {unit} {more:g}: must be a number above 0")
        gains = self.factor * (1 - (1 + more / self.last) ** -self.exponent)
        low, middle, high = np.quantile(gains, _QUANTILES).tolist()
        return Gain(more, unit, middle=middle, low=low, high=high, rounds=self.rounds)


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
    if x[0] < _AMOUNTS[0] or x[-1] > _AMOUNTS[1]:
        raise UserError(f"amounts of the rounds: must lie between {_AMOUNTS[0]:g} and {_AMOUNTS[1]:g}")
    if not ((y >= 0) & (y <= 100)).all():
        raise UserError("AP of the rounds: must lie between 0 and 100")
    generator = np.random.default_rng(_SEED)
    parts = x / x[-1]
    noises = _noises(parts, y, generator)
    fits = [_fit(parts, y, noise, generator.standard_normal(len(x) + 2)) for noise in noises]
    floor, factor, exponent = np.transpose([_curve_of(parameters) for parameters in fits])
    return LearningCurve(float(x[-1]), len(x), floor, factor, exponent)


def _curve_of(parameters: np.ndarray) -> tuple[float, float, float]:
    """A, B x last^-g and g of parameters [P]."""
    now, place, log_exponent = parameters
    factor = max(100 - now, 0) * math.erfc(-place / math.sqrt(2)) / 2
    return now + factor, factor, min(max(math.exp(min(log_exponent, 99)), _EXPONENTS[0]), _EXPONENTS[1])


def _fit(x: np.ndarray, y: np.ndarray, noise: float, disturbance: np.ndarray) -> np.ndarray:
    """Parameters [P] by least squares: rounds [R], as parts of the last, and both priors, each moved by a deviate of ``disturbance`` [R + 2]."""
    from scipy.optimize import leastsq  # here, for it takes as long to import as all else

    def residuals(parameters: np.ndarray) -> np.ndarray:
        floor, factor, exponent = _curve_of(parameters)
        prior = parameters[1], (parameters[2] - math.log(_EXPONENT)) / _EXPONENT_SPREAD
        return np.append((floor - factor * x**-exponent - y) / noise, prior) - disturbance

    start = y[-1], 0.0, math.log(_EXPONENT)
    return leastsq(residuals, start, ftol=1e-5, xtol=1e-5, full_output=True)[0]


def _noises(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Noise of a training, AP points [S], drawn from its prior and what the rounds say beyond the three numbers of the curve."""
    floor, factor, exponent = _curve_of(_fit(x, y, _NOISE, np.zeros(len(x) + 2)))
    squares = ((floor - factor * x**-exponent - y) ** 2).sum()
    freedom = max(len(x) - 3, 0)
    logs = math.log(_NOISE) + _NOISE_SPREAD * np.linspace(-4, 4, 801)
    density = -0.5 * ((logs - math.log(_NOISE)) / _NOISE_SPREAD) ** 2
    if freedom:
        density -= freedom * logs + 0.5 * squares * np.exp(-2 * logs)
    weight = np.exp(density - density.max())
    return np.exp(generator.choice(logs, _SAMPLES, p=weight / weight.sum()))


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
