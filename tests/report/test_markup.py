"""Parts of pages: whatever a name holds, it stays text."""

import xml.etree.ElementTree as ET

import numpy as np

from src.report.markup import at_least, folded, note, page, picture, score, table

ODD = '<script> & "猫"'


def test_names_stay_text():
    for part in (note(ODD), folded(ODD, "<p/>"), table([ODD], []), picture(np.zeros((4, 5, 3), np.uint8), ODD, ODD)):
        assert "<script>" not in part and "&lt;script&gt;" in part
    whole = page(ODD, [note("a"), "<p>b</p>"])
    assert (
        "<script>" not in whole and whole.startswith("<!DOCTYPE html>") and whole.index("a</p>") < whole.index("b</p>")
    )


def test_a_table_keeps_its_cells_in_rows_and_columns():
    cells = [["1", "<b>2</b>", "3"], ["4", "5", "6"]]
    tree = ET.fromstring(table(["a", "b", "c"], cells, ("", "text"), kind="dense"))
    rows = tree.findall(".//tr")
    assert [["".join(cell.itertext()) for cell in row] for row in rows] == [
        ["a", "b", "c"],
        ["1", "2", "3"],
        ["4", "5", "6"],
    ]
    assert [cell.get("class") for cell in rows[1]] == [None, "text", None] and tree.find("table").get(
        "class"
    ) == "dense"


def test_numbers():
    assert (score(0.12349), score(None), score(0.5, 0.25)) == ("0.123", "n/a", "0.500<small>+0.250</small>")
    assert (at_least(0.70299), at_least(0.3), at_least(-0.0001), at_least(None)) == ("0.702", "0.300", "-0.001", "n/a")
