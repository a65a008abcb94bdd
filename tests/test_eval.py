"""eval.py from files to files, on a tiny network with random weights."""

import json

import pytest

import eval as evaluation_script
from src.data.annotations import read_annotations
from src.evaluation.metrics import evaluate


def _arguments(detector, data, output, **changes) -> list[str]:
    values = {
        "checkpoint_path": detector,
        "eval_img_dir": data.img_dir,
        "eval_ann_file": data.val_file,
        "eval_output_dir": output,
        "device_target": "CPU",
    } | changes
    return [word for key, value in values.items() for word in (f"--{key}", str(value))]


def _refusal(arguments, capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        evaluation_script.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_it_writes_records_and_the_metrics_of_these_records(scored, tiny_data):
    output = scored.folder
    records = json.loads((output / "eval_results.json").read_text())
    metrics = json.loads((output / "metrics.json").read_text())
    annotations = read_annotations(tiny_data.val_file)
    again = evaluate(annotations, records)
    assert metrics["detections"] == len(records) > 0 and metrics["images"] == 5
    assert {key: metrics[key] for key in again} == again
    sizes = {entry.image_id: (entry.width, entry.height) for entry in annotations.images}
    assert {record["category_id"] for record in records} <= {4, 5}
    for record in records:
        x, y, width, height = record["bbox"]
        assert x >= 0 and y >= 0 and width > 0 and height > 0
        assert x + width <= sizes[record["image_id"]][0] + 0.002 and y + height <= sizes[record["image_id"]][1] + 0.002


def test_it_prints_the_table_with_each_class(scored):
    output, printed = scored.folder, scored.printed
    assert (output / "metrics.txt").read_text() in printed
    assert "square" in printed and "circle" in printed and "Average Precision" in printed


def test_it_keeps_older_scores(scored, tiny_detector, tiny_data, capsys):
    output = scored.folder
    before = (output / "metrics.json").read_bytes()
    assert "--overwrite" in _refusal(_arguments(tiny_detector, tiny_data, output), capsys)
    assert (output / "metrics.json").read_bytes() == before


def test_nothing_detected_scores_zero(tiny_detector, tiny_data, tmp_path, capsys):
    evaluation_script.main(_arguments(tiny_detector, tiny_data, tmp_path, test_score_thr=1.0))
    assert json.loads((tmp_path / "eval_results.json").read_text()) == []
    assert json.loads((tmp_path / "metrics.json").read_text())["AP"] == 0.0
    assert "Nothing was detected" in capsys.readouterr().out


def test_other_classes_are_refused(tiny_detector, tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.val_file.read_text())
    coco["categories"][0]["name"] = "triangle"
    (tmp_path / "other.json").write_text(json.dumps(coco))
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_ann_file=tmp_path / "other.json"), capsys)
    assert "triangle, circle" in said and "square, circle" in said


def test_unlabelled_images_and_missing_files_are_refused(tiny_detector, tiny_data, tmp_path, capsys):
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_ann_file=tiny_data.train_file), capsys)
    assert "unlabelled" in said
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_img_dir=tmp_path), capsys)
    assert "no such image file" in said
    said = _refusal(_arguments(tmp_path / "none.ckpt", tiny_data, tmp_path), capsys)
    assert "none.ckpt" in said
