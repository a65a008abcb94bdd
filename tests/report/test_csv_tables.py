"""The CSV files: each can be read back and holds what the report is made of."""

import csv
import io

import pytest

from src.csv_file import csv_text
from src.evaluation.errors.analysis import analyse_errors
from src.evaluation.metrics import evaluate
from src.report.csv_tables import ALL_CLASSES, TABLES
from tests.evaluation.scenes import CLASS_NAMES, EMPTY, RANDOM


def _tables(case) -> tuple:
    analysis = analyse_errors(*case, evaluate(*case))
    read = {name: list(csv.DictReader(io.StringIO(csv_text(rows(analysis))))) for name, rows in TABLES.items()}
    return analysis, read


@pytest.mark.parametrize("case", RANDOM[:4] + EMPTY)
def test_every_row_has_every_column_and_the_counts_add_up(case):
    analysis, tables = _tables(case)
    for name, rows in tables.items():
        assert rows or name == "precision_recall.csv"  # there are no curves without objects
        assert all(None not in row and None not in row.values() for row in rows)
    counts = {row["kind"]: int(row["count"]) for row in tables["mistakes.csv"] if row["class"] == ALL_CLASSES}
    assert counts == analysis.errors.counts()
    for kind, count in counts.items():
        of_classes = [int(row["count"]) for row in tables["mistakes.csv"] if row["kind"] == kind]
        assert sum(of_classes) == 2 * count
    for name, right, wrong in ((row["class"], row["right"], row["wrong"]) for row in tables["classes.csv"]):
        bins = [row for row in tables["confidence.csv"] if row["class"] == name]
        assert sum(int(row["right"]) for row in bins) == int(right)
        assert sum(int(row["wrong"]) for row in bins) == int(wrong)
    assert len(tables["images.csv"]) == len(case[0].images)
    assert sum(int(row["objects"]) for row in tables["images.csv"]) == analysis.metrics["objects"]


def test_scores_are_those_of_the_metrics():
    analysis, tables = _tables(RANDOM[0])
    summary = {row["metric"]: row["value"] for row in tables["summary.csv"]}
    assert float(summary["AP50"]) == pytest.approx(analysis.metrics["AP50"], rel=1e-5)
    assert [row["class"] for row in tables["classes.csv"]] == list(CLASS_NAMES)
    assert float(tables["classes.csv"][0]["AP"]) == pytest.approx(analysis.metrics["per_class"]["cat"]["AP"], rel=1e-5)
    matrix = tables["confusion.csv"]
    assert [row["true class"] for row in matrix] == [*CLASS_NAMES, "(nothing)"]
    assert int(matrix[0]["猫"]) == analysis.confusion[1, 3] and int(matrix[3]["cat"]) == analysis.confusion[0, 1]
