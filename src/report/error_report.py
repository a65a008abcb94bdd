"""The report of an evaluation: one HTML page that opens offline, and a CSV file for each of its tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.data.annotations import Annotations
from src.evaluation.errors.analysis import analyse_errors
from src.files import check_free, write_text
from src.report.csv_tables import TABLES, csv_text
from src.report.error_page import report_page

PAGE_NAME = "report.html"


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
        folder: where its files go.
        annotations: ground truth, all of it labelled.
        records: COCO result records of these images and classes.
        metrics: of ``src.evaluation.metrics.evaluate`` for the same.
        origin: where the detections come from, told at the top.
        img_dir: folder of the images; without it the page has no pictures.
        overwrite: whether an older report may be replaced.

    Returns:
        The page.

    Raises:
        UserError: a file exists and may not be overwritten, or an image cannot be read.
    """
    check_report(folder, overwrite)
    analysis = analyse_errors(annotations, records, metrics)
    html = report_page(analysis, origin, img_dir, list(TABLES))
    for name, rows in TABLES.items():
        write_text(folder / name, csv_text(rows(analysis)), overwrite)
    write_text(folder / PAGE_NAME, html, overwrite)
    return folder / PAGE_NAME
