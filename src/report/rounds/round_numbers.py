"""The numbers of a round's page: progress, forecast, cost, balance of classes and sizes, what the labellers changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from src.active.learning_curve import LEAST_ROUNDS, Gain, LearningCurve, fit_learning_curve
from src.active.picking.pick_budget import expected_cost
from src.data.annotations import Annotations, ImageEntry, count_boxes, object_areas
from src.data.formats.tools.annotated import Shape
from src.evaluation.metrics import SIZES
from src.labelling.difference import Difference, compare, summary
from src.report.charts import Band, Chart, Point, line_chart
from src.report.rounds.round_files import RoundFiles
from src.wording import counted, duration

_CURVE_POINTS = 40
_AHEAD = 2.0  # times the images that are labelled so far, to which the curve is drawn and forecast
_HOURS = 2.0  # of labelling, whose gain is forecast


@dataclass(frozen=True)
class Progress:
    """A round in the table of rounds.

    Attributes:
        images, boxes: labelled, of its training; hours: of labelling up to it.
        ap: in percent; gain: its change from the last round before that was evaluated; ap50: 0 to 1.
    """

    number: int
    images: int
    boxes: int
    hours: float | None
    ap: float | None
    ap50: float | None
    gain: float | None = None


@dataclass(frozen=True)
class Cost:
    """What labelling the picked images was expected to take, and what it took; None where it is not known.

    Attributes:
        images, boxes, hours: expected; low, high: the 90 % interval of the hours; formula: the cost per image in words.
        real_images, real_boxes: labelled; real_hours: of the ``timed`` images of which the tool tells it.
    """

    images: int
    boxes: float | None
    hours: float | None
    low: float | None
    high: float | None
    formula: str
    real_images: int | None
    real_boxes: int | None
    real_hours: float | None
    timed: int


@dataclass(frozen=True)
class Balance:
    """A row of the balance: objects of a class or size before, predicted in the picked images, and after (None: not yet)."""

    name: str
    before: int
    picked: float
    after: int | None


def progress_of(rounds: Sequence[RoundFiles], annotations: Sequence[Annotations]) -> list[Progress]:
    """The table of rounds; hours count from the first round on, as far as the tool tells them."""
    rows, hours, last = [], 0.0, None
    for each, known in zip(rounds, annotations, strict=True):
        metrics = each.metrics() or {}
        boxes = sum(int((~entry.crowd).sum()) for entry in known.labelled)
        images = len(known.labelled)
        ap = each.ap()
        gain = None if ap is None or last is None else ap - last
        last = last if ap is None else ap
        row = Progress(each.number, images, boxes=boxes, hours=hours, ap=ap, ap50=metrics.get("AP50"), gain=gain)
        rows.append(row)
        report = each.real_cost()
        seconds = report.seconds if report else []
        hours = None if hours is None or (not seconds and each.new_ann.is_file()) else hours + sum(seconds) / 3600
    return rows


def learning_curve(rows: Sequence[Progress]) -> LearningCurve | None:
    """The curve over labelled images; None with too few rounds that were evaluated."""
    points = [(row.images, row.ap) for row in rows if row.ap is not None]
    rising = [point for place, point in enumerate(points) if not place or point[0] > points[place - 1][0]]
    return fit_learning_curve(*zip(*rising, strict=True)) if len(rising) >= LEAST_ROUNDS else None


def forecast(
    curve: LearningCurve | None,
    rows: Sequence[Progress],
    more: int,
    hours: float | None,
    labelled: bool = False,
    unlabelled: int = 0,
) -> str:
    """What labelling ``more`` images, which take so many hours, would give, in sentences; and what ``_HOURS`` would give.

    Args:
        labelled: whether these images are labelled now; unlabelled: images that there are to label.
    """
    if curve is None:
        evaluated = sum(row.ap is not None for row in rows)
        if not evaluated:
            return "No forecast: no round was evaluated. Give --eval_img_dir and --eval_ann_file to see what labelling brings."
        return "No forecast yet: one round says nothing about what more labels bring. Label and train once more."
    gain: Gain = curve.gain(more, "images")
    effort = "" if hours is None else f" (about {duration(3600 * hours)} of labelling)"
    images = f"{counted(more, 'more image')}{effort}"
    text = f"Before the picked images were labelled, this was expected of {images}" if labelled else images
    caution = " Only two rounds: this is mostly what learning curves are like in general." * (
        gain.rounds == LEAST_ROUNDS
    )
    sentence = f"{text}: {_in_words(gain)}."
    in_hours = round(more * _HOURS / hours) if hours and not labelled else 0
    if more < in_hours <= min(unlabelled, (_AHEAD - 1) * curve.last):
        of_hours = _in_words(curve.gain(in_hours, "images"))
        sentence += f" {_HOURS:.0f} more hours of labelling (about {in_hours:,} images): {of_hours}."
    return sentence + caution


def _in_words(gain: Gain) -> str:
    return f"{gain.middle:+.1f} AP (90 %: {gain.low:.1f} to {gain.high:.1f})"


def curve_charts(
    rows: Sequence[Progress], curve: LearningCurve | None, hours_per_image: float | None = None
) -> list[Chart]:
    """AP over labelled images and, where these are known, over hours of labelling, with its forecast.

    Args:
        hours_per_image: expected; without it the forecast has no hours.
    """
    points = [(float(row.images), row.ap) for row in rows if row.ap is not None]
    timed = [(row.hours, row.ap) for row in rows if row.hours is not None and row.ap is not None]
    ahead = np.linspace(curve.last, _AHEAD * curve.last, _CURVE_POINTS) if curve else np.zeros(0)
    quantiles = np.round([curve.quantiles(amount) for amount in ahead.tolist()], 1)  # AP is not known better
    charts = []
    if len(points) > 1:
        end = f"{_AHEAD * curve.last:.0f} labelled images" if curve else ""
        charts.append(_curve_chart("labelled images", points, ahead, quantiles, end))
    if len(timed) > 1 and timed[-1][0] > 0:
        if not (curve and hours_per_image and rows[-1].hours is not None and rows[-1].ap is not None):
            ahead = ahead[:0]
        hours = timed[-1][0] + (ahead - ahead[:1].sum()) * (hours_per_image or 0)
        charts.append(
            _curve_chart("hours of labelling", timed, hours, quantiles, duration(3600 * hours.max(initial=0)))
        )
    return charts


def _curve_chart(unit: str, points: Sequence[Point], ahead: np.ndarray, quantiles: np.ndarray, end: str) -> Chart:
    """AP in percent over an amount, and a forecast for the amounts ``ahead`` [N], which may be none, by quantiles [N, 3]."""
    series, band = {"AP in percent": points}, None
    if len(ahead):
        low, middle, high = quantiles.T.tolist()
        series[f"forecast for {end}"] = list(zip(ahead.tolist(), middle, strict=True))
        band = Band("its 90 % interval", ahead.tolist(), low, high)
    return line_chart(f"AP over {unit}", series, unit, band=band)


def cost_of(files: RoundFiles, picked: Sequence[str], labelled: Sequence[ImageEntry]) -> Cost:
    """Expected and real cost of the picked images; ``labelled``: the images that were labelled before."""
    expected = expected_cost(files.terms(), files.reports_before(), len(labelled), count_boxes(labelled)[0])
    boxes = hours = low = high = None
    if expected:
        boxes, hours = sum(expected.boxes(picked).values()), sum(expected.hours(picked).values())
        low, high = expected.cost.hours_interval(expected.totals(picked))
    report = files.real_cost()
    formula = str(expected.cost) if expected else "not known, for the ranking has no table of predictions"
    formula += f"; unreliable: {expected.doubt}" if expected and expected.doubt else ""
    cost = Cost(
        images=len(picked),
        boxes=boxes,
        hours=hours,
        low=low,
        high=high,
        formula=formula,
        real_images=None,
        real_boxes=None,
        real_hours=None,
        timed=0,
    )
    if report is None:
        return cost
    done, seconds = report.labelled, report.seconds
    real_hours = sum(seconds) / 3600 if seconds else None
    drawn = sum(row.boxes for row in done)
    return replace(cost, real_images=len(done), real_boxes=drawn, real_hours=real_hours, timed=len(seconds))


def class_balance(before: Annotations, after: Annotations | None, sent: Mapping[str, Sequence[Shape]]) -> list[Balance]:
    """Objects per class before, predicted in the picked images, and after."""
    predicted = Counter(shape.label for shapes in sent.values() for shape in shapes)
    known, later = _per_class(before), _per_class(after) if after else None
    return [Balance(name, known[name], predicted[name], later[name] if later else None) for name in before.class_names]


def size_balance(before: Annotations, after: Annotations | None, sent: Mapping[str, Sequence[Shape]]) -> list[Balance]:
    """The same per size of COCO's metrics."""
    boxes = np.array([shape.box for shapes in sent.values() for shape in shapes], np.float64).reshape(-1, 4)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    known, later = _areas(before), _areas(after) if after else None
    rows = []
    for name, (low, high) in SIZES.items():
        counts = [int(((values >= low) & (values < high)).sum()) for values in (known, areas)]
        rows.append(Balance(name, *counts, None if later is None else int(((later >= low) & (later < high)).sum())))
    return rows


def changes(
    sent: Mapping[str, Sequence[Shape]], returned: Mapping[str, Sequence[Shape]], classes: Sequence[str]
) -> dict[str, Any]:
    """What became of the detector's boxes in the images that are labelled now."""
    total, counts = Difference(), Counter()
    for name, shapes in returned.items():
        total.add(compare(sent[name], shapes))
        counts.update(shape.label for shape in sent[name])
    return summary(total, classes, counts)


def _per_class(annotations: Annotations) -> Counter:
    labels = [int(label) for entry in annotations.labelled for label in entry.labels[~entry.crowd]]
    return Counter(annotations.class_names[label - 1] for label in labels)


def _areas(annotations: Annotations) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(object_areas(entry)[~entry.crowd] for entry in annotations.labelled)])
