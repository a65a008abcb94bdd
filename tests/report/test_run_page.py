"""The page of a run: what it tells, that it needs no other file, and its command."""

import base64
import html
import json
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.data.annotations import Annotations, ImageEntry
from src.data.formats.coco_annotations import to_coco
from src.evaluation.metrics import evaluate
from src.report.run_page import main


def _entry(image_id: int) -> ImageEntry:
    box, label = np.array([[5, 5, 25, 25]], np.float32), np.array([1 + image_id % 2], np.int32)
    return ImageEntry(image_id, f"sub/{image_id} & co.png", 40, 30, True, box, label, np.zeros(1, bool))


@pytest.fixture
def run(tmp_path) -> Path:
    """A finished two-stage run with evaluation data in data/."""
    annotations = Annotations(("<cat>", "hund"), (3, 9), tuple(_entry(index) for index in range(4)))
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for entry in annotations.images:
        _, data = cv2.imencode(".png", np.full((30, 40, 3), 99, np.uint8))
        (tmp_path / "data" / entry.file_name).write_bytes(data.tobytes())
    (tmp_path / "data" / "val.json").write_text(json.dumps(to_coco(annotations)))
    for name, found in (("first_stage", 1), ("second_stage", 4)):
        records = [
            {"image_id": index, "category_id": 9 if index % 2 else 3, "bbox": [5, 5, 20, 20], "score": 0.9}
            for index in range(found)
        ]
        folder = tmp_path / "run" / name / "eval"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(evaluate(annotations, records)))
        (folder / "eval_results.json").write_text(json.dumps(records))
        rows = [{"step": 0, "loss": 2.0, "lr": 0.1}, {"step": 9, "loss": 1.0, "lr": 0.1, "teacher/AP": 0.25}]
        (folder.parent / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "run"


def test_warnings_of_a_run_stand_above_its_curves(run):
    assert "Warnings" not in _write(run)
    rows = (run / "first_stage" / "metrics.jsonl").read_text()
    row = json.dumps({"step": 9, "warning": "no pseudo-box in <b>", "watcher": "no_pseudo_boxes"})
    (run / "first_stage" / "metrics.jsonl").write_text(rows + "\n" + row)
    page = _write(run, "--overwrite")
    assert page.count("Warnings: ") == 1 and "<b>step 9</b> no pseudo-box in &lt;b&gt;" in page
    assert page.index("Warnings: first stage") < page.index("Training: first stage")


def _write(run: Path, *more: str) -> str:
    main(["--run", str(run), *more])
    return (run / "report.html").read_text(encoding="utf-8")


def _with_data(run: Path) -> list[str]:
    data = run.parent / "data"
    return ["--eval_img_dir", str(data), "--eval_ann_file", str(data / "val.json")]


def test_the_page_has_scores_gain_and_classes(run):
    page = _write(run)
    assert "first stage" in page and "second stage" in page
    assert f"<title>Training run: {run.parent.name}/run</title>" in page and "AP fell" not in page
    assert "1.000" in page and re.search(r"<small>\+0\.\d{3}</small>", page)
    assert "&lt;cat&gt;" in page and "<cat>" not in page
    assert "teacher/AP" in page and page.count("<svg") == 2 * 3


def test_a_fall_of_ap_from_stage_to_stage_is_the_first_thing_on_the_page(run):
    path = run / "second_stage" / "eval" / "metrics.json"
    metrics = json.loads(path.read_text())
    before = json.loads((run / "first_stage" / "eval" / "metrics.json").read_text())["AP"]
    path.write_text(json.dumps(metrics | {"AP": before - 0.05}))
    page = _write(run)
    assert f"AP fell by 5.0 points, from {100 * before:.1f} % (first stage) to" in page.replace("\u00a0", " ")
    assert page.index("AP fell") < page.index("Scores on the evaluation images")
    assert '<small class="fall">-0.050</small>' in page and "that alone lowers AP" not in page
    curves = run / "first_stage" / "metrics.jsonl"
    curves.write_text(curves.read_text().rstrip("\n") + "\n" + json.dumps({"step": 100000}) + "\n")
    assert "first stage for 100,000, and that alone lowers AP" in _write(run, "--overwrite").replace("\u00a0", " ")


def test_the_page_says_by_which_area_objects_are_sized_where_the_scores_do(run):
    path = run / "second_stage" / "eval" / "metrics.json"
    metrics = json.loads(path.read_text())
    assert "Objects are small, medium and large by the area of the box (4 objects)." in _write(run)
    del metrics["area_from"]  # scores of an earlier version
    path.write_text(json.dumps(metrics))
    assert "Objects are" not in _write(run, "--overwrite")
    path.write_text(json.dumps(metrics | {"area_from": {"image": 3}}))
    with pytest.raises(SystemExit):
        _write(run, "--overwrite")


def test_scores_that_could_not_be_measured_are_not_0(run):
    for path in run.glob("*/eval/metrics.json"):
        metrics = json.loads(path.read_text())
        nothing = {key: None if key[:2] in ("AP", "AR") else value for key, value in metrics.items()}
        path.write_text(json.dumps(nothing))
    summary = _write(run).split("Scores of each class")[0]
    assert summary.count("n/a") >= 14 and "0.000" not in summary


def test_scores_of_masks_have_a_row_of_their_own(run):
    assert ": masks" not in _write(run)
    path = run / "second_stage" / "eval" / "metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"segm": metrics | {"AP": 0.125}}))
    page = _write(run, "--overwrite")
    assert page.count("second stage: masks") == 1 and "0.125" in page and "first stage: masks" not in page
    path.write_text(json.dumps(metrics | {"segm": [1]}))
    with pytest.raises(SystemExit):
        _write(run, "--overwrite")


def test_pictures_are_inside_and_nothing_else_is_needed(run):
    page = _write(run, *_with_data(run), "--pictures", "3")
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', page)
    assert len(pictures) == 6, "ground truth and detections of each"
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[1] > 2 * 40
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "http" not in page
    assert "sub/0 &amp; co.png" in page


def test_the_errors_of_the_last_stage_are_analysed(run):
    page = _write(run, *_with_data(run))
    assert "Errors: second stage" in page and "AP50 is 1.000" in page
    file = run / "second_stage" / "eval" / "eval_results.json"
    file.write_text(json.dumps(json.loads(file.read_text())[1:]))
    assert "Missed objects cost most" in _write(run, *_with_data(run), "--overwrite")


def test_results_of_other_images_are_refused(run, capsys):
    file = run / "second_stage" / "eval" / "eval_results.json"
    file.write_text(json.dumps([row | {"image_id": 77} for row in json.loads(file.read_text())]))
    with pytest.raises(SystemExit, match="2"):
        main(["--run", str(run), *_with_data(run)])
    assert "image 77 is not in the annotation file" in capsys.readouterr().err


def test_an_older_page_is_kept_unless_told_otherwise(run, capsys):
    _write(run)
    with pytest.raises(SystemExit, match="2"):
        main(["--run", str(run)])
    assert "--overwrite" in capsys.readouterr().err
    _write(run, "--overwrite")


def test_a_run_that_was_not_evaluated(run):
    for file in run.glob("*/eval/*.json"):
        file.unlink()
    assert "No stage was evaluated" in _write(run, *_with_data(run))


@pytest.mark.parametrize("single", [True, False])
def test_the_command_that_evaluates_a_run_is_on_its_page_and_on_the_terminal(run, single, capsys, monkeypatch):
    stage = run / "second_stage"
    shutil.rmtree(stage / "eval")
    (stage / "model_0.ckpt").touch()
    monkeypatch.chdir(run.parent)
    page = _write(stage.relative_to(run.parent) if single else run, *_with_data(run))
    note, command = capsys.readouterr().out.splitlines()[-2:]
    assert note.startswith("note: scores of training are among its curves")
    expected = [
        "--checkpoint_path",
        str(stage / "model_0.ckpt"),
        *_with_data(run),
        "--eval_output_dir",
        str(stage / "eval"),
    ]
    assert shlex.split(command)[2:] == expected
    assert (html.escape(command.strip(), quote=False) in page) == single


def test_half_of_the_evaluation_data_is_refused(run, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--run", str(run), "--eval_img_dir", "data"])
    assert "belong together" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row", [{"step": 10**400}, {"step": -1}, {"step": 1, "loss": 1e308}, {"step": 1, "loss": 10**400}]
)
def test_numbers_that_no_chart_holds_are_refused_with_their_line(run, capsys, row):
    (run / "first_stage" / "metrics.jsonl").write_text(json.dumps({"step": 0, "loss": 1.0}) + "\n" + json.dumps(row))
    with pytest.raises(SystemExit):
        _write(run)
    said = capsys.readouterr().err
    assert "metrics.jsonl, line 2" in said and len(said) < 500


def test_numbers_that_are_not_finite_are_left_out_of_charts(run):
    rows = [{"step": 0, "loss": 1.0}, {"step": 1, "loss": float("nan")}, {"step": 2, "loss": float("inf")}]
    (run / "first_stage" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "<svg" in _write(run)


@pytest.mark.parametrize(
    "key", ["AP", "AP_small", "AR_large", "AR_100", "per_class", "objects", "detections", "images"]
)
def test_scores_that_somebody_has_edited_are_refused_by_name(run, capsys, key):
    path = run / "second_stage" / "eval" / "metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in metrics.items() if name != key}))
    with pytest.raises(SystemExit):
        _write(run, *_with_data(run))
    assert f"no {key}; evaluate again" in capsys.readouterr().err
    path.write_text(json.dumps(metrics | {"AP50": None}))
    with pytest.raises(SystemExit):
        _write(run)
    assert "evaluate again" in capsys.readouterr().err
