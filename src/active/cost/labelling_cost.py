"""What it costs to label an image: seconds = a + b x boxes drawn + c x boxes corrected.

The numbers of boxes that will be drawn and corrected are estimated from the number of predicted boxes. Published values are the
priors; reports of earlier rounds update them.

Axes: N images, S Monte Carlo samples of all uncertain quantities.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.active.cost.past_rounds import LabelledImage, PastRounds
from src.active.cost.robust_fit import LinearFit, Prior, fit_towards_prior
from src.wording import counted

# Seconds: an image (open it, look at it; our assumption), a box drawn (between 7 s by extreme clicking and 35 s for a careful box,
# Papadopoulos et al. 2017; their geometric mean), and a box corrected (pre-labels save 25 % to 54 %: arXiv 2307.01582,
# arXiv 2411.19835).
SECONDS = Prior(mean=np.array([10.0, 16.0, 9.5]), spread=np.array([6.0, 8.0, 5.0]), scatter=0.5)
# Boxes per predicted one: export_tasks.py sends boxes from a precision of 0.8 on, so a fifth is deleted; the others are ours.
DELETED, CHANGED = 0.2, 0.2  # per box that is sent; changed: moved or relabelled
ADDED = 0.3  # per box that is sent and one more, for images in which nothing is predicted have objects, too
_RATE_WEIGHT = 20  # boxes; the prior of a rate counts as so many observations
_CLUSTERED = 3  # boxes that count as one independent observation, because boxes of one image are correlated
_SENT_SPREAD = 0.2  # relative standard deviation of the number of boxes that are sent, because thresholds differ
_IMPROVES = 0.4  # errors of a detector are proportional to (labelled images)^-0.4, as in src.active.learning_curve
_BETWEEN_ROUNDS = 0.1  # the same of the seconds in a round: other annotators, harder images, tiredness
_DRAWS = 4000
_SEED = 7  # of the samples, so that the same inputs give the same interval
INTERVAL = (5, 95)  # percentiles


@dataclass(frozen=True)
class Rate:
    """Deleted, changed or added boxes per box that is sent: a gamma distribution with mean ``count`` / ``exposure``."""

    count: float
    exposure: float

    @property
    def mean(self) -> float:
        """The expected rate."""
        return self.count / self.exposure

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Samples of the rate, float64 [S]."""
        return generator.gamma(self.count, 1 / self.exposure, _DRAWS)


@dataclass(frozen=True, eq=False)
class LabellingCost:
    """The fitted cost.

    Attributes:
        seconds: coefficients (a, b, c); deleted, changed: boxes per box that is sent; added: boxes per (box that is sent + 1).
        images: number of images of earlier rounds to which the rates are fitted; timed: to which the seconds are fitted.
    """

    seconds: LinearFit
    deleted: Rate
    changed: Rate
    added: Rate
    images: int
    timed: int

    def boxes(self, predicted: np.ndarray) -> np.ndarray:
        """Expected boxes per image [N] after labelling, from the predicted boxes [N]."""
        return predicted * (1 - min(self.deleted.mean, 1)) + self.added.mean * (predicted + 1)

    def expected_seconds(self, predicted: np.ndarray) -> np.ndarray:
        """Expected seconds per image [N], from the predicted boxes [N]."""
        drawn = self.added.mean * (predicted + 1)
        corrected = (self.deleted.mean + self.changed.mean) * predicted
        return np.stack([np.ones_like(predicted), drawn, corrected], axis=-1) @ self.seconds.mean

    def hours_interval(self, predicted: np.ndarray) -> tuple[float, float]:
        """5 % and 95 % quantile of the hours for all images together, from the predicted boxes [N]."""
        generator = np.random.default_rng(_SEED)
        count, total = len(predicted), float(predicted.sum())
        sent = total * np.maximum(generator.normal(1, _SENT_SPREAD, _DRAWS), 0)
        drawn = self.added.draw(generator) * (sent + count)
        corrected = (self.deleted.draw(generator) + self.changed.draw(generator)) * sent
        prices = generator.multivariate_normal(self.seconds.mean, self.seconds.covariance, _DRAWS).clip(0)
        seconds = prices[:, 0] * count + prices[:, 1] * drawn + prices[:, 2] * corrected
        # The scatter of single images averages out, that of a round does not.
        spread = np.hypot(_BETWEEN_ROUNDS, self.seconds.scatter / np.sqrt(max(count, 1)))
        low, high = np.percentile(seconds * np.maximum(generator.normal(1, spread, _DRAWS), 0), INTERVAL) / 3600
        return float(low), float(high)

    def __str__(self) -> str:
        a, b, c = self.seconds.mean
        source = f"fitted to {counted(self.timed, 'image')} of earlier rounds" if self.timed else "published times"
        return f"{a:.1f} s per image + {b:.1f} s per box drawn + {c:.1f} s per box corrected ({source})"


@dataclass(frozen=True)
class Density:
    """What stands in place of the predictions of a hardly trained detector, whose images have to be labelled from scratch.

    Attributes:
        predicted: boxes that it predicts; boxes: that labelled images have; both means per image.
    """

    predicted: float
    boxes: float

    def drawn(self, boxes: float) -> float:
        """Boxes to draw, at least 0, where ``predicted`` are sent and there are ``boxes`` in the end."""
        return max(boxes - (1 - DELETED) * self.predicted, 0.0)

    def rate(self, images: Sequence[LabelledImage]) -> Rate:
        """Boxes to draw per (box that is sent + 1); images of earlier rounds tell how many objects there are, whatever was sent."""
        sent = self.predicted + 1
        return _rate(
            self.drawn(self.boxes) / sent, sum(self.drawn(image.boxes) for image in images), sent * len(images)
        )


def fit_labelling_cost(past: PastRounds, labelled: int | None = None, density: Density | None = None) -> LabellingCost:
    """The cost model with published values as the prior, fitted to earlier rounds.

    Args:
        labelled: number of labelled images that the present detector was trained on. Detectors of earlier rounds had fewer
            and made more errors, so their errors are scaled down; None: they are not scaled.
        density: of a hardly trained detector.
    """
    images, timed = past.images, [image for image in past.images if image.seconds is not None]
    features = np.array([(1, image.added, image.corrected) for image in timed], np.float64)
    seconds = fit_towards_prior(features, np.array([image.seconds for image in timed]), SECONDS)
    sent = sum(image.sent for image in images)
    scale = _error_scales(past, labelled)
    added = sum(scale[image.report] * image.added for image in images)
    return LabellingCost(
        seconds=seconds,
        deleted=_rate(DELETED, sum(scale[image.report] * image.deleted for image in images), sent),
        changed=_rate(CHANGED, sum(scale[image.report] * _changed(image) for image in images), sent),
        added=density.rate(images) if density else _rate(ADDED, added, sent + len(images)),
        images=len(images),
        timed=len(timed),
    )


def _error_scales(past: PastRounds, labelled: int | None) -> dict[int, float]:
    """Report -> expected errors of the present detector per error of the detector of that round."""
    counts = Counter(image.report for image in past.images)
    scales, before = {}, labelled or 0
    for report in sorted(counts, reverse=True):
        before = max(before - counts[report], 1)
        scales[report] = min((before / labelled) ** _IMPROVES, 1.0) if labelled else 1.0
    return scales


def _changed(image: LabelledImage) -> int:
    return image.moved + image.relabelled


def _rate(prior: float, count: float, exposure: float) -> Rate:
    return Rate((prior * _RATE_WEIGHT + count) / _CLUSTERED, (_RATE_WEIGHT + exposure) / _CLUSTERED)
