"""Thresholds per class of a run: when they are estimated, from which images, and what the log says of them."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from src.checkpoint.ckpt_file import read_ckpt
from src.engine.inference import threshold_estimate as module
from src.engine.inference.threshold_estimate import (
    SAMPLE,
    detected_scores,
    estimate_is_due,
    estimate_schedule,
    sample,
)

CONFIG = SimpleNamespace(
    pseudo_label_thresholds="label_prior", burn_up_iter=30, max_iter=61, label_prior_interval_iter=10
)
FIXED = SimpleNamespace(**{**vars(CONFIG), "pseudo_label_thresholds": "fixed"})


def test_estimates_are_due_when_the_teacher_starts_and_at_the_interval():
    assert [step for step in range(61) if estimate_is_due(CONFIG, step)] == [30, 40, 50, 60]
    assert not any(estimate_is_due(FIXED, step) for step in range(61))
    data = SimpleNamespace(unlabelled=[0] * 150)
    assert estimate_schedule(CONFIG, data) == tuple((step, 150) for step in (30, 40, 50, 60))
    assert estimate_schedule(FIXED, data) == ()


def test_the_sample_follows_from_seed_and_step_alone():
    few, many = tuple(range(9)), tuple(range(1000))
    assert sample(few, 1, 30) == list(few)
    first = sample(many, 1, 30)
    assert first == sample(many, 1, 30) == sorted(set(first)) and len(first) == SAMPLE
    assert len({tuple(sample(many, seed, step)) for seed, step in ((1, 30), (2, 30), (1, 40))}) == 3


@pytest.mark.parametrize("stopped", [False, True])
def test_neither_padding_rows_nor_padding_images_are_counted(monkeypatch, stopped):
    scores = np.array([[0.9, 0.5, 0.0], [0.8, 0.0, 0.0]], np.float32)
    labels = np.array([[1, 2, 0], [2, 0, 0]], np.int32)
    outputs = (None, scores, labels, None, scores > 0)
    outputs = tuple(np.zeros((2, 3)) if part is None else part for part in outputs)
    batches = [(0, 0, ["a", "b"]), (0, 0, ["c"])]
    monkeypatch.setattr(module, "copy_weights", lambda *_: None)
    monkeypatch.setattr(module, "cached_detector", lambda *_: None)
    monkeypatch.setattr(module, "numpy_forward", lambda _: lambda *_: outputs)
    monkeypatch.setattr(module, "evaluation_batches", lambda *_: (batch for batch in batches))
    run = SimpleNamespace(
        config=SimpleNamespace(train_img_dir=""),
        networks=SimpleNamespace(teacher=None, detector=None),
        data=SimpleNamespace(stored=None),
        stop=SimpleNamespace(requested=stopped),
    )
    found = detected_scores(run, [])
    if stopped:
        assert found is None
    else:
        np.testing.assert_allclose(found[0], [0.9, 0.5, 0.8, 0.9, 0.5])
        assert found[1].tolist() == [1, 2, 2, 1, 2]


def test_a_run_names_its_thresholds_and_trains_with_them(toys, tmp_path):
    words = ("--max_iter", 14, "--burn_up_iter", 5, "--print_interval_iter", 1, "--pseudo_label_thresholds")
    more = ("--label_prior_interval_iter", 4, "--bbox_threshold", 1.0)
    assert toys.run(tmp_path / "prior", *words, "label_prior", *more) == 0
    assert toys.run(tmp_path / "fixed", *words, "fixed", *more[2:]) == 0
    rows = [json.loads(line) for line in (tmp_path / "prior" / "metrics.jsonl").read_text().splitlines()]
    names = ("threshold/square", "ignore_threshold/square", "threshold/circle", "ignore_threshold/circle")
    told = {row["step"]: [row[name] for name in names] for row in rows if names[0] in row}
    assert list(told) == [5, 9, 13]
    saved = read_ckpt(tmp_path / "prior" / "state.ckpt")
    pairs = zip(saved["run.thresholds"], saved["run.ignore_thresholds"], strict=True)
    assert [float(value) for pair in pairs for value in pair] == told[13]
    assert all(row[0] >= row[1] and row[2] >= row[3] for row in told.values())
    log = (tmp_path / "prior" / "log.txt").read_text()
    assert (
        len(re.findall(r"by the label prior, from 3 unlabelled images: square 0\.\d{3} \(0\.\d{3}\), circle ", log))
        == 3
    )
    boxes = {row["step"]: row["pseudo_boxes"] for row in rows if "pseudo_boxes" in row}
    assert max(boxes.values()) > 0
    fixed = read_ckpt(tmp_path / "fixed" / "state.ckpt")
    assert "run.thresholds" not in fixed
    lines = (tmp_path / "fixed" / "metrics.jsonl").read_text()
    assert "threshold/" not in lines and '"pseudo_boxes": 0.0' in lines
