"""Which network is the detector of a run."""

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from src.config.load import load_config
from src.data.formats.outlines import as_outline, whole_mask
from src.engine import evaluation as scores
from src.engine.evaluation import keep_best, outcome, what_to_do_next
from tests.evaluation.scenes import entry, record, scene

STUDENT = {"step": 20, "role": "student", "AP": 0.4, "AP50": 0.6}
NETWORKS = {"student": "the student's weights", "teacher": "the teacher's weights"}
TRUTH = scene(entry(1, [(0, 0, 50, 50)], [1]), entry(2))
NO_OBJECTS = scene(entry(1), entry(2))
CROWDS = scene(entry(1, [(0, 0, 50, 50)], [1], [True]))


def a_run(best: dict | None = None, role: str = "teacher", evaluation=TRUTH, **best_of: dict) -> SimpleNamespace:
    """A run of 20 steps of burn-in and more in its second phase (or, for "student", in its first)."""
    roles = {"student": "student"} | ({"teacher": "teacher"} if role == "teacher" else {})
    networks = SimpleNamespace(student="student", teacher="teacher", latest=role, roles=roles)
    folder = SimpleNamespace(best=Path("best_model.ckpt"), latest=Path("model_0.ckpt"))
    said = []
    log = SimpleNamespace(info=said.append)
    return SimpleNamespace(
        networks=networks,
        folder=folder,
        metadata={"best": best, "best_of": best_of},
        log=log,
        said=said,
        config=SimpleNamespace(burn_up_iter=20),
        data=SimpleNamespace(evaluation=evaluation),
    )


@pytest.fixture
def saved(monkeypatch):
    """What is saved as the best network: (weights, file, step)."""
    rows = []
    monkeypatch.setattr(scores, "detector_metadata", lambda config, data, step: step)
    monkeypatch.setattr(scores, "save_detector", lambda network, path, step: rows.append((network, path.name, step)))
    return rows


def scored(step: int, student: float | None, teacher: float | None) -> list[dict]:
    """The scores of one evaluation."""
    pairs = (("student", student), ("teacher", teacher))
    return [{"step": step, "role": role, "AP": ap, "AP50": ap} for role, ap in pairs]


def test_the_best_of_all_networks_is_kept_whoever_it_is_and_whenever(saved):
    run = a_run()
    keep_best(run, NETWORKS, scored(20, 0.051, None)[:1])
    keep_best(run, NETWORKS, scored(30, 0.040, 0.050))
    keep_best(run, NETWORKS, scored(40, 0.060, 0.044))  # a student beside the teacher
    keep_best(run, NETWORKS, scored(50, 0.060, 0.060))  # of equal ones the earlier stays
    keep_best(run, NETWORKS, scored(60, 0.010, 0.061))
    steps = [(NETWORKS["student"], 20), (NETWORKS["student"], 40), (NETWORKS["teacher"], 60)]
    assert saved == [(weights, "best_model.ckpt", step) for weights, step in steps]
    assert run.metadata["best"] == scored(60, None, 0.061)[1]
    stays = ", which stays in best_model.ckpt"
    assert run.said == [
        "best so far: the student of step 20 with AP 0.051 -> best_model.ckpt",
        f"the teacher of step 30 with AP 0.050 is not better than the student of step 20 with AP 0.051{stays}",
        "best so far: the student of step 40 with AP 0.060 -> best_model.ckpt",
        f"the student of step 50 with AP 0.060 is not better than the student of step 40 with AP 0.060{stays}",
        "best so far: the teacher of step 60 with AP 0.061 -> best_model.ckpt",
    ]
    assert outcome(run) == (
        "the detector is best_model.ckpt, the teacher of step 60 with AP 0.061 on 2 evaluation images; best network before "
        "the teacher started: AP 0.051 (step 20); best student after the teacher started: AP 0.060 (step 40)"
    )


def test_an_ap_of_0_is_measured_and_may_be_the_best(saved):
    run = a_run()
    keep_best(run, NETWORKS, scored(20, 0.0, None)[:1])
    keep_best(run, NETWORKS, scored(30, 0.0, 0.0))
    assert [step for _, _, step in saved] == [20] and run.metadata["best"]["AP"] == 0.0
    assert outcome(run).endswith(
        "; best student after the teacher started: AP 0.000 (step 30); best teacher: AP 0.000 (step 30)"
    )


@pytest.mark.parametrize(
    ("truth", "reason"),
    [(NO_OBJECTS, "none of the 2 labelled images has an object"), (CROWDS, "all 1 boxes are crowds (")],
)
def test_what_was_not_measured_is_compared_with_nothing(saved, truth, reason):
    run = a_run(evaluation=truth)
    keep_best(run, NETWORKS, scored(20, None, None)[:1])
    keep_best(run, NETWORKS, scored(30, None, None))
    assert saved == [] and run.metadata == {"best": None, "best_of": {}}
    assert len(run.said) == 2
    assert all(
        f"no AP could be measured, so no network is compared with another: {reason}" in line for line in run.said
    )
    said = outcome(run)
    assert said.startswith("the detector is model_0.ckpt, the latest teacher; no AP was measured") and reason in said
    assert "0.000" not in said


def test_the_end_of_a_run_on_labels_alone_says_which_file_and_why(saved):
    run = a_run(role="student")
    keep_best(run, NETWORKS, scored(10, 0.4, None)[:1])
    said = "the detector is best_model.ckpt, the student of step 10 with AP 0.400 on 2 evaluation images"
    assert outcome(run) == said


def test_without_evaluation_images_it_is_the_latest_and_that_is_said():
    said = "no AP was measured and no network compared with another, because there are no evaluation images"
    assert outcome(a_run(evaluation=None)) == f"the detector is model_0.ckpt, the latest teacher; {said}"
    assert (
        outcome(a_run(role="student", evaluation=None)) == f"the detector is model_0.ckpt, the latest student; {said}"
    )


def test_after_a_run_without_ap_it_is_said_what_can_be_looked_at(saved, tmp_path):
    run = a_run(evaluation=None)
    run.folder.path = tmp_path / "my run"
    run.config = SimpleNamespace(burn_up_iter=20, unlabelled_img_dir=None, train_img_dir="photos")
    (said,) = what_to_do_next(run)
    page, look = (shlex.split(part.split(":  ")[-1]) for part in said.split("  and "))
    assert page == ["python", "-m", "src.evaluation.page", "--run", str(tmp_path / "my run")]
    settings = load_config("", look[2:])
    assert settings.checkpoint_path == "model_0.ckpt" and settings.infer_img_dir == "photos" and settings.draw_pics
    keep_best(run, NETWORKS, scored(30, 0.3, 0.35))
    assert what_to_do_next(run) == []


def test_a_run_of_a_version_that_kept_the_best_alone_says_no_more_than_it_knows(saved):
    run = a_run(STUDENT)
    run.metadata["best_of"] = None
    keep_best(run, NETWORKS, scored(40, 0.3, 0.35))
    said = "the detector is best_model.ckpt, the student of step 20 with AP 0.400 on 2 evaluation images"
    assert outcome(run) == said and not saved
    keep_best(run, NETWORKS, scored(50, 0.45, 0.35))
    assert outcome(run) == said.replace("20 with AP 0.400", "50 with AP 0.450") and saved


def test_the_log_has_the_scores_of_boxes_and_of_masks(monkeypatch):
    outline = as_outline([[0, 0, 100, 0, 100, 100, 0, 100]])
    image = replace(entry(1, [(0, 0, 100, 100)], [1]), outlines=(outline,), areas=np.full(1, np.nan))
    half = whole_mask(as_outline([[0, 0, 100, 0, 100, 60, 0, 60]]), (300, 300))
    truth, rows, run = scene(image), {}, a_run(role="student")
    run.networks.detector, run.stop = "detector", None
    run.config = SimpleNamespace(eval_img_dir="images", compile_cache=False)
    run.data = SimpleNamespace(evaluation=truth, stored_evaluation=None, annotations=truth)
    run.watch = SimpleNamespace(at_evaluation=lambda *_: [], unreported=lambda found: found)
    run.log.scalars = lambda step, row: rows.update(row)
    found = [record(1, 1, (0, 0, 100, 100), 0.9) | {"segmentation": half}]
    monkeypatch.setattr(scores, "detect_records", lambda *_, **__: found)
    for name in ("copy_weights", "keep_best", "warn"):
        monkeypatch.setattr(scores, name, lambda *_: None)
    assert scores.evaluate_networks(run, 8)
    assert rows["student/AP"] == 1.0 and rows["student/AP50/cat"] == 1.0
    assert rows["student/segm/AP50"] == rows["student/segm/AP50/cat"] == 1.0 and 0 < rows["student/segm/AP"] < 0.5
    assert all(value is None or type(value) in (int, float) for value in rows.values())
    assert "masks:" in run.said[0]


@pytest.mark.parametrize("same", [True, False])
def test_equal_tables_of_student_and_teacher_are_printed_once(saved, monkeypatch, same):
    run = a_run()
    run.networks.detector = None
    run.config.eval_img_dir = ""
    run.data.stored_evaluation = run.stop = None
    run.data.annotations = TRUTH
    run.watch = SimpleNamespace(at_evaluation=lambda *_: [], unreported=list, memory=dict)
    run.log.scalars = lambda *_: None
    detected = [record(1, 1, (0, 0, 50, 50), 0.9)]
    found = iter([detected, detected if same else []])
    for name in ("copy_weights", "cached_detector", "numpy_forward"):
        monkeypatch.setattr(scores, name, lambda *_: None)
    monkeypatch.setattr(scores, "detect_records", lambda *_, **__: next(found))
    assert scores.evaluate_networks(run, 20)
    student, teacher = (line for line in run.said if " evaluation images:" in line)
    table = student.partition(":\n")[2]
    assert student == f"step 20, student on 2 evaluation images:\n{table}" and "Average Precision" in table
    if same:
        assert teacher == "step 20, teacher on 2 evaluation images: as the student"
    else:
        assert teacher.startswith("step 20, teacher on 2 evaluation images:\n") and "Average Precision" in teacher
