"""Rows of the tables of an error analysis: error types, AP50 lost per class, classes of the confusion matrix."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.errors.advice import DESCRIPTIONS, TITLES
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import ERROR_TYPES
from src.report.csv_tables import count_errors

_SHOWN_CLASSES = 20  # of the confusion matrix


@dataclass(frozen=True)
class ErrorTypeRow:
    """An error type: number of errors, AP50 gained when they are fixed, and this as a share of the highest gain."""

    title: str
    description: str
    count: int
    gain: float | None
    share: float


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


def shown_labels(analysis: ErrorAnalysis) -> list[int]:
    """Labels of the confusion matrix that fit on the page: all, or of many classes those that are confused most."""
    confused = analysis.confusion[1:, 1:] * ~np.eye(len(analysis.confusion) - 1, dtype=bool)
    most = np.argsort(-(confused.sum(0) + confused.sum(1)), kind="stable")[:_SHOWN_CLASSES]
    return (np.sort(most) + 1).tolist()
