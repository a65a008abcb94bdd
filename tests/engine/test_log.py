"""What a run writes: its line, its numbers, its curves."""

import json
import logging
import re
import shutil
from types import SimpleNamespace

import pytest

from src.engine.log import RunLog, averages_of

BURN_IN = {
    "loss": 1.5,
    "rpn_cls_loss": 0.1,
    "rpn_reg_loss": 0.2,
    "rcnn_cls_loss": 0.3,
    "rcnn_reg_loss": 0.4,
    "overflow": 0.0,
    "scaling_sens": 1.0,
    "lr": 0.005,
}
PSEUDO = {f"{name}_pseudo": 0.5 for name in BURN_IN if name.endswith("_loss")}


@pytest.fixture
def log(tmp_path):
    """Of rank 0, for steps 10 to 20."""
    log = RunLog(tmp_path / "run", 0, 10, 20)
    yield log
    log.close()


def last_line(tmp_path) -> str:
    """Of log.txt."""
    return (tmp_path / "run" / "log.txt").read_text(encoding="utf-8").splitlines()[-1]


def test_the_line_of_burn_in(log, tmp_path, capsys):
    log.steps(14, BURN_IN, 2.0, 0.25)
    line = last_line(tmp_path)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO rank_id:0, step: 14, ", line)
    wanted = (
        "rank_id:0, step: 14, avg loss: 1.50000, rpn_cls_loss: 0.10000, rpn_reg_loss: 0.20000, rcnn_cls_loss: 0.30000, "
        "rcnn_reg_loss: 0.40000, iter_time: 2.000, data_time: 0.250, overflow: 0.000000, scaling_sens: 1.000000, "
        "lr: 0.005000, progress: 75.0%"
    )
    assert wanted in line


def test_skipped_steps_do_not_lower_the_averages():
    sums = {"loss": 6.0, "rpn_cls_loss": 3.0, "overflow": 1.0, "scaling_sens": 4.0, "lr": 0.4}
    wanted = {"loss": 2.0, "rpn_cls_loss": 1.0, "overflow": 0.25, "scaling_sens": 1.0, "lr": 0.1}
    assert averages_of(sums, 4) == pytest.approx(wanted)


def test_when_all_steps_were_skipped_there_is_no_loss_to_average(log, tmp_path):
    sums = {"loss": 0.0, "rpn_cls_loss": 0.0, "overflow": 4.0, "scaling_sens": 4.0, "lr": 0.4}
    averages = averages_of(sums, 4)
    assert averages == {"loss": None, "rpn_cls_loss": None, "overflow": 1.0, "scaling_sens": 1.0, "lr": 0.1}
    log.steps(14, averages | {"pseudo_boxes": None, "pseudo_score": None}, 2.0, 0.25)
    assert "avg loss: n/a, rpn_cls_loss: n/a, iter_time" in last_line(tmp_path)
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text())["loss"] is None


def test_a_warning_is_a_line_and_a_row(log, tmp_path):
    log.warning(14, "slow_data", "loading is slow; größer")
    assert last_line(tmp_path).endswith("WARNING loading is slow; größer")
    (row,) = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    assert row == {"step": 14, "warning": "loading is slow; größer", "watcher": "slow_data"}


def test_a_line_tells_the_time_that_is_left(log, tmp_path):
    log.time_left = SimpleNamespace(after=lambda done: 100.0 * (20 - done))
    log.steps(14, BURN_IN, 2.0, 0.25)
    assert last_line(tmp_path).endswith("time left: 0:08:20")
    log.time_left = SimpleNamespace(after=lambda done: None)
    log.steps(15, BURN_IN, 2.0, 0.25)
    assert "time left" not in last_line(tmp_path)


def test_the_line_of_mutual_learning_says_how_sure_the_teacher_is(log, tmp_path):
    log.steps(14, BURN_IN | PSEUDO | {"pseudo_boxes": 2.0, "pseudo_score": 1.8}, 2.0, 0.25)
    line = last_line(tmp_path)
    assert "rcnn_reg_loss: 0.40000, rpn_cls_loss_pseudo: 0.50000, " in line
    assert "rcnn_reg_loss_pseudo: 0.50000, pseudo boxes per image: 2.00 (mean score 0.90), iter_time" in line
    log.steps(15, BURN_IN | PSEUDO | {"pseudo_boxes": 0.0, "pseudo_score": 0.0}, 2.0, 0.25)
    assert "pseudo boxes per image: 0.00 (mean score 0.00)" in last_line(tmp_path)


def test_numbers_are_rows_of_json_and_curves(log, tmp_path):
    log.steps(14, BURN_IN | PSEUDO | {"pseudo_boxes": 2.0, "pseudo_score": 1.8}, 2.0, 0.25)
    log.scalars(14, {"student/AP": 0.5, "student/AP50/größe": None})
    first, second = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    assert first == {"step": 14, **BURN_IN, **PSEUDO, "pseudo_boxes": 2.0, "pseudo_score": 0.9} | {
        "iter_time": 2.0,
        "data_time": 0.25,
    }
    assert second == {"step": 14, "student/AP": 0.5, "student/AP50/größe": None}
    log.close()
    assert [file.stat().st_size > 100 for file in (tmp_path / "run" / "tensorboard").glob("events.*")] == [True]


def test_a_second_start_adds_to_the_files(log, tmp_path):
    log.info("first")
    log.close()
    again = RunLog(tmp_path / "run", 0, 14, 20)
    again.info("zweitens: größer")
    again.close()
    lines = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("INFO ")[1] for line in lines] == ["first", "zweitens: größer"]


def test_numbers_that_are_told_again_are_removed(log, tmp_path):
    for step in (12, 13, 14):
        log.scalars(step, {"loss": 1.0})
    log.close()
    again = RunLog(tmp_path / "run", 0, 13, 20)
    again.scalars(13, {"loss": 2.0})
    again.close()
    assert (log.removed_rows, again.removed_rows) == (0, 2)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == [{"step": 12, "loss": 1.0}, {"step": 13, "loss": 2.0}]


def test_other_ranks_write_no_files_and_only_their_steps(tmp_path, capsys):
    log = RunLog(tmp_path / "run", 3, 0, 20)
    log.info("a sentence")
    log.steps(0, BURN_IN, 2.0, 0.25)
    log.close()
    printed = capsys.readouterr().out
    assert "rank_id:3, step: 0" in printed and "a sentence" not in printed
    assert not (tmp_path / "run").exists()


def test_a_row_that_a_killed_run_left_unfinished_does_not_spoil_the_next(log, tmp_path):
    log.scalars(1, {"loss": 1.0})
    log.close()
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    again = RunLog(tmp_path / "run", 0, 2, 20)
    again.scalars(2, {"loss": 0.5})
    again.close()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]


def test_details_are_in_the_file_and_not_on_the_console(tmp_path, capsys):
    log = RunLog(tmp_path / "run", 0, 10, 20)
    log.details("all settings:\nimg_width: 640")
    log.info("27 labelled images")
    log.close()
    assert (tmp_path / "run" / "log.txt").read_text().endswith("27 labelled images\n")
    assert "img_width: 640\n" in (tmp_path / "run" / "log.txt").read_text()
    shown = capsys.readouterr().out
    assert "27 labelled images" in shown and "img_width" not in shown


def test_a_warning_after_the_end_goes_to_no_file_of_the_run(tmp_path, caplog):
    RunLog(tmp_path / "run", 0, 10, 20).close()
    shutil.rmtree(tmp_path / "run")
    logging.getLogger("run.rank0.compile_cache").warning("a graph is damaged")
    assert "a graph is damaged" in caplog.text and not (tmp_path / "run").exists()
