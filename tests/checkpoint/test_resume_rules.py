"""What a resumed run must share with the stopped one."""

import pytest

from src.checkpoint.resume_rules import carried_on, run_facts
from src.errors import UserError

CONFIG = {"base_lr": 0.1, "milestones": [3, 4], "print_interval_iter": 100, "save_checkpoint_path": "runs/a"}
FREE = {"print_interval_iter", "save_checkpoint_path"}


@pytest.fixture
def facts():
    """Makes the facts of a run, with changes."""

    def make(
        unlabelled=("a.png", "b.png"),
        classes=("square", "circle"),
        evaluation=None,
        devices=1,
        annotations="abc",
        files=(None, None),
        **changes,
    ) -> dict:
        return run_facts(CONFIG | changes, annotations, classes, unlabelled, evaluation, devices, *files)

    return make


REACHED = {"best": {"step": 8, "AP": 0.5}, "evaluated": 8, "since_log": {"steps": 2}, "watch": {"quiet": 3}}
REACHED |= {"best_of": {"teacher": {"step": 8, "AP": 0.5}}}


def test_the_same_run_goes_on_with_what_it_had_reached(facts):
    now = facts(print_interval_iter=7, save_checkpoint_path="elsewhere")
    found, said = carried_on(facts() | REACHED, now, FREE, anyway=False)
    assert found == now | REACHED and said == []
    assert (now["best"], now["evaluated"], now["since_log"], now["watch"]) == (None, 0, {}, {})


def test_all_changes_are_named_together(facts):
    saved = facts() | REACHED
    changed = {"devices": 2, "annotations": "abd", "base_lr": 0.2, "milestones": [3]}
    now = facts(("a.png", "c.png"), ("circle", "square"), **changed)
    with pytest.raises(UserError) as raised:
        carried_on(saved, now, FREE, anyway=False)
    told = str(raised.value)
    assert "base_lr: was 0.1, is 0.2" in told and "milestones: was [3, 4], is [3]" in told
    assert "train_ann_file: its content is another one" in told and "unlabelled images: they are others" in told
    assert "classes: were square, circle, are circle, square" in told and "number of devices: was 1, is 2" in told
    assert "--resume_anyway" in told
    found, said = carried_on(saved, now, FREE, anyway=True)
    assert found == now | REACHED
    assert (
        "resume_anyway" in said[0] and len(said) == 7 and set(said[1:]) <= {line.strip() for line in told.split("\n")}
    )


def test_a_score_on_other_images_is_void(facts):
    saved = facts(evaluation="one") | REACHED
    for now, is_void in (("one", False), ("other", True), (None, False)):
        found, said = carried_on(saved, facts(evaluation=now), FREE, anyway=False)
        assert found["best"] == (None if is_void else REACHED["best"]) and found["evaluated"] == 8
        assert found["best_of"] == ({} if is_void else REACHED["best_of"])
        assert len(said) == is_void and all("void: {'step': 8, 'AP': 0.5}" in line for line in said)


def without_kinds(facts: dict) -> dict:
    """As a version wrote them that kept the best network only."""
    return {key: value for key, value in facts.items() if key != "best_of"}


def test_facts_without_the_best_of_each_kind_go_on(facts):
    found, said = carried_on(without_kinds(facts() | REACHED), facts(), FREE, anyway=False)
    assert (found["best"], found["best_of"], said) == (REACHED["best"], None, [])
    found, _ = carried_on(without_kinds(facts() | REACHED | {"best": None}), facts(), FREE, anyway=False)
    assert (found["best"], found["best_of"]) == (None, {}), "nothing was measured, so nothing is unknown"


def test_a_best_network_that_was_never_measured_is_void(facts):
    saved = without_kinds(facts() | REACHED | {"best": {"step": 1, "role": "student", "AP": None, "AP50": None}})
    found, said = carried_on(saved, facts(), FREE, anyway=False)
    assert (found["best"], found["best_of"], found["evaluated"]) == (None, {}, 8)
    assert len(said) == 1 and "its AP was not measured" in said[0]


def test_other_pictures_under_the_old_names_are_noticed(facts):
    saved = facts(evaluation="one", files=("trained on", "evaluated")) | REACHED
    with pytest.raises(UserError, match="image files: some have another content"):
        carried_on(saved, facts(evaluation="one", files=("other", "evaluated")), FREE, anyway=False)
    found, said = carried_on(saved, facts(evaluation="one", files=("trained on", "other")), FREE, anyway=False)
    assert found["best"] is None and "the evaluation images are others" in said[0]
    for before in (facts(evaluation="one"), {key: value for key, value in facts().items() if "files" not in key}):
        old = before | REACHED | {"evaluation": "one"}  # of a version that did not note them
        assert carried_on(old, facts(evaluation="one", files=("a", "b")), FREE, anyway=False)[1] == []
