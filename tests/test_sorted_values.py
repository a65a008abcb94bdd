import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import pick_select
import random_select
import sorted_values
from src.active.acquisition import STRATEGIES
from src.data.formats.feature_file import write_features
from src.data.provenance import made_from, side_file, write_side_file
from src.files import file_hash

ROOT = Path(__file__).resolve().parents[1]


def detections(*rows):
    return [{"pred box": [0, 0, 1, 1], "confidence score": s, "pred score": p, "pred class": c} for s, p, c in rows]


@pytest.fixture
def results(tmp_path):
    content = {
        "a/1.png": detections((0.9, [0.1, 0.9, 0.0], 0)),
        "b/1.png": detections((0.6, [0.5, 0.5, 0.0], 0), (0.4, [0.4, 0.2, 0.4], 1)),
        "none.png": [],
    }
    path = tmp_path / "infer_results.json"
    path.write_text(json.dumps(content))
    return path


def test_ranking_is_written_falling(results, tmp_path, capsys):
    sorted_values.main(["--infer_json", str(results), "--exp_dir", str(tmp_path / "new")])
    values = json.loads((tmp_path / "new" / "top_value_data.json").read_text())
    assert list(values) == ["b/1.png", "a/1.png", "none.png"]
    ranked, following = capsys.readouterr().out.splitlines()
    assert "3 images ranked, 1 of them without detections" in ranked
    assert following.startswith("what to do next: pick images to label in two hours")
    assert "ANN_FILE" in following and "--top_value_file" in following


@pytest.mark.parametrize("amount", [[], ["--pick_ratio", "70"]])
def test_the_command_that_picks_from_a_ranking_does_so_when_pasted(results, tmp_path, amount, capsys):
    names = json.loads(results.read_text())
    images = [{"id": number, "file_name": name, "width": 9, "height": 9} for number, name in enumerate(names, 2)]
    images = [
        {"id": 1, "file_name": "1.png", "width": 9, "height": 9},
        *(image | {"labelled": False} for image in images),
    ]
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    file = tmp_path / "my train.json"
    file.write_text(json.dumps({"images": images, "annotations": [row], "categories": categories}))
    words = ["--infer_json", str(results), "--exp_dir", str(tmp_path), *amount, "--combine_ann_file", str(file)]
    sorted_values.main(words)
    command = shlex.split(capsys.readouterr().out.splitlines()[-1].partition(":  ")[2])
    pick_select.main(command[2:])
    assert len((tmp_path / "labelled_picked.txt").read_text().splitlines()) == (1 if amount else 3)
    capsys.readouterr()
    sorted_values.main([*words, "--overwrite", "--pick_follows"])
    assert "what to do next" not in capsys.readouterr().out


def test_the_command_that_picks_says_where_the_images_are_if_infer_has_told(results, tmp_path, capsys):
    folders = {"img_dir": tmp_path / "my images", "unlabelled_img_dir": tmp_path / "more"}
    for folder in folders.values():
        folder.mkdir()
    write_side_file(results, made_from("infer.py", {}, {"class_names": ["cat"]}), False, folders)
    assert str(tmp_path) not in side_file(results).read_text(), "the same bytes in any folder"
    words = ["--infer_json", str(results), "--exp_dir", str(tmp_path)]
    sorted_values.main(words)
    command = shlex.split(capsys.readouterr().out.splitlines()[-1].partition(":  ")[2])
    assert {option: Path(command[command.index(f"--{option}") + 1]) for option in folders} == folders
    folders["unlabelled_img_dir"].rmdir()  # it is not there any more
    sorted_values.main([*words, "--overwrite"])
    assert "--unlabelled_img_dir" not in capsys.readouterr().out


def test_a_detector_without_confident_detections_ranks_and_it_is_said(tmp_path, capsys):
    content = {"a.png": detections((0.2, [0.8, 0.2], 0)), "b.png": detections((0.4, [0.6, 0.4], 0)), "c.png": []}
    (tmp_path / "results.json").write_text(json.dumps(content))
    sorted_values.main(["--infer_json", str(tmp_path / "results.json"), "--exp_dir", str(tmp_path)])
    assert next(iter(json.loads((tmp_path / "top_value_data.json").read_text()))) == "b.png"
    assert "note: none of the 3 images has a detection with a score above 0.5" in capsys.readouterr().out


def test_labels_so_far_of_another_form_are_refused_with_the_command_that_converts(results, tmp_path, capsys):
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "a.xml").write_text("<annotation/>")
    with pytest.raises(SystemExit):
        sorted_values.main(["--infer_json", str(results), "--combine_ann_file", str(tmp_path / "xml")])
    assert f"random_select.py --ann_file {tmp_path / 'xml'} --img_dir IMAGES" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["xml", "labels.txt"])
def test_the_command_that_converts_does_so_where_images_without_labels_lie_beside_the_others(
    results, tmp_path, monkeypatch, capsys, form
):
    monkeypatch.chdir(tmp_path)
    images, source = tmp_path / "images", tmp_path / form
    images.mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        cv2.imwrite(str(images / name), np.full((20, 30, 3), number, np.uint8))
    if form == "xml":
        source.mkdir()
        box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        size = "<size><width>30</width><height>20</height><depth>3</depth></size>"
        (source / "a.xml").write_text(
            f"<annotation><filename>a.png</filename>{size}<object><name>cat</name>{box}</object></annotation>"
        )
    else:
        source.write_text("a.png 2,2,9,9,0\n")
    with pytest.raises(SystemExit):
        sorted_values.main(["--infer_json", str(results), "--combine_ann_file", str(source)])
    command = shlex.split(capsys.readouterr().err.strip().partition(":  ")[2].replace("IMAGES", str(images)))
    names = ["--class_names", "cat"] if form == "labels.txt" else []
    random_select.main([*command[2:], *names])
    rows = json.loads((tmp_path / "labelled.json").read_text())["images"]
    assert [row["file_name"] for row in rows] == ["a.png"]


def test_a_csv_says_what_scores_are_made_of(results, tmp_path):
    labelled = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}]}
    (tmp_path / "part.json").write_text(json.dumps(labelled))
    sorted_values.main(
        ["--infer_json", str(results), "--exp_dir", str(tmp_path), "--combine_ann_file", str(tmp_path / "part.json")]
    )
    with (tmp_path / "top_value_data_terms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"] for row in rows] == ["b/1.png", "a/1.png", "none.png"]
    assert rows[0] | {"acquisition_score": ""} == {
        "file_name": "b/1.png",
        "acquisition_score": "",
        "detections": "2",
        "objects of cat": "1",
        "objects of dog": "0",
        "difficulty": "1",
        "information": "0.6",
        "diversity": "1",
    }


def test_every_strategy_ranks_by_its_files(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{index}.png" for index in range(12)]
    found = {name: detections(*((0.9, [0.1, 0.8, 0.1], 0), (0.7, [0.3, 0.1, 0.6], 1))) for name in names[4:]}
    for name in ("infer_results.json", "second.json"):
        (tmp_path / name).write_text(json.dumps(found))
    (tmp_path / "infer_results.made_from.json").write_text(
        json.dumps(
            {
                "file": "infer_results.json",
                "sha256": file_hash(tmp_path / "infer_results.json"),
                "made_from": {"program": "", "inputs": {}, "settings": {"class_names": ["dog", "cat"]}, "before": {}},
            }
        )
    )
    rows = [(name, np.array([0, 1]), np.array([0.9, 0.7]), rng.normal(size=(2, 4))) for name in names]
    write_features(tmp_path / "features.npz", rows, overwrite=False)
    images = [{"id": i, "file_name": name, "width": 9, "height": 9} for i, name in enumerate(names)]
    images = [image | ({"labelled": False} if image["id"] >= 4 else {}) for image in images]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 2, 2]} for i in range(4)]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}
    (tmp_path / "part.json").write_text(json.dumps(coco))
    options = ["--features_file", tmp_path / "features.npz", "--second_infer_json", tmp_path / "second.json"]
    options += [
        "--combine_ann_file",
        tmp_path / "part.json",
        "--pick_ratio",
        "60",
        "--exp_dir",
        tmp_path,
        "--overwrite",
    ]
    for strategy in STRATEGIES:
        for source in ["--infer_json", tmp_path / "infer_results.json"], []:
            if source or strategy == "coverage":
                sorted_values.main([*map(str, [*source, *options]), "--strategy", strategy])
                assert json.loads((tmp_path / "top_value_data.json").read_text()).keys() == found.keys()
                header = (tmp_path / "top_value_data_terms.csv").read_text().splitlines()[0]
                if source:
                    assert "objects of dog,objects of cat" in header, "the order of the network's classes"
    made_from = json.loads((tmp_path / "top_value_data.made_from.json").read_text())["made_from"]
    assert made_from["inputs"].keys() == {"infer_json", "second_infer_json", "combine_ann_file"}
    assert made_from["settings"]["pick_ratio"] == 60


def test_strategy_and_weights_are_passed_on(results, tmp_path):
    sorted_values.main(["--infer_json", str(results), "--exp_dir", str(tmp_path), "--weights", "0", "1", "0"])
    values = json.loads((tmp_path / "top_value_data.json").read_text())
    assert values == {"a/1.png": 1.0, "b/1.png": pytest.approx(0.6 / 0.9), "none.png": 0.0}
    sorted_values.main(
        ["--infer_json", str(results), "--exp_dir", str(tmp_path), "--strategy", "random", "--overwrite"]
    )
    assert set(json.loads((tmp_path / "top_value_data.json").read_text())) == set(values)


def test_the_options_are_checked_without_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sorted_values.main(["--check", "--weights", "0", "1", "2"])
    for words, said in [
        (["--weights", "0", "0", "0"], "error: weights 0 0 0: must be three numbers from 0 up, not all 0"),
        (["--weights", "1", "-1", "0"], "error: weights 1 -1 0: must be three numbers from 0 up"),
        (["--strategy", "entropi"], "argument --strategy: invalid choice: 'entropi'"),
        (["--strategy", "PPAL"], "'coverage', 'disagreement'); did you mean ppal?"),
        (["--infer_json", "a.json"], "argument --infer_json: not allowed with argument --check"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            sorted_values.main(["--check", *words])
        assert stopped.value.code == 2 and said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        sorted_values.main([])
    assert "one of the arguments --infer_json --check is required" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_real_start_writes_here_and_overwrites_nothing(results, tmp_path):
    command = [sys.executable, str(ROOT / "sorted_values.py"), "--infer_json", str(results)]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == 0
    assert (tmp_path / "top_value_data.json").is_file()
    again = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2 and "--overwrite" in again.stderr and "Traceback" not in again.stderr


@pytest.mark.parametrize(
    "words", [["--strategy", "random", "--seed", "-2"], ["--seed", "9" * 30], ["--seed=-2", "--check"]]
)
def test_seeds_that_no_generator_takes_are_refused(results, tmp_path, capsys, words):
    source = [] if "--check" in words else ["--infer_json", str(results)]
    with pytest.raises(SystemExit) as ended:
        sorted_values.main([*source, "--exp_dir", str(tmp_path), *words])
    assert ended.value.code == 2 and "must be -1 to 2147483647" in capsys.readouterr().err


def test_weights_whose_sum_is_no_number_are_refused(capsys):
    with pytest.raises(SystemExit):
        sorted_values.main(["--check", "--weights", "1e308", "1e308", "1e308"])
    assert "weights 1e+308 1e+308 1e+308: must be three numbers from 0 up" in capsys.readouterr().err


def test_boxes_beyond_all_pictures_are_refused(tmp_path, capsys):
    rows = detections((0.9, [0.1, 0.9], 0))
    rows[0]["pred box"] = [0, 0, 1e39, 1]  # infinite in single precision
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"a.png": rows}))
    labelled = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "part.json").write_text(json.dumps(labelled))
    more = ["--second_infer_json", str(path), "--combine_ann_file", str(tmp_path / "part.json")]
    with pytest.raises(SystemExit):
        sorted_values.main(["--infer_json", str(path), "--strategy", "disagreement", *more])
    assert "pred box" in capsys.readouterr().err
