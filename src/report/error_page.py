"""The page of a report: what the detector gets wrong, what that costs, and where to see it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from src.evaluation.errors.advice import headline
from src.evaluation.errors.analysis import ErrorAnalysis
from src.report.error_charts import curve_charts
from src.report.error_pictures import worst_pictures
from src.report.error_tables import (
    classes_table,
    confusion_table,
    kinds_by_class_table,
    kinds_table,
    scores_table,
    sizes_table,
)
from src.report.markup import note, page


def report_page(
    analysis: ErrorAnalysis, origin: Mapping[str, Any], img_dir: str | Path | None, files: Sequence[str]
) -> str:
    """The whole page.

    Args:
        analysis: what it tells.
        origin: where the detections come from, told at the top.
        img_dir: folder of the images; without it there are no pictures.
        files: names of the files beside the page that have its numbers.
    """
    title = "Evaluation report"
    told = [f"{key} {value}" for key, value in origin.items()]
    told += [f"{analysis.metrics[key]:,} {key}" for key in ("images", "objects", "detections")]
    parts = [f"<h1>{title}</h1>", note(f"{', '.join(told)}. Written {datetime.now():%Y-%m-%d %H:%M}.")]
    parts += [f'<p class="headline">{escape(headline(analysis))}</p>', scores_table(analysis)]
    parts += ["<h2>What the errors cost</h2>", kinds_table(analysis), kinds_by_class_table(analysis)]
    parts += ["<h2>Small and large objects</h2>", sizes_table(analysis)]
    parts += ["<h2>Classes</h2>", classes_table(analysis)]
    parts += ["<h2>What is taken for what</h2>", confusion_table(analysis)]
    parts += ["<h2>Precision, recall and confidence of each class</h2>", curve_charts(analysis)]
    parts += ["<h2>The worst images</h2>", worst_pictures(analysis, img_dir)]
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in files)
    parts += ["<h2>The numbers</h2>", f"<p>Beside this page: {links}.</p>"]
    return page(title, parts)
