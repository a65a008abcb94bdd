"""What identifies a run: its images, too, as far as their files tell."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.config.load import load_config
from src.data.images import read_image
from src.data.training_data import Sources, read_training_data
from src.engine.resume import resumed_metadata, run_metadata
from src.errors import UserError


@pytest.fixture
def metadata(tiny_data, tiny_config, tmp_path):
    """The metadata of a run on a copy of the tiny data, with a folder of unlabelled images."""
    img_dir = shutil.copytree(tiny_data.img_dir, tmp_path / "images")
    (tmp_path / "more").mkdir()
    new = tmp_path / "more" / "new.png"
    new.write_bytes(cv2.imencode(".png", np.zeros((40, 50, 3), np.uint8))[1].tobytes())
    files = ["--train_img_dir", str(img_dir), "--train_ann_file", str(tiny_data.train_file)]
    config = load_config(
        "",
        [
            "--config_path",
            str(tiny_config),
            *files,
            "--eval_img_dir",
            str(img_dir),
            "--eval_ann_file",
            str(tiny_data.val_file),
        ],
    )

    def make() -> dict:
        sources = Sources(tiny_data.train_file, img_dir, tmp_path / "more", tiny_data.val_file, img_dir, max_gts=8)
        data = read_training_data(sources)
        return run_metadata(config, data, devices=1)

    return make


def repaint(path: Path) -> None:
    """Another picture of the same size in pixels."""
    picture = np.random.default_rng(1).integers(0, 256, read_image(path).shape, np.uint8)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


@pytest.mark.parametrize("name", ["images/day 0/Bild_ä_0.png", "more/new.png"])
def test_a_resumed_run_notices_other_pictures_under_the_old_names(metadata, tmp_path, name):
    before = metadata()
    assert resumed_metadata(before, metadata(), anyway=False)[1] == []
    repaint(tmp_path / name)
    with pytest.raises(UserError, match="image files: the content of some has changed"):
        resumed_metadata(before, metadata(), anyway=False)


def test_a_best_score_on_other_pictures_is_discarded(metadata, tmp_path):
    before = metadata() | {"best": {"step": 2, "AP": 0.5}}
    repaint(tmp_path / "images/day 0/Bild_ä_0.png")
    found, messages = resumed_metadata(before, metadata(), anyway=True)
    assert found["best"] is None and any("so the best score so far is discarded" in message for message in messages)
