"""CSV files: no text is a formula, numbers stay numbers, and what is read back is what was written."""

import csv
import io
import json
from pathlib import Path

import pytest

import pick_select
import sorted_values
from src.csv_file import cell_text, csv_text
from src.data.formats.coco_annotations import read_annotations

ROOT = Path(__file__).resolve().parents[1]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1"]


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_nothing_to_measure_is_empty_and_names_may_hold_anything():
    assert (
        csv_text([("a, b", 'say "猫"'), (None, float("nan")), (0.1234567, 3)]) == '"a, b","say ""猫"""\n,\n0.123457,3\n'
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula_and_numbers_stay_numbers(text):
    assert cells(csv_text([(text, -0.5, -3)])) == [[f"'{text}", "-0.5", "-3"]]
    assert cells(csv_text([(f"a\r{text}", 1)])) == [[f"a {text}", "1"]]


@pytest.mark.parametrize("text", [*FORMULAS, "'=1", "''+", "'quoted'", "'", "", "it's", "a=1"])
def test_a_text_is_read_as_it_was(text):
    [[cell]] = cells(csv_text([(text,)])) or [[""]]
    assert cell_text(cell) == text


def test_a_picture_whose_name_is_a_formula_is_ranked_and_picked_under_its_name(tmp_path):
    names = ["=HYPERLINK(A1).png", "-2.png", "'=1.png", "plain.png"]
    images = [{"id": i, "file_name": name, "width": 9, "height": 9} for i, name in enumerate(names, start=1)]
    row = {"id": 1, "image_id": 4, "category_id": 1, "bbox": [1, 1, 5, 5], "iscrowd": 0}
    coco = {"images": images, "annotations": [row], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "full.json").write_text(
        json.dumps(coco | {"annotations": [row | {"id": i, "image_id": i} for i in range(1, 5)]})
    )
    part = [image if image["id"] == 4 else image | {"labelled": False} for image in images]
    (tmp_path / "part.json").write_text(json.dumps(coco | {"images": part}))
    found = {
        name: [{"pred box": [0, 0, 5, 5], "confidence score": 0.9, "pred score": [0.1, 0.9], "pred class": 0}]
        for name in names[:3]
    }
    (tmp_path / "found.json").write_text(json.dumps(found))
    part, ranking = ("--combine_ann_file", str(tmp_path / "part.json")), tmp_path / "top_value_data.json"
    sorted_values.main(["--infer_json", str(tmp_path / "found.json"), "--exp_dir", str(tmp_path), *part])
    words = ["--ann_file", str(tmp_path / "full.json"), *part, "--top_value_file", str(ranking), "--pick_ratio", "75"]
    pick_select.main([*words, "--at_least", "cat=3", "--output_ann_file", str(tmp_path / "out.json")])
    picked = read_annotations(tmp_path / "out.json").labelled
    assert len(picked) == 3 and {entry.file_name for entry in picked} <= set(names)
    for path in (tmp_path / "top_value_data_terms.csv", tmp_path / "out_picked.csv"):
        rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
        assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "-", "+", "@"))], path
        assert {cell_text(row["file_name"]) for row in rows} <= set(names[:3])
        assert {row["objects of cat"] for row in rows} == {"1"}, "the terms are found under the name"


def test_every_csv_file_goes_through_one_writer():
    files = [*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")]
    writing = ("csv.writer", "DictWriter")
    assert [file.name for file in files if any(word in file.read_text("utf-8") for word in writing)] == ["csv_file.py"]
