"""Reading back what a run left behind."""

import json

import pytest

from src.errors import UserError
from src.evaluation.stages import read_stages


def test_rows_of_one_step_are_joined_and_the_last_word_counts(tmp_path):
    rows = [{"step": 10, "loss": 3.0}, {"step": 20, "loss": 2.0}, {"step": 20, "teacher/AP": 0.5}]
    rows += [{"step": 10, "loss": 2.5}, {"step": 5, "loss": 4.0}]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    [stage] = read_stages(tmp_path)
    assert stage.curves == [
        {"step": 5, "loss": 4.0},
        {"step": 10, "loss": 2.5},
        {"step": 20, "loss": 2.0, "teacher/AP": 0.5},
    ]
    assert stage.metrics is None and stage.labelled is None


def test_both_stages_with_scores_and_image_counts(tmp_path):
    images = [{"id": index, "file_name": f"{index}.png", "width": 9, "height": 9} for index in range(5)]
    for image in images[2:]:
        image["labelled"] = False
    coco = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "train.json").write_text(json.dumps(coco))
    for name, ap in (("first_stage", 0.25), ("second_stage", 0.5)):
        (tmp_path / name / "eval").mkdir(parents=True)
        (tmp_path / name / "eval" / "metrics.json").write_text(json.dumps({"AP": ap}))
        (tmp_path / name / "config.yaml").write_text(f"train_ann_file: {tmp_path / 'train.json'}\n")
    stages = read_stages(tmp_path)
    assert [(stage.name, stage.metrics["AP"]) for stage in stages] == [("first_stage", 0.25), ("second_stage", 0.5)]
    assert [(stage.labelled, stage.unlabelled) for stage in stages] == [(2, 3), (2, 3)]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run here"):
        read_stages(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step"')
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2: not JSON"):
        read_stages(tmp_path)
