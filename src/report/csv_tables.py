"""The numbers of a report as CSV files: UTF-8, one table each, empty where there is nothing to measure."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from src.evaluation.errors.curves import RECALLS
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import KINDS, MISSED
from src.evaluation.errors.study import Study

ALL_CLASSES = "(all classes)"
NOTHING = "(nothing)"  # in the confusion matrix: no object, or no detection
_SCORES = ("AP", "AP50", "AP_small", "AP_medium", "AP_large")

Rows = Iterable[Sequence[Any]]


def csv_text(rows: Rows) -> str:
    """Rows, the header first, as the text of a CSV file; None and NaN become empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([_plain(cell) for cell in row])
    return out.getvalue()


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.6g}"
    return "" if cell is None else cell


def summary(study: Study) -> Iterator[Sequence[Any]]:
    """COCO's metrics and counts, where areas of objects are from, and the threshold of the best F1 over all classes."""
    yield "metric", "value"
    for key, value in study.metrics.items():
        if not isinstance(value, dict):
            yield key, value
    for source, count in study.metrics["area_from"].items():
        yield f"objects with the area of the {source}", count
    best = study.threshold
    yield from (("best_f1", best.f1), ("threshold", best.score), ("precision", best.precision), ("recall", best.recall))


def classes(study: Study) -> Iterator[Sequence[Any]]:
    """A row for each class: scores, threshold of the best F1, right and wrong detections."""
    yield "class", "objects", "right", "wrong", *_SCORES, "best_f1", "threshold", "precision", "recall"
    for (name, row), curve in zip(study.metrics["per_class"].items(), study.curves, strict=True):
        counts = row["objects"], curve.right.sum(), curve.wrong.sum()
        best = curve.best
        yield name, *counts, *(row[key] for key in _SCORES), best.f1, best.score, best.precision, best.recall


def precision_recall(study: Study) -> Iterator[Sequence[Any]]:
    """101 points of each class that has objects."""
    yield "class", "recall", "precision", "score"
    for name, curve in zip(study.matches.class_names, study.curves, strict=True):
        if curve.ap50 is not None:
            for point in zip(RECALLS.tolist(), curve.precision.tolist(), curve.score.tolist(), strict=True):
                yield name, *point


def confidence(study: Study) -> Iterator[Sequence[Any]]:
    """Right and wrong detections of each class by score."""
    yield "class", "from", "to", "right", "wrong"
    for name, curve in zip(study.matches.class_names, study.curves, strict=True):
        edges = curve.edges.tolist()
        for row in zip(edges[:-1], edges[1:], curve.right.tolist(), curve.wrong.tolist(), strict=True):
            yield name, *row


def confusion(study: Study) -> Iterator[Sequence[Any]]:
    """Rows: what it is; columns: what it was taken for."""
    names = [*study.matches.class_names, NOTHING]
    order = [*range(1, len(names)), 0]
    yield "true class", *names
    for name, row in zip(names, study.confusion[np.ix_(order, order)].tolist(), strict=True):
        yield name, *row


def mistakes(study: Study) -> Iterator[Sequence[Any]]:
    """Number and cost of each kind, over all classes and for each."""
    yield "class", "kind", "count", "AP50 lost"
    counts = count_mistakes(study)
    for kind, name in enumerate(KINDS):
        yield ALL_CLASSES, name, int(counts[:, kind].sum()), mean_ap50(study.costs[name])
    for label, name in enumerate(study.matches.class_names):
        for kind, kind_name in enumerate(KINDS):
            yield name, kind_name, int(counts[label, kind]), float(study.costs[kind_name][label])


def count_mistakes(study: Study) -> np.ndarray:
    """Mistakes by class and kind, int [K, 6]: of detections by the class they were given, of objects by their own."""
    result = np.zeros((len(study.matches.class_names), len(KINDS)), np.int64)
    wrong = study.mistakes.detection >= 0
    np.add.at(result, (study.matches.label[wrong] - 1, study.mistakes.detection[wrong]), 1)
    np.add.at(result, (study.matches.object_label[study.mistakes.missed] - 1, MISSED), 1)
    return result


def sizes(study: Study) -> Iterator[Sequence[Any]]:
    """A row for each size of objects."""
    yield "size", "objects", "AP", "AR_100", "found at any score", "found from the threshold", "missed"
    for row in study.sizes:
        yield row.name, row.objects, row.ap, row.ar, row.found, row.kept, row.missed


def images(study: Study) -> Iterator[Sequence[Any]]:
    """A row for each image, the one with most mistakes first."""
    found = study.images
    yield "file_name", "image_id", "mistakes", "objects", "right", "not found", *KINDS[:MISSED]
    for index in found.order.tolist():
        entry = study.annotations.images[index]
        counts = found.mistakes[index], found.objects[index], found.right[index], found.not_found[index]
        yield entry.file_name, entry.image_id, *counts, *found.wrong[index]


TABLES: dict[str, Callable[[Study], Rows]] = {
    "summary.csv": summary,
    "classes.csv": classes,
    "precision_recall.csv": precision_recall,
    "confidence.csv": confidence,
    "confusion.csv": confusion,
    "mistakes.csv": mistakes,
    "sizes.csv": sizes,
    "images.csv": images,
}
