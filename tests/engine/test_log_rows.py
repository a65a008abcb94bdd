"""Rows of numbers that will be told again are removed."""

import json

from src.engine.log import keep_rows_before

ROWS = [{"step": 0, "loss": 1.0}, {"step": 2, "loss": 0.5}, {"step": 2, "student/AP50/größe": None}, {"step": 4}]


def test_rows_of_earlier_steps_stay_as_they_are(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS]
    path.write_text("".join(lines), encoding="utf-8")
    assert keep_rows_before(path, 5) == (4, 0) and path.read_text(encoding="utf-8") == "".join(lines)
    assert keep_rows_before(path, 3) == (3, 1) and path.read_text(encoding="utf-8") == "".join(lines[:3])
    assert keep_rows_before(path, 2) == (1, 2) and path.read_text(encoding="utf-8") == lines[0]
    assert keep_rows_before(path, 0) == (0, 1) and path.read_text(encoding="utf-8") == ""


def test_a_line_that_was_cut_off_goes_too(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 0}\n\0\0\xff\n{"step": 1, "lo')
    assert keep_rows_before(path, 9) == (1, 2) and path.read_text() == '{"step": 0}\n'
    path.write_text('{"step": 0}\n{"step": 1}')
    assert keep_rows_before(path, 9) == (1, 1) and path.read_text() == '{"step": 0}\n'


def test_a_new_run_has_no_rows(tmp_path):
    assert keep_rows_before(tmp_path / "metrics.jsonl", 0) == (0, 0)
    assert not list(tmp_path.iterdir())


def test_rows_that_the_state_does_not_know_are_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    evaluation = {"step": 4, "student/AP": 0.5}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS, evaluation]))
    assert keep_rows_before(path, 5, known=9) == (5, 0), "somebody removed rows"
    assert keep_rows_before(path, 5, known=4) == (4, 1) and 'student/AP"' not in path.read_text()
    assert keep_rows_before(path, 4, known=4) == (3, 1)
