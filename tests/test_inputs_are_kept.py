"""Programs that write annotation files or lists never put them in the place of one of their inputs, not even with --overwrite."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import eval as evaluation_program
import first_pick
import import_labels
import pick_select
import random_select
import sorted_values
from src import xml2coco

XML = """<annotation><size><width>40</width><height>30</height></size><object><name>cat</name>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object></annotation>"""


def coco(labelled: int) -> str:
    """Eight images, of which the first are labelled."""
    images = [
        {"id": k, "file_name": f"{k}.png", "width": 40, "height": 30, "labelled": k <= labelled} for k in range(1, 9)
    ]
    rows = [
        {"id": k, "image_id": k, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
        for k in range(1, labelled + 1)
    ]
    return json.dumps({"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]})


@pytest.fixture
def place(tmp_path) -> Path:
    """Inputs of all programs, by the names of `PROGRAMS`."""
    for name in ("voc/images", "voc/annotations", "scores"):
        (tmp_path / name).mkdir(parents=True)
    for k in range(1, 9):
        pixels = np.random.default_rng(k).integers(0, 255, (30, 40, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "voc" / "images" / f"{k}.png"), pixels)
        (tmp_path / "voc" / "annotations" / f"{k}.xml").write_text(XML)
    (tmp_path / "full.json").write_text(coco(8))
    (tmp_path / "part.json").write_text(coco(3))
    (tmp_path / "ranks.json").write_text(json.dumps({f"{k}.png": k / 10 for k in range(4, 9)}))
    found = {f"{k}.png": [] for k in range(1, 9)}
    (tmp_path / "scores" / "top_value_data.json").write_text(json.dumps(found))
    (tmp_path / "scores" / "metrics.json").write_text("{}")
    return tmp_path


RANDOM = (random_select, "--ann_file full.json --label_ratio 25 --output_ann_file")
PICK = (
    pick_select,
    "--ann_file full.json --combine_ann_file part.json --top_value_file ranks.json --pick_ratio 60 --output_ann_file",
)
IMPORT = (import_labels, "--labels full.json --ann_file part.json --output_ann_file")
CONVERT = (xml2coco, "--data_path voc --save_path")
FIRST = (first_pick, "--img_dir voc/images --class_names cat --output_ann_file")
RANK = (sorted_values, "--infer_json scores/top_value_data.json --exp_dir")
EVALUATE = (
    evaluation_program,
    "--model scores/metrics.onnx --eval_img_dir voc/images --eval_ann_file full.json --eval_output_dir",
)
PROGRAMS = [
    (RANDOM, "full.json", "ann_file"),
    (PICK, "full.json", "ann_file"),
    (PICK, "part.json", "combine_ann_file"),
    (PICK, "ranks.json", "top_value_file"),
    (IMPORT, "part.json", "ann_file"),
    (IMPORT, "full.json", "labels"),
    (CONVERT, "voc/annotations/3.xml", "data_path"),
    (CONVERT, "voc/images/3.png", "data_path"),
    (FIRST, "voc/images/3.png", "img_dir"),
    (RANK, "scores", "infer_json"),
    (EVALUATE, "scores", "model (its metadata)"),
]


@pytest.mark.parametrize(("program", "output", "option"), PROGRAMS)
def test_an_input_is_not_replaced(place, monkeypatch, capsys, program, output, option):
    monkeypatch.chdir(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    module, words = program
    overwrite = ["--overwrite", *(["true"] if module is evaluation_program else [])]
    with pytest.raises(SystemExit) as ended:
        module.main([*words.split(), output, *overwrite])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and f"is the file of --{option}, which would be replaced" in said
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("program", [RANDOM, PICK, IMPORT, CONVERT, FIRST])
def test_another_name_is_taken(place, monkeypatch, program):
    monkeypatch.chdir(place)
    module, words = program
    module.main([*words.split(), "new.json", *(["--empty_is_reviewed"] if module is pick_select else [])])
    assert (place / "new.json").is_file()
