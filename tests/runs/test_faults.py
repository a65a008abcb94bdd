"""Faults that are made in real runs of a toy, and the watcher that tells each; a run without them is told none."""

import json
from pathlib import Path

import pytest

# 60 steps with the teacher: what lasts 20 steps lasts long.
LENGTH = ("--max_iter", 80, "--burn_up_iter", 20, "--print_interval_iter", 5, "--save_checkpoint_interval", 80)
SURE = ("--bbox_threshold", 0.3)
FAULTS = {
    "no_pseudo_boxes": ("--bbox_threshold", 1.0),
    "unlabelled_loss_zero": (*SURE, "--unsup_loss_weight", 0.0),
}


def told(folder: Path) -> set[str]:
    """Watchers that had something to say, besides those of the data."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    warnings = {row["watcher"]: row["warning"] for row in rows if "watcher" in row}
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert all(sentence in log for sentence in warnings.values())
    return {name for name in warnings if not name.startswith("data_")}


def test_nothing_is_told_of_a_healthy_run(toys, tmp_path):
    assert toys.run(tmp_path / "run", *LENGTH, *SURE) == 0
    assert not told(tmp_path / "run") & (FAULTS.keys() | {"slow_data"})


@pytest.mark.parametrize("watcher", FAULTS)
def test_a_fault_is_told(toys, tmp_path, watcher):
    assert toys.run(tmp_path / "run", *LENGTH, *FAULTS[watcher]) == 0
    assert watcher in told(tmp_path / "run")


def test_data_that_arrive_more_slowly_than_they_are_learnt_from(toys, tmp_path):
    assert toys.run(tmp_path / "run", *LENGTH, *SURE, reading=0.2) == 0
    assert "slow_data" in told(tmp_path / "run")


def test_boxes_of_one_size(toys, tiny_data, tmp_path):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    assert len({tuple(row["bbox"][2:]) for row in coco["annotations"]}) == 1, "so the tiny data are drawn"
    assert toys.run(tmp_path / "run", *LENGTH, *SURE) == 0
    said = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert "WARNING" in said and "size" in said
