"""Rows of the tables of an error analysis: error types, AP50 lost per class, the confusion matrix."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.errors.advice import DESCRIPTIONS, TITLES
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import ERROR_TYPES
from src.report.csv_tables import count_errors

_SHOWN_CLASSES = 20  # of the confusion matrix, which has to fit on the page


@dataclass(frozen=True)
class ErrorTypeRow:
    """An error type: number of errors, AP50 gained when they are fixed, and this as a share of the highest gain."""

    title: str
    description: str
    count: int
    gain: float | None
    share: float


@dataclass(frozen=True)
class ConfusionCell:
    """Objects of a true class with a predicted class: number, share of the row, and whether both are the same."""

    count: int
    share: float
    correct: bool


@dataclass(frozen=True)
class ConfusionRow:
    """A true class: a cell per predicted class, the last of objects that were not detected."""

    name: str
    cells: list[ConfusionCell]
    total: int


@dataclass(frozen=True)
class ConfusionTable:
    """The shown classes; a row for each, and one for background."""

    names: list[str]
    rows: list[ConfusionRow]


def error_types(analysis: ErrorAnalysis) -> list[ErrorTypeRow]:
    """A row per error type, the highest cost first."""
    gains = {name: mean_ap50(analysis.costs[name]) for name in ERROR_TYPES}
    highest = max([gain for gain in gains.values() if gain is not None], default=0) or 1
    counts = analysis.errors.counts()
    return [
        ErrorTypeRow(TITLES[name], DESCRIPTIONS[name], counts[name], gain, (gain or 0) / highest)
        for name, gain in sorted(gains.items(), key=lambda item: -(item[1] or 0))
    ]


def losses_by_class(analysis: ErrorAnalysis) -> list[tuple[str, list[tuple[float, int]]]]:
    """Of each class with objects: AP50 lost and number of errors per error type; the highest loss first."""
    losses = np.stack([analysis.costs[name] for name in ERROR_TYPES], 1)
    counts = count_errors(analysis)
    measured = np.flatnonzero(~np.isnan(losses[:, 0]))
    order = measured[np.argsort(-losses[measured].max(1), kind="stable")]
    return [
        (analysis.matches.class_names[index], list(zip(losses[index].tolist(), counts[index].tolist(), strict=True)))
        for index in order.tolist()
    ]


def confusion(analysis: ErrorAnalysis) -> ConfusionTable:
    """The confusion matrix; of many classes those that are confused most."""
    matrix, names = analysis.confusion, analysis.matches.class_names
    confused = matrix[1:, 1:] - np.diag(np.diag(matrix)[1:])
    shown = np.arange(len(names)) + 1
    if len(names) > _SHOWN_CLASSES:
        shown = np.sort(np.argsort(-(confused.sum(0) + confused.sum(1)), kind="stable")[:_SHOWN_CLASSES]) + 1
    labels = [*shown.tolist(), 0]
    rows = []
    for label in labels:
        total = int(matrix[label].sum())
        cells = [
            ConfusionCell(int(matrix[label, other]), matrix[label, other] / max(total, 1), label == other)
            for other in labels
        ]
        rows.append(ConfusionRow(names[label - 1] if label else "background", cells, total))
    return ConfusionTable([names[label - 1] for label in shown.tolist()], rows)
