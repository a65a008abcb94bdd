"""Why images have their acquisition scores: a CSV beside the ranking, one row per image.

Columns: file_name, acquisition_score, detections, "objects of CLASS" (detections with a score above 0.5), the terms of the
strategy.
"""

import csv
import io
from pathlib import Path

import numpy as np

from src.active.detections_file import DetectionTable
from src.active.strategies.pool import Acquisition
from src.active.strategies.reference import CONFIDENT
from src.command_line import names_in_one_word
from src.csv_file import cell_text, csv_text
from src.data.checks.row_marks import finite_number
from src.errors import DataError, UserError, reason_of
from src.files import read_regular_text, write_pieces

_OBJECTS = "objects of "


def terms_file(ranking: Path) -> Path:
    """The CSV that belongs to a ranking."""
    return ranking.with_name(f"{ranking.stem}_terms.csv")


def write_terms(
    path: Path, table: DetectionTable, acquisition: Acquisition, class_names: tuple[str, ...], overwrite: bool
) -> None:
    """Write a row for each image, highest score first, ties by name.

    Args:
        class_names: in the order of the predicted classes; classes without a name are numbered.
    """
    objects = table.count_per_class(CONFIDENT)
    names = [*class_names, *(f"class {number}" for number in range(len(class_names), objects.shape[1]))]
    objects = np.pad(objects, ((0, 0), (0, len(names) - objects.shape[1])))
    columns = [acquisition.scores, table.counts, *objects.T, *acquisition.terms.values()]
    header = ["acquisition_score", "detections", *(f"{_OBJECTS}{name}" for name in names), *acquisition.terms]
    order = np.lexsort((np.array(table.names), -acquisition.scores))
    write_pieces(path, _lines(["file_name", *header], table.names, columns, order), overwrite)


def _lines(header: list[str], names: tuple[str, ...], columns: list[np.ndarray], order: np.ndarray):
    yield csv_text([header])
    for place in order.tolist():
        yield csv_text([[names[place], *(float(column[place]) for column in columns)]])


def read_terms(path: Path) -> dict[str, dict[str, str]]:
    """File name -> the other columns of its row.

    Raises:
        UserError: the file cannot be read.
        DataError: it has no column file_name, or rows of another length.
    """
    try:
        with io.StringIO(read_regular_text(path)) as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {reason_of(error, path)}; rank again") from None
    if any("file_name" not in row or None in row or None in row.values() for row in rows):
        raise DataError(str(path), ["not a CSV file of sorted_values.py; rank again"])
    return {cell_text(row.pop("file_name")): row for row in rows}


def ranked_classes(terms: dict[str, dict[str, str]]) -> list[str]:
    """The predicted classes of a ranking."""
    columns = dict.fromkeys(column for row in terms.values() for column in row if column.startswith(_OBJECTS))
    return [column.removeprefix(_OBJECTS) for column in columns]


def predicted_objects(terms: dict[str, dict[str, str]], class_name: str) -> dict[str, float]:
    """File name -> predicted objects of a class.

    Raises:
        UserError: there is no such class.
    """
    key, classes = f"{_OBJECTS}{class_name}", ranked_classes(terms)
    if class_name not in classes:
        known = names_in_one_word(sorted(classes)) if classes else "none"
        raise UserError(f"at_least: {class_name} is not one of the ranked classes ({known})")
    found = {name: finite_number(row[key]) for name, row in terms.items()}
    wrong = next((name for name, count in found.items() if count is None or count < 0), None)
    if wrong is not None:
        fault = f'"{key}" of {wrong} must be a number from 0 up, found {terms[wrong][key]!r:.40}'
        raise UserError(f"the CSV of the ranking: {fault}; rank again")
    return found
