"""The page of a report: what the detector gets wrong, what that costs, and where to see it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from src.evaluation.advice import MEANINGS, SPOKEN, headline
from src.evaluation.charts import bar_chart, line_chart
from src.evaluation.curves import RECALLS, Curve
from src.evaluation.error_kinds import KINDS, mean_ap50
from src.evaluation.markup import at_least, note, page, score, table
from src.evaluation.report_pictures import worst_pictures
from src.evaluation.study import Study
from src.evaluation.tables import count_mistakes

_SHOWN_CLASSES = 12  # with open charts; the others unfold
_SHOWN_MIXED = 20  # classes of the confusion matrix, which has to fit on the page
_BAR = 220  # pixels, the longest bar


def report_page(study: Study, origin: Mapping[str, Any], img_dir: str | Path | None, files: Sequence[str]) -> str:
    """The whole page.

    Args:
        study: what it tells.
        origin: where the detections come from, told at the top.
        img_dir: folder of the images; without it there are no pictures.
        files: names of the files beside the page that have its numbers.
    """
    title = "Evaluation report"
    told = [f"{key} {value}" for key, value in origin.items()]
    told += [f"{study.metrics[key]:,} {key}" for key in ("images", "objects", "detections")]
    parts = [f"<h1>{title}</h1>", note(f"{', '.join(told)}. Written {datetime.now():%Y-%m-%d %H:%M}.")]
    parts += [f'<p class="headline">{escape(headline(study))}</p>', _scores(study)]
    parts += ["<h2>What the mistakes cost</h2>", kinds_table(study), _kinds_by_class(study)]
    parts += ["<h2>Small and large objects</h2>", _sizes(study)]
    parts += ["<h2>Classes</h2>", _classes(study)]
    parts += ["<h2>What is taken for what</h2>", _confusion(study)]
    parts += ["<h2>Precision, recall and confidence of each class</h2>", _curves(study)]
    parts += ["<h2>The worst images</h2>", worst_pictures(study, img_dir)]
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in files)
    parts += ["<h2>The numbers</h2>", f"<p>Beside this page: {links}.</p>"]
    return page(title, parts)


def _scores(study: Study) -> str:
    keys = ("AP", "AP50", "AP75", "AR_100")
    best = study.threshold
    header = [*keys, "best F1", "from score", "precision", "recall"]
    row = [score(study.metrics[key]) for key in keys]
    row += [score(best.f1), at_least(best.score), score(best.precision), score(best.recall)]
    text = (
        "AP is the mean over IoU .50 to .95; AP50 counts a box as found from IoU .50 on, as everything below does. The best "
        "F1 is that of all classes together, with detections from this score on."
    )
    return table(header, [row]) + note(text)


def kinds_table(study: Study) -> str:
    """Number and cost of each kind of mistake, the one that costs most first."""
    gains = {name: mean_ap50(study.costs[name]) for name in KINDS}
    longest = max([gain for gain in gains.values() if gain is not None], default=0) or 1
    counts = study.mistakes.counts()
    rows = [
        [SPOKEN[name], MEANINGS[name], f"{counts[name]:,}", score(gain), _bar((gain or 0) / longest)]
        for name, gain in sorted(gains.items(), key=lambda item: -(item[1] or 0))
    ]
    text = (
        "AP50 lost: what AP50 would gain if all mistakes of this kind, and no others, were mended (Bolya et al. 2020, TIDE). "
        "Detections of every score are counted; those with a low score cost little. The gains do not add up to what is "
        f"missing. Right: {int(study.matches.right.sum()):,}; inside crowds: {int(study.matches.ignored.sum()):,}"
        + (
            f"; beyond 100 of a class in an image, not counted: {study.matches.left_out:,}."
            if study.matches.left_out
            else "."
        )
    )
    header = ["kind", "what it is", "how many", "AP50 lost", ""]
    return table(header, rows, ("", "text", "", "", "bar")) + note(text)


def _bar(share: float) -> str:
    return f'<i style="width:{_BAR * share:.0f}px"></i>'


def _kinds_by_class(study: Study) -> str:
    """AP50 lost by each class to each kind, the class that loses most first."""
    losses = np.stack([study.costs[name] for name in KINDS], 1)
    counts = count_mistakes(study)
    measured = np.flatnonzero(~np.isnan(losses[:, 0]))
    if len(measured) < 2:
        return ""
    rows = [
        [escape(study.matches.class_names[index])]
        + [f"{loss:.3f}<small>{count:,}</small>" for loss, count in zip(losses[index], counts[index], strict=True)]
        for index in measured[np.argsort(-losses[measured].max(1), kind="stable")]
    ]
    text = (
        "AP50 that each class loses; small numbers: how many mistakes, detections by the class they were given. A detection "
        "of a wrong class costs its own class and that of the object."
    )
    header = ["class", *(SPOKEN[name] for name in KINDS)]
    content = table(header, rows) + note(text)
    return content if len(rows) <= _SHOWN_CLASSES else _folded(f"AP50 lost by each of {len(rows)} classes", content)


def _sizes(study: Study) -> str:
    rows = []
    for row in study.sizes:
        counts = [
            f"{count:,}<small>{_percent(count, row.objects)}</small>" for count in (row.found, row.kept, row.missed)
        ]
        rows.append([row.name, f"{row.objects:,}", score(row.ap), score(row.ar), *counts])
    header = ["size", "objects", "AP", "AR_100", "found at any score", f"found from {at_least(study.limit)}", "missed"]
    text = "Small: area of the box below 32 x 32 pixels of the image; large: from 96 x 96 on. Found: at IoU .5."
    return table(header, rows) + note(text)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "n/a"


def _classes(study: Study) -> str:
    rows = []
    for index in worst_first(study.curves):
        name, curve = study.matches.class_names[index], study.curves[index]
        row, best = study.metrics["per_class"][name], curve.best
        counts = f"{row['objects']:,}", f"{int(curve.right.sum() + curve.wrong.sum()):,}"
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


def _confusion(study: Study) -> str:
    matrix, names = study.confusion, study.matches.class_names
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
        f"Rows: what it is; columns: what it was taken for, by detections with a score of {at_least(study.limit)} or more "
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


def _curves(study: Study) -> str:
    order = [index for index in worst_first(study.curves) if study.curves[index].ap50 is not None]
    cards = [_card(study.matches.class_names[index], study.curves[index]) for index in order]
    unseen = [name for name, curve in zip(study.matches.class_names, study.curves, strict=True) if curve.ap50 is None]
    text = (
        "Left: the best precision at each recall; the ring is the best F1. Right: right and wrong detections by score, the "
        "height is logarithmic. Lowest AP50 first."
    )
    if unseen:
        text += f" Without objects, therefore without a curve: {', '.join(unseen)}."
    rest = cards[_SHOWN_CLASSES:]
    folded = _folded(f"{len(rest)} more classes", "".join(rest)) if rest else ""
    return note(text) + "".join(cards[:_SHOWN_CLASSES]) + folded


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
    counts = {"right": curve.right.tolist(), "wrong": curve.wrong.tolist()}
    charts += bar_chart("detections by score", curve.edges.tolist(), counts, "score")
    return f'<h3>{escape(name)}</h3><div class="charts">{charts}</div>'


def worst_first(curves: Sequence[Curve]) -> list[int]:
    """Indices of the classes from the lowest AP50 up; those without objects last."""
    return sorted(range(len(curves)), key=lambda index: (curves[index].ap50 is None, curves[index].ap50 or 0.0))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"
