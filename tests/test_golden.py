"""Checkpoints and run states that the version before 0.2.0 wrote, on weights from a formula, load and resume as they did there.

golden/before_0.2.0 holds a run that was stopped after 6 of 8 steps (burn-in: 2), a Mask R-CNN and an SSD, each compressed, and
expected.json: the last row of losses in metrics.jsonl, and the best detections in each image, as that version gave them.
"""

import json
import lzma
import shutil
from pathlib import Path

import pytest

import infer
import train
from src.checkpoint.detector_file import metadata_of, read_checkpoint, read_metadata

GOLDEN = Path(__file__).parent / "golden" / "before_0.2.0"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))


SUMS = ("loss", "rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")  # the first columns of a state's sums


@pytest.fixture
def old(tmp_path, monkeypatch) -> Path:
    """A folder with the files of the old version, which is the current folder."""
    folder = tmp_path / "old"
    shutil.copytree(GOLDEN, folder)
    for file in folder.rglob("*.xz"):
        file.with_suffix("").write_bytes(lzma.decompress(file.read_bytes()))
    monkeypatch.chdir(folder)
    return folder


def test_a_stopped_run_resumes(old):
    state = old / "run" / "state.ckpt"
    since = metadata_of(read_checkpoint(state), state)["since_log"]
    train.main(["--config_path", "run/config.yaml", "--resume"])

    rows = [json.loads(line) for line in (old / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    (row,) = [row for row in rows if "loss" in row]
    wanted = EXPECTED["row"]
    losses = {name for name in wanted if name.endswith(("loss", "loss_pseudo"))}
    assert losses and losses <= row.keys()
    for name in losses:
        logged = wanted[name]
        if name.endswith(("_cls_loss", "_reg_loss")):  # was logged as the sum over both views, and is their mean now
            steps = since["steps"] + 2
            before = since["sums"][0][SUMS.index(name)]
            logged = (before + (steps * logged - before) / 2) / steps
        assert row[name] == pytest.approx(logged, rel=1e-3), name
    log = (old / "run" / "log.txt").read_text(encoding="utf-8")
    assert "sup_loss_weight: 1 times the sum of both views is 2 times their mean" in log
    assert read_metadata(old / "run" / "model_0.ckpt").step == 8


@pytest.mark.parametrize("system", ["mask", "ssd"])
def test_a_detector_detects_what_it_did(old, system):
    assert read_metadata(old / f"{system}.ckpt").version == ""
    words = ["--infer_img_dir", "faces/images", "--eval_output_dir", "found", "--test_score_thr", "0.01"]
    infer.main(["--checkpoint_path", f"{system}.ckpt", *words])
    found = json.loads((old / "found" / "infer_results.json").read_text(encoding="utf-8"))
    assert found.keys() == EXPECTED["detections"][system].keys()
    for name, wanted in EXPECTED["detections"][system].items():
        for one, other in zip(found[name], wanted, strict=False):
            assert one["pred class"] == other["pred class"]
            assert one["confidence score"] == pytest.approx(other["confidence score"], abs=1e-4)
            assert one["pred box"] == pytest.approx(other["pred box"], abs=0.02)
