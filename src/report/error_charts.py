"""Precision, recall and confidence of each class, drawn."""

from collections.abc import Sequence
from html import escape

from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.curves import RECALLS, Curve
from src.report.charts import bar_chart, line_chart
from src.report.markup import at_least, folded, note

_SHOWN_CLASSES = 12  # the others unfold


def curve_charts(analysis: ErrorAnalysis) -> str:
    """Two charts of each class that has objects, the class with the lowest AP50 first."""
    order = [index for index in worst_first(analysis.curves) if analysis.curves[index].ap50 is not None]
    cards = [_card(analysis.matches.class_names[index], analysis.curves[index]) for index in order]
    unseen = [
        name for name, curve in zip(analysis.matches.class_names, analysis.curves, strict=True) if curve.ap50 is None
    ]
    text = (
        "Left: the best precision at each recall; the ring is the best F1. Right: right and wrong detections by score, the "
        "height is logarithmic. Lowest AP50 first."
    )
    if unseen:
        text += f" Without objects, therefore without a curve: {', '.join(unseen)}."
    rest = cards[_SHOWN_CLASSES:]
    more = folded(f"{len(rest)} more classes", "".join(rest)) if rest else ""
    return note(text) + "".join(cards[:_SHOWN_CLASSES]) + more


def _card(name: str, curve: Curve) -> str:
    best = curve.best
    reached = curve.precision > 0
    marks = {}
    if best.score is not None:
        told = f"best F1 {best.f1:.3f} at score {at_least(best.score)}: precision {best.precision:.3f}, recall {best.recall:.3f}"
        marks[told] = (best.recall, best.precision)
    points = list(zip(RECALLS[reached].tolist(), curve.precision[reached].tolist(), strict=True))
    title = f"precision by recall, AP50 {curve.ap50:.3f}"
    charts = line_chart(title, {"precision": points}, "recall", (0.0, 1.0), marks)
    counts = {"right": curve.true_positives.tolist(), "wrong": curve.false_positives.tolist()}
    charts += bar_chart("detections by score", curve.edges.tolist(), counts, "score")
    return f'<h3>{escape(name)}</h3><div class="charts">{charts}</div>'


def worst_first(curves: Sequence[Curve]) -> list[int]:
    """Indices of the classes from the lowest AP50 up; those without objects last."""
    return sorted(range(len(curves)), key=lambda index: (curves[index].ap50 is None, curves[index].ap50 or 0.0))
