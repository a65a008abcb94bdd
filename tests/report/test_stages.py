"""Reading back what a run left behind."""

import json
from dataclasses import replace

import pytest

from src.config.load import load_config
from src.data.training_data import Sources, read_training_data
from src.engine.device import Device
from src.engine.run import describe_run
from src.errors import UserError
from src.report.stages import read_stages


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


def test_warnings_are_no_points_of_curves_and_a_resumed_run_tells_them_once(tmp_path):
    rows = [{"step": 10, "loss": 3.0}, {"step": 10, "warning": "no boxes", "watcher": "no_pseudo_boxes"}]
    rows += [{"step": 10, "warning": "slow", "watcher": "slow_data"}, rows[1]]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    [stage] = read_stages(tmp_path)
    assert stage.curves == [{"step": 10, "loss": 3.0}]
    assert stage.warnings == [(10, "no boxes"), (10, "slow")]


def test_a_sentence_with_a_line_separator_stays_one_row(tmp_path):
    rows = [{"step": 1, "loss": 3.0}, {"step": 1, "warning": "a\x85b\u2028c", "watcher": "w"}]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text, encoding="utf-8")
    [stage] = read_stages(tmp_path)
    assert stage.warnings == [(1, "a\x85b\u2028c")]


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


def test_the_numbers_of_images_are_those_of_the_training(tmp_path, tiny_data):
    """Images that were moved or labelled since do not change what a run was trained on."""
    data = read_training_data(Sources(tiny_data.train_file, tiny_data.img_dir))
    config = load_config("", ["--train_ann_file", str(tmp_path / "gone.json")])
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    log = "\n".join(
        [
            describe_run(config, data, Device(0, 1, False), 0),
            "step: 1",
            describe_run(config, replace(data, unlabelled=()), Device(0, 1, False), 1),
        ]
    )
    (tmp_path / "log.txt").write_text(log)
    (stage,) = read_stages(tmp_path)
    assert (stage.labelled, stage.unlabelled) == (len(data.labelled), len(data.unlabelled)) and stage.unlabelled


@pytest.mark.parametrize("unlabelled", [0, 1, 2, 1204, 1234567])
def test_any_number_of_images_is_found_in_the_log(tmp_path, tiny_data, unlabelled):
    data = read_training_data(Sources(tiny_data.train_file, tiny_data.img_dir))
    data = replace(data, unlabelled=data.unlabelled[:1] * unlabelled)
    config = load_config("", ["--train_ann_file", str(tmp_path / "gone.json")])
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    (tmp_path / "log.txt").write_text(describe_run(config, data, Device(0, 1, False), 0))
    assert read_stages(tmp_path)[0].unlabelled == unlabelled


def test_a_log_with_a_number_that_none_can_be_is_passed_over(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    (tmp_path / "log.txt").write_text(f"{'9' * 5000} labelled and 1 unlabelled images; the labels are 3 boxes")
    assert read_stages(tmp_path)[0].unlabelled is None


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run here"):
        read_stages(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step"\n{"step": 2}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2: not JSON"):
        read_stages(tmp_path)


def test_a_line_that_a_killed_run_left_unfinished_is_passed_over(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_stages(tmp_path)[0].curves == [{"step": 1}]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("metrics.jsonl", '{"step": 1, "loss": "low"}\n', "line 1: loss is 'low'; expected a number"),
        ("metrics.jsonl", "[1]\n", 'expected an object with a "step"'),
        ("eval/metrics.json", '{"AP": "high"}', "evaluate again"),
        ("eval/metrics.json", '{"per_class": {"a": 1}}', "evaluate again"),
        ("eval/eval_results.json", '[{"image_id": 1}]', "evaluate again"),
        ("config.yaml", "a: [", "config.yaml is not YAML"),
    ],
)
def test_files_of_another_form_are_named(tmp_path, name, text, words):
    (tmp_path / "eval").mkdir()
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words):
        read_stages(tmp_path)
