"""Which network is the detector of a run."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from src.runs import scores
from src.runs.scores import keep_best, outcome

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
