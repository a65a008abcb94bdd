"""What a resumed run must have in common with the stopped one."""

import pytest

from src.engine.resume import resumed_metadata
from src.errors import UserError

# Of these settings, the last two may change.
CONFIG = {"base_lr": 0.1, "milestones": [3, 4], "print_interval_iter": 100, "save_checkpoint_path": "runs/a"}
START = {"best": None, "best_of": {}, "evaluated": 0, "ended": None, "since_log": {}, "rows": None, "watch": {}}
PROGRESS = START | {"best": {"step": 8, "AP": 0.5}, "evaluated": 8, "since_log": {"steps": 2}, "watch": {"quiet": 3}}
PROGRESS |= {"best_of": {"teacher": {"step": 8, "AP": 0.5}}}


def metadata(settings=(), **changes) -> dict:
    """The metadata of a run at its start, with changed settings and other changes."""
    run = {"version": "0.2.0", "config": CONFIG | dict(settings), "classes": ["square", "circle"], "devices": 1}
    run |= {"annotations": "abc", "unlabelled": "def", "image_files": None}
    return run | {"evaluation": None, "evaluation_files": None} | START | changes


def test_the_same_run_resumes_with_its_progress():
    now = metadata({"print_interval_iter": 7, "save_checkpoint_path": "elsewhere"})
    assert resumed_metadata(metadata() | PROGRESS, now, anyway=False) == (now | PROGRESS, [])


def test_all_changes_are_named_together():
    saved = metadata() | PROGRESS
    changed = {"devices": 2, "annotations": "abd", "unlabelled": "fed", "classes": ["circle", "square"]}
    now = metadata({"base_lr": 0.2, "milestones": [3]}, **changed)
    with pytest.raises(UserError) as raised:
        resumed_metadata(saved, now, anyway=False)
    error = str(raised.value)
    assert "base_lr: was 0.1, is 0.2" in error and "milestones: was [3, 4], is [3]" in error
    assert "train_ann_file: its content has changed" in error
    assert "unlabelled images: some are new, missing or renamed" in error
    assert "classes: were square, circle, are circle, square" in error and "number of devices: was 1, is 2" in error
    assert "--resume_anyway" in error
    found, messages = resumed_metadata(saved, now, anyway=True)
    assert found == now | PROGRESS
    assert "resume_anyway" in messages[0] and len(messages) == 7
    assert set(messages[1:]) <= {line.strip() for line in error.split("\n")}


def test_with_the_guard_evaluations_must_stay_at_their_steps():
    for share, is_fixed in ((0.0, False), (0.2, True)):
        saved = metadata({"guard_share": share, "eval_interval_iter": 10}) | PROGRESS
        now = metadata({"guard_share": share, "eval_interval_iter": 20})
        _, messages = resumed_metadata(saved, now, anyway=True)
        assert ("eval_interval_iter: was 10, is 20" in messages) == is_fixed


def test_a_score_on_other_images_is_discarded():
    saved = metadata(evaluation="one") | PROGRESS
    for now, is_discarded in (("one", False), ("other", True), (None, False)):
        found, messages = resumed_metadata(saved, metadata(evaluation=now), anyway=False)
        assert found["best"] == (None if is_discarded else PROGRESS["best"]) and found["evaluated"] == 8
        assert found["best_of"] == ({} if is_discarded else PROGRESS["best_of"])
        assert len(messages) == is_discarded
        assert all("discarded: {'step': 8, 'AP': 0.5}" in line for line in messages)


def without_kinds(run: dict) -> dict:
    """As a version wrote it that kept the best network only."""
    return {key: value for key, value in run.items() if key != "best_of"}


def test_metadata_without_the_best_of_each_kind_are_read():
    found, messages = resumed_metadata(without_kinds(metadata() | PROGRESS), metadata(), anyway=False)
    assert (found["best"], found["best_of"], messages) == (PROGRESS["best"], None, [])
    found, _ = resumed_metadata(without_kinds(metadata() | PROGRESS | {"best": None}), metadata(), anyway=False)
    assert (found["best"], found["best_of"]) == (None, {}), "nothing was measured, so nothing is unknown"


def test_a_best_network_that_was_never_measured_is_discarded():
    best = {"step": 1, "role": "student", "AP": None, "AP50": None}
    found, messages = resumed_metadata(without_kinds(metadata() | PROGRESS | {"best": best}), metadata(), anyway=False)
    assert (found["best"], found["best_of"], found["evaluated"]) == (None, {}, 8)
    assert len(messages) == 1 and "could not be computed" in messages[0]


def test_other_pictures_under_the_old_names_are_noticed():
    files = {"image_files": "trained on", "evaluation_files": "evaluated"}
    saved = metadata(evaluation="one", **files) | PROGRESS
    with pytest.raises(UserError, match="image files: the content of some has changed"):
        resumed_metadata(saved, metadata(evaluation="one", **files | {"image_files": "other"}), anyway=False)
    changed = metadata(evaluation="one", **files | {"evaluation_files": "other"})
    found, messages = resumed_metadata(saved, changed, anyway=False)
    assert found["best"] is None and "the evaluation images have changed" in messages[0]
    for before in (metadata(), {key: value for key, value in metadata().items() if "files" not in key}):
        old = before | PROGRESS | {"evaluation": "one"}  # of a version that did not save hashes
        assert resumed_metadata(old, metadata(evaluation="one", **files), anyway=False)[1] == []
