"""The tables of a report as HTML: scores, kinds of errors, sizes, classes, the confusion matrix."""

from html import escape

import numpy as np

from src.evaluation.errors.advice import DESCRIPTIONS, TITLES
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import ERROR_TYPES
from src.evaluation.metrics import size_rule
from src.report.csv_tables import count_errors
from src.report.error_charts import worst_first
from src.report.markup import at_least, folded, note, score, table

_UNFOLDED_ROWS = 12  # of a table by class; a longer one unfolds
_SHOWN_MIXED = 20  # classes of the confusion matrix, which has to fit on the page
_BAR = 220  # pixels, the longest bar


def scores_table(analysis: ErrorAnalysis) -> str:
    """COCO's scores and the best F1, in one row."""
    keys = ("AP", "AP50", "AP75", "AR_100")
    best = analysis.operating_point
    header = [*keys, "best F1", "from score", "precision", "recall"]
    row = [score(analysis.metrics[key]) for key in keys]
    row += [score(best.f1), at_least(best.score), score(best.precision), score(best.recall)]
    text = (
        "AP is the mean over IoU .50 to .95; AP50 counts a box as found from IoU .50 on, as everything below does. The best "
        "F1 is that of all classes together, with detections from this score on."
    )
    return table(header, [row]) + note(text)


def kinds_table(analysis: ErrorAnalysis) -> str:
    """Number and cost of each kind of error, the one that costs most first."""
    gains = {name: mean_ap50(analysis.costs[name]) for name in ERROR_TYPES}
    longest = max([gain for gain in gains.values() if gain is not None], default=0) or 1
    counts = analysis.errors.counts()
    rows = [
        [TITLES[name], DESCRIPTIONS[name], f"{counts[name]:,}", score(gain), _bar((gain or 0) / longest)]
        for name, gain in sorted(gains.items(), key=lambda item: -(item[1] or 0))
    ]
    text = (
        "AP50 lost: what AP50 would gain if all errors of this kind, and no others, were fixed (Bolya et al. 2020, TIDE). "
        "Detections of every score are counted; those with a low score cost little. The gains do not add up to what is "
        f"missing. Right: {int(analysis.matches.true_positive.sum()):,}; inside crowds: {int(analysis.matches.ignored.sum()):,}"
        + (
            f"; beyond 100 of a class in an image, not counted: {analysis.matches.left_out:,}."
            if analysis.matches.left_out
            else "."
        )
    )
    header = ["kind", "what it is", "how many", "AP50 lost", ""]
    return table(header, rows, ("", "text", "", "", "bar")) + note(text)


def _bar(share: float) -> str:
    return f'<i style="width:{_BAR * share:.0f}px"></i>'


def kinds_by_class_table(analysis: ErrorAnalysis) -> str:
    """AP50 lost by each class to each kind, the class that loses most first."""
    losses = np.stack([analysis.costs[name] for name in ERROR_TYPES], 1)
    counts = count_errors(analysis)
    measured = np.flatnonzero(~np.isnan(losses[:, 0]))
    if len(measured) < 2:
        return ""
    rows = [
        [escape(analysis.matches.class_names[index])]
        + [f"{loss:.3f}<small>{count:,}</small>" for loss, count in zip(losses[index], counts[index], strict=True)]
        for index in measured[np.argsort(-losses[measured].max(1), kind="stable")]
    ]
    text = (
        "AP50 that each class loses; small numbers: how many errors, detections by the class they were given. A detection "
        "of a wrong class costs its own class and that of the object."
    )
    header = ["class", *(TITLES[name] for name in ERROR_TYPES)]
    content = table(header, rows) + note(text)
    return content if len(rows) <= _UNFOLDED_ROWS else folded(f"AP50 lost by each of {len(rows)} classes", content)


def sizes_table(analysis: ErrorAnalysis) -> str:
    """What is found of small, medium and large objects."""
    rows = []
    for row in analysis.sizes:
        counts = [
            f"{count:,}<small>{_percent(count, row.objects)}</small>" for count in (row.matched, row.kept, row.missed)
        ]
        rows.append([row.name, f"{row.objects:,}", score(row.ap), score(row.ar), *counts])
    header = [
        "size",
        "objects",
        "AP",
        "AR_100",
        "found at any score",
        f"found from {at_least(analysis.threshold)}",
        "missed",
    ]
    text = ["Small: an area below 32 x 32 pixels of the image; large: from 96 x 96 on. Found: at IoU .5."]
    if rule := size_rule(analysis.metrics["area_from"]):
        text.append(f"Objects are {rule}.")
    return table(header, rows) + note(" ".join(text))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "n/a"


def classes_table(analysis: ErrorAnalysis) -> str:
    """Scores and best threshold of each class, the lowest AP50 first."""
    rows = []
    for index in worst_first(analysis.curves):
        name, curve = analysis.matches.class_names[index], analysis.curves[index]
        row, best = analysis.metrics["per_class"][name], curve.best
        counts = f"{row['objects']:,}", f"{int(curve.true_positives.sum() + curve.false_positives.sum()):,}"
        scores = [score(row[key]) for key in ("AP", "AP50", "AP_small", "AP_medium", "AP_large")]
        kept = [at_least(best.score), *(score(value) for value in (best.f1, best.precision, best.recall))]
        rows.append([f'<span title="{escape(name)}">{escape(name)}</span>', *counts, *scores, *kept])
    header = ["class", "objects", "detections", "AP", "AP50", "small", "medium", "large"]
    header += ["from score", "F1", "precision", "recall"]
    text = (
        "Lowest AP50 first. Small, medium, large: AP of objects of that size. From score: with the detections of this class "
        "from this score on, F1 is best; F1, precision and recall are those that it has then."
    )
    return table(header, rows, kind="dense") + note(text)


def confusion_table(analysis: ErrorAnalysis) -> str:
    """What is taken for what; of many classes those that are mixed up most."""
    matrix, names = analysis.confusion, analysis.matches.class_names
    mixed = matrix[1:, 1:] - np.diag(np.diag(matrix)[1:])
    shown = np.arange(len(names)) + 1
    if len(names) > _SHOWN_MIXED:
        shown = np.sort(np.argsort(-(mixed.sum(0) + mixed.sum(1)), kind="stable")[:_SHOWN_MIXED]) + 1
    rows = []
    for label in [*shown.tolist(), 0]:
        total = max(int(matrix[label].sum()), 1)
        cells = [_cell(matrix[label, other], total, label == other) for other in [*shown.tolist(), 0]]
        rows.append([escape(names[label - 1]) if label else "<i>no object</i>", *cells, f"{matrix[label].sum():,}"])
    text = (
        f"Rows: what it is; columns: what it was taken for, by detections with a score of {at_least(analysis.threshold)} or more "
        "(IoU .5). Darker: a larger share of the row."
    )
    if len(shown) < len(names):
        text += f" The {len(shown)} of {len(names)} classes that are mixed up most; all of them are in confusion.csv."
    header = ["true class", *(names[label - 1] for label in shown), "not detected", "all"]
    return table(header, rows, kind="confusion") + note(text)


def _cell(count: int, total: int, right: bool) -> str:
    if not count:
        return ""
    colour = "46,139,87" if right else "209,73,91"
    return f'<b class="cell" style="background:rgba({colour},{0.08 + 0.6 * count / total:.2f})">{count:,}</b>'
