"""The report of an evaluation: one HTML page that opens offline, and a CSV file for each of its tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.csv_file import csv_text
from src.data.annotations import Annotations
from src.evaluation.errors.advice import TITLES, headline
from src.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from src.evaluation.metrics import size_rule
from src.files import check_free, write_text
from src.report.csv_tables import TABLES
from src.report.error_charts import class_charts, classes_by_ap50
from src.report.error_pictures import worst_captions, worst_pictures
from src.report.error_tables import error_types, losses_by_class, shown_labels
from src.report.pages import render

PAGE_NAME = "report.html"

_UNFOLDED_ROWS = 12  # of the AP50 lost per class; a longer table is collapsed
_SHOWN_CLASSES = 12  # with charts; those of the others are collapsed


def check_report(folder: Path, overwrite: bool) -> None:
    """Raise a UserError if a file of the report exists and may not be overwritten."""
    for name in (PAGE_NAME, *TABLES):
        check_free(folder / name, overwrite)


def write_report(
    folder: Path,
    annotations: Annotations,
    records: Sequence[dict[str, Any]],
    metrics: dict[str, Any],
    origin: Mapping[str, Any],
    img_dir: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report.

    Args:
        folder: for its files.
        annotations: ground truth, all of it labelled.
        records: COCO result records of these images and classes.
        metrics: of ``src.evaluation.metrics.evaluate`` for the same.
        origin: source of the detections by name, for the line below the title.
        img_dir: folder of the images; without it the page has no pictures.
        overwrite: whether an older report may be replaced.

    Returns:
        The path of the page.

    Raises:
        UserError: a file exists and may not be overwritten, or an image cannot be read.
    """
    check_report(folder, overwrite)
    analysis = analyse_errors(annotations, records, metrics)
    html = _page(analysis, origin, img_dir)
    for name, rows in TABLES.items():
        write_text(folder / name, csv_text(rows(analysis)), overwrite)
    write_text(folder / PAGE_NAME, html, overwrite)
    return folder / PAGE_NAME


def _page(analysis: ErrorAnalysis, origin: Mapping[str, Any], img_dir: str | Path | None) -> str:
    classes, shown = classes_by_ap50(analysis), shown_labels(analysis)
    return render(
        "error_report.html",
        title="Evaluation report",
        analysis=analysis,
        origin=origin,
        headline=headline(analysis),
        error_rows=error_types(analysis),
        titles=list(TITLES.values()),
        losses=losses_by_class(analysis),
        unfolded_rows=_UNFOLDED_ROWS,
        size_rule=size_rule(analysis.metrics["area_from"]),
        classes=classes,
        shown_labels=shown,
        shown_names=[analysis.matches.class_names[label - 1] for label in shown],
        cards=class_charts(classes),
        shown_classes=_SHOWN_CLASSES,
        without_objects=[name for name, curve in classes if curve.ap50 is None],
        has_pictures=img_dir is not None,
        worst=worst_captions(analysis) if img_dir is None else worst_pictures(analysis, img_dir),
        files=list(TABLES),
    )
