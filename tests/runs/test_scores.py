"""Which network is the detector of a run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from src.data.outlines import as_outline, whole_mask
from src.runs import scores
from src.runs.scores import keep_best, outcome
from tests.evaluation.scenes import entry, record, scene

STUDENT = {"step": 20, "role": "student", "AP": 0.4, "AP50": 0.6}


def a_run(best: dict | None, role: str = "teacher") -> SimpleNamespace:
    """A run in its second phase (or, for "student", in its first)."""
    networks = SimpleNamespace(student="student", teacher="teacher", latest=role)
    folder = SimpleNamespace(best=Path("best_model.ckpt"), latest=Path("model_0.ckpt"))
    said = []
    log = SimpleNamespace(say=said.append)
    return SimpleNamespace(
        networks=networks, folder=folder, facts={"best": best}, log=log, said=said, config=None, data=None
    )


@pytest.mark.parametrize(
    ("best", "now", "replaced"),
    [(None, 0.0, True), (STUDENT, 0.41, True), (STUDENT, 0.39, False), (STUDENT, None, False)],
)
def test_the_best_network_has_the_highest_score_whoever_it_is(monkeypatch, best, now, replaced):
    saved = []
    monkeypatch.setattr(scores, "card", lambda *_: None)
    monkeypatch.setattr(scores, "save_detector", lambda network, path, card: saved.append((network, path.name)))
    run = a_run(best)
    keep_best(run, "teacher", {"AP": now, "AP50": 0.5}, 40)
    assert saved == ([("teacher", "best_model.ckpt")] if replaced else [])
    assert run.facts["best"] == ({"step": 40, "role": "teacher", "AP": now, "AP50": 0.5} if replaced else best)
    wanted = (
        "best so far: the teacher of step 40" if replaced else "is not better than the student of step 20 with AP 0.400"
    )
    assert wanted in run.said[0]


def test_the_end_says_which_file_and_why():
    assert outcome(a_run(STUDENT)) == (
        "the detector is best_model.ckpt, the student of step 20 with AP 0.400 (no teacher was better than labels alone, "
        "on the evaluation images)"
    )
    teacher = STUDENT | {"role": "teacher", "step": 40}
    assert outcome(a_run(teacher)).endswith("(better than labels alone, on the evaluation images)")
    assert outcome(a_run(STUDENT, "student")) == "the detector is best_model.ckpt, the student of step 20 with AP 0.400"


def test_without_evaluation_images_it_is_the_latest_and_that_is_said():
    said = outcome(a_run(None))
    assert said.startswith("the detector is model_0.ckpt, the latest teacher, because there are no evaluation images")
    assert said.endswith("whether it is better than labels alone nobody has measured")
    assert outcome(a_run(None, "student")).endswith("the latest student, because there are no evaluation images")


def test_the_log_has_the_scores_of_boxes_and_of_masks(monkeypatch):
    outline = as_outline([[0, 0, 100, 0, 100, 100, 0, 100]])
    image = replace(entry(1, [(0, 0, 100, 100)], [1]), outlines=(outline,), areas=np.full(1, np.nan))
    half = whole_mask(as_outline([[0, 0, 100, 0, 100, 60, 0, 60]]), (300, 300))
    truth, rows, run = scene(image), {}, a_run(None, "student")
    run.networks.detector, run.stop = "detector", None
    run.config = SimpleNamespace(eval_img_dir="images")
    run.data = SimpleNamespace(evaluation=truth, stored_evaluation=None, annotations=truth)
    run.watch = SimpleNamespace(scores=lambda *_: [], new=lambda found: found)
    run.log.numbers = lambda step, row: rows.update(row)
    found = [record(1, 1, (0, 0, 100, 100), 0.9) | {"segmentation": half}]
    monkeypatch.setattr(scores, "find_records", lambda *_: found)
    for name in ("copy_weights", "keep_best", "tell"):
        monkeypatch.setattr(scores, name, lambda *_: None)
    assert scores.evaluate_now(run, 8)
    assert rows["student/AP"] == 1.0 and rows["student/AP50/cat"] == 1.0
    assert rows["student/segm/AP50"] == rows["student/segm/AP50/cat"] == 1.0 and 0 < rows["student/segm/AP"] < 0.5
    assert all(value is None or type(value) in (int, float) for value in rows.values())
    assert "masks:" in run.said[0]
