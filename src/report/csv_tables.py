"""The tables of an error report: rows of CSV files, None or NaN where nothing could be measured."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from src.csv_file import Rows
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.curves import RECALLS
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import ERROR_TYPES, MISSED

ALL_CLASSES = "(all classes)"
NOTHING = "(nothing)"  # in the confusion matrix: no object, or no detection
_SCORES = ("AP", "AP50", "AP_small", "AP_medium", "AP_large")


def summary(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """COCO's metrics and counts, sources of the areas of objects, and the operating point of the best F1 over all classes."""
    yield "metric", "value"
    for key, value in analysis.metrics.items():
        if not isinstance(value, dict):
            yield key, value
    for source, count in analysis.metrics["area_from"].items():
        yield f"objects with the area of the {source}", count
    best = analysis.operating_point
    yield from (("best_f1", best.f1), ("threshold", best.score), ("precision", best.precision), ("recall", best.recall))


def classes(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """A row per class: true and false positives, AP, operating point of the best F1."""
    yield "class", "objects", "right", "wrong", *_SCORES, "best_f1", "threshold", "precision", "recall"
    for (name, row), curve in zip(analysis.metrics["per_class"].items(), analysis.curves, strict=True):
        counts = row["objects"], curve.true_positives.sum(), curve.false_positives.sum()
        best = curve.best
        yield name, *counts, *(row[key] for key in _SCORES), best.f1, best.score, best.precision, best.recall


def precision_recall(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """The 101 points of the curve of each class that has objects."""
    yield "class", "recall", "precision", "score"
    for name, curve in zip(analysis.matches.class_names, analysis.curves, strict=True):
        if curve.ap50 is not None:
            for point in zip(RECALLS.tolist(), curve.precision.tolist(), curve.score.tolist(), strict=True):
                yield name, *point


def confidence(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """True and false positives of each class by score."""
    yield "class", "from", "to", "right", "wrong"
    for name, curve in zip(analysis.matches.class_names, analysis.curves, strict=True):
        edges = curve.edges.tolist()
        for row in zip(
            edges[:-1], edges[1:], curve.true_positives.tolist(), curve.false_positives.tolist(), strict=True
        ):
            yield name, *row


def confusion(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """Rows: true class; columns: predicted class."""
    names = [*analysis.matches.class_names, NOTHING]
    order = [*range(1, len(names)), 0]
    yield "true class", *names
    for name, row in zip(names, analysis.confusion[np.ix_(order, order)].tolist(), strict=True):
        yield name, *row


def errors(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """Number and cost of each error type, over all classes and per class."""
    yield "class", "kind", "count", "AP50 lost"
    counts = count_errors(analysis)
    for kind, name in enumerate(ERROR_TYPES):
        yield ALL_CLASSES, name, int(counts[:, kind].sum()), mean_ap50(analysis.costs[name])
    for label, name in enumerate(analysis.matches.class_names):
        for kind, kind_name in enumerate(ERROR_TYPES):
            yield name, kind_name, int(counts[label, kind]), float(analysis.costs[kind_name][label])


def count_errors(analysis: ErrorAnalysis) -> np.ndarray:
    """Errors by class and type, int [K, 6]: of detections by predicted class, of missed objects by true class."""
    result = np.zeros((len(analysis.matches.class_names), len(ERROR_TYPES)), np.int64)
    false_positive = analysis.errors.detection >= 0
    np.add.at(result, (analysis.matches.label[false_positive] - 1, analysis.errors.detection[false_positive]), 1)
    np.add.at(result, (analysis.matches.object_label[analysis.errors.missed] - 1, MISSED), 1)
    return result


def sizes(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """A row per size of objects."""
    yield "size", "objects", "AP", "AR_100", "found at any score", "found from the threshold", "missed"
    for row in analysis.sizes:
        yield row.name, row.objects, row.ap, row.ar, row.matched, row.kept, row.missed


def images(analysis: ErrorAnalysis) -> Iterator[Sequence[Any]]:
    """A row per image, the one with most errors first."""
    found = analysis.images
    yield "file_name", "image_id", "mistakes", "objects", "right", "not found", *ERROR_TYPES[:MISSED]
    for index in found.order.tolist():
        entry = analysis.annotations.images[index]
        counts = found.errors[index], found.objects[index], found.true_positives[index], found.false_negatives[index]
        yield entry.file_name, entry.image_id, *counts, *found.false_positives[index]


TABLES: dict[str, Callable[[ErrorAnalysis], Rows]] = {
    "summary.csv": summary,
    "classes.csv": classes,
    "precision_recall.csv": precision_recall,
    "confidence.csv": confidence,
    "confusion.csv": confusion,
    "mistakes.csv": errors,
    "sizes.csv": sizes,
    "images.csv": images,
}
