"""Charts of each class of an error analysis: its precision-recall curve, and its true and false positives by score."""

from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.curves import RECALLS, Curve
from src.report.charts import Chart, bar_chart, line_chart
from src.report.pages import at_least


def class_charts(classes: list[tuple[str, Curve]]) -> list[tuple[str, list[Chart]]]:
    """Name and charts of each class that has objects."""
    return [(name, _charts(curve)) for name, curve in classes if curve.ap50 is not None]


def classes_by_ap50(analysis: ErrorAnalysis) -> list[tuple[str, Curve]]:
    """Name and curve of each class, the lowest AP50 first, classes without objects last."""
    rows = zip(analysis.matches.class_names, analysis.curves, strict=True)
    return sorted(rows, key=lambda row: (row[1].ap50 is None, row[1].ap50 or 0.0))


def _charts(curve: Curve) -> list[Chart]:
    best, marks = curve.best, {}
    if best.score is not None:
        numbers = f"precision {best.precision:.3f}, recall {best.recall:.3f}"
        marks[f"best F1 {best.f1:.3f} at score {at_least(best.score)}: {numbers}"] = (best.recall, best.precision)
    reached = curve.precision > 0
    points = list(zip(RECALLS[reached].tolist(), curve.precision[reached].tolist(), strict=True))
    counts = {"true positives": curve.true_positives.tolist(), "false positives": curve.false_positives.tolist()}
    return [
        line_chart(f"Precision by recall, AP50 {curve.ap50:.3f}", {"precision": points}, "recall", (0.0, 1.0), marks),
        bar_chart("Detections by score", curve.edges.tolist(), counts, "score"),
    ]
