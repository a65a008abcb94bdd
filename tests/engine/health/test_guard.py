"""The guard: on numbers, and in runs of a toy."""

import json
from pathlib import Path
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest

from src.data.annotations import Annotations
from src.engine.health import guard as module
from src.engine.health.guard import CONTINUE, LOWER, STOP, judge

LENGTH = ("--max_iter", 4, "--burn_up_iter", 2, "--print_interval_iter", 1)
WHOLE = {"precision": 0.4, "recall": 0.2, "boxes": 10, "right": 4, "objects": 20}


@pytest.mark.parametrize(
    ("done", "action", "whole", "verdict"),
    [
        (100, "lower", WHOLE, LOWER),
        (150, "stop", WHOLE, STOP),
        (99, "stop", WHOLE, CONTINUE),  # burn-in
        (200, "stop", WHOLE, CONTINUE),  # it is over anyway
        (100, "lower", WHOLE | {"precision": 0.5}, CONTINUE),
        (100, "lower", WHOLE | {"boxes": 4, "precision": 0.25}, CONTINUE),  # of four boxes nothing follows
        (100, "lower", WHOLE | {"boxes": 0, "precision": None}, CONTINUE),
        (100, "lower", WHOLE | {"precision": 0.0, "objects": 0}, CONTINUE),  # none can be right
    ],
)
def test_what_follows_from_the_held_out_images(monkeypatch, done, action, whole, verdict):
    monkeypatch.setattr(module, "copy_weights", lambda *_: None)
    monkeypatch.setattr(module, "detect_records", lambda *_, **__: [])
    monkeypatch.setattr(module, "match", lambda *_: None)
    monkeypatch.setattr(module, "pseudo_label_quality", lambda *_: {"cat": whole, "": whole})
    rows, warnings, said = [], [], []
    config = SimpleNamespace(
        compile_cache=False,
        burn_up_iter=100,
        max_iter=200,
        guard_precision=0.5,
        guard_action=action,
        bbox_threshold=0.7,
        unsup_loss_weight=4.0,
        train_img_dir="",
    )
    run = SimpleNamespace(
        config=config,
        networks=SimpleNamespace(
            latest=None,
            detector=None,
            state=SimpleNamespace(unsupervised_factor=ms.Tensor(0.5, ms.float32), thresholds=None),
        ),
        data=SimpleNamespace(held_out=[1, 2, 3], annotations=Annotations(("cat",), (1,), ())),
        log=SimpleNamespace(
            scalars=lambda *row: rows.append(row), info=said.append, warning=lambda *row: warnings.append(row)
        ),
    )
    assert judge(run, done) == verdict
    assert rows[0][0] == done - 1 and rows[0][1]["probe/recall/cat"] == 0.2 and rows[0][1]["unsup_factor"] == 0.5
    assert "pseudo-labels on 3 held-out images" in said[0]
    assert bool(warnings) == (verdict != CONTINUE)
    if warnings:
        step, watcher, sentence = warnings[0]
        assert (step, watcher) == (
            done - 1,
            "guard",
        ) and "40% of the pseudo-labels on the held-out images are correct" in sentence
        wanted = (
            "the weight of the unsupervised losses is lowered from 2 to 1"
            if verdict == LOWER
            else f"is stopped at step {done}"
        )
        assert wanted in sentence


def guarded(action: str) -> tuple:
    """Words of a run whose pseudo-labels are all boxes that the toy knows, confident or not."""
    low = ("--bbox_threshold", 0.05, "--base_lr", 1e-6)
    return (*LENGTH, *low, "--guard_share", 0.4, "--guard_precision", 0.9, "--guard_action", action)


def rows_of(folder: Path) -> list[dict]:
    """Of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_that_the_guard_ends_stays_ended(toys, tmp_path):
    folder = tmp_path / "run"
    assert toys.run(folder, *guarded("stop")) == 0
    said = (folder / "log.txt").read_text()
    assert "3 labelled and 5 unlabelled images" in said and "guard: 2 labelled images are held out" in said
    assert "WARNING guard: " in said and "is stopped at step 2" in said
    (row,) = [row for row in rows_of(folder) if "probe/precision" in row]
    assert row["step"] == 1 and row["probe/precision"] < 0.9 and "probe/recall/circle" in row
    assert int(ms.load_checkpoint(str(folder / "state.ckpt"))["run.step"].asnumpy()) == 2

    assert toys.run(folder, *guarded("stop"), "--resume") == 0
    assert "the guard ended this run at step 2" in (folder / "log.txt").read_text()
    assert [row["step"] for row in rows_of(folder) if "loss" in row] == [0, 1]


def test_a_lowered_weight_is_kept(toys, tmp_path):
    folder = tmp_path / "run"
    assert toys.run(folder, *guarded("lower"), "--max_iter", 26, "--eval_interval_iter", 13) == 0
    rows = rows_of(folder)
    assert [row["unsup_factor"] for row in rows if "unsup_factor" in row] == [1.0, 0.5, 0.25]
    state = ms.load_checkpoint(str(folder / "state.ckpt"))
    assert float(state["run.unsupervised_factor"].asnumpy()) == 0.25
    # The loss on unlabelled images really falls: it is the weighted sum of its terms times the factor.
    for row in rows:
        if "unsup_loss" in row:
            factor = 0.5 if row["step"] < 13 else 0.25
            terms = row["rpn_cls_loss_pseudo"] + row["rcnn_cls_loss_pseudo"]
            np.testing.assert_allclose(row["unsup_loss"], 4.0 * factor * terms, rtol=1e-4)
    told = [row["watcher"] for row in rows if "warning" in row]
    assert told.count("guard") == 2
