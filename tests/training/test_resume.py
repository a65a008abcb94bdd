"""What a resumed run must share with the stopped one."""

import pytest
from mindspore import nn

from src.errors import UserError
from src.training.checkpoint import save_state
from src.training.resume import run_facts, saved_facts

CONFIG = {"base_lr": 0.1, "milestones": [3, 4], "print_interval_iter": 100, "save_checkpoint_path": "runs/a"}


@pytest.fixture
def facts():
    """Makes the facts of a run, with changes."""

    def make(unlabelled=("a.png", "b.png"), devices=1, annotations="abc", **changes) -> dict:
        return run_facts(CONFIG | changes, annotations, unlabelled, devices)

    return make


@pytest.fixture
def state(tmp_path, facts):
    """The state file of a run that was evaluated once."""
    path = tmp_path / "state.ckpt"
    save_state([nn.Dense(1, 1)], path, facts() | {"best": {"step": 8, "AP": 0.5}, "evaluated": 8})
    return path


def test_the_same_run_goes_on_with_what_it_had_reached(facts, state):
    found = saved_facts(state, facts(print_interval_iter=7, save_checkpoint_path="elsewhere"))
    assert (found["best"], found["evaluated"]) == ({"step": 8, "AP": 0.5}, 8)
    assert (facts()["best"], facts()["evaluated"]) == (None, 0)


def test_all_changes_are_named_together(facts, state):
    now = facts(unlabelled=("a.png", "c.png"), devices=2, annotations="abd", base_lr=0.2, milestones=[3])
    with pytest.raises(UserError) as raised:
        saved_facts(state, now)
    said = str(raised.value)
    assert "base_lr: was 0.1, is 0.2" in said and "milestones: was [3, 4], is [3]" in said
    assert "train_ann_file: its content is another one" in said and "unlabelled images: they are others" in said
    assert "number of devices: was 1, is 2" in said
