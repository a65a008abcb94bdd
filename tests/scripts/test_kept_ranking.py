"""A resumed job keeps its first stage if the settings are the same; lengths may be given in epochs or in steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.config.lengths import with_rate, with_steps
from src.config.load import load_config, save_config

ROOT = Path(__file__).resolve().parents[2]
GIVEN = (
    "--max_epoch",
    "3",
    "--burn_up_epoch",
    "1",
    "--milestone_epochs",
    "2",
    "--lr_reference_batch",
    "16",
    "--warmup_step",
    "1",
)


@pytest.fixture
def kept(tmp_path):
    """A function that runs scripts/_kept_ranking.py with options, against a config.yaml as train.py would have saved it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.png").write_text("")
    (tmp_path / "top_value_data.json").write_text(json.dumps({"1.png": 0.5}))
    (tmp_path / "net.ckpt").write_text("{}")
    image = {"id": 1, "file_name": "1.png", "width": 1, "height": 1, "labelled": False}
    coco = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "face"}]}
    (tmp_path / "train.json").write_text(json.dumps(coco))
    places = ("--train_img_dir", "images", "--train_ann_file", "train.json", "--save_checkpoint_path", str(tmp_path))
    config, _ = with_steps(load_config("", [*GIVEN, *places, "--device_target", "GPU"]), 40, 20, 2)
    (tmp_path / "config.yaml").write_text(save_config(with_rate(config, 2)[0]))

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        files = [str(tmp_path / name) for name in ("top_value_data.json", "net.ckpt", "train.json", "images")]
        command = [sys.executable, str(ROOT / "scripts/_kept_ranking.py"), *files, "--trained", str(tmp_path), "--"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_same_settings_keep_the_ranking(kept):
    free = (
        "--print_interval_iter",
        "7",
        "--num_parallel_workers",
        "2",
        "--eval_interval_epoch",
        "1",
        "--overwrite",
        "true",
    )
    result = kept(*GIVEN, *free)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert result.stdout.startswith("kept from before: ")


def test_other_settings_are_refused(kept):
    result = kept(*GIVEN, "--batch_size", "4", "--system", "ssd")
    assert result.returncode == 2
    assert "batch_size: was 2, is 4" in result.stderr and "system: was 'faster_rcnn', is 'ssd'" in result.stderr
    assert "--resume_anyway, or move" in result.stderr
