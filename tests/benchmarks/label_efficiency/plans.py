"""Plans for tests, and the practice set they are for."""

from pathlib import Path

import yaml

from src.data import synthetic

ARMS = {
    "supervised": {"train": "supervised", "labels": [50]},
    "semi_supervised": {"train": "semi_supervised", "labels": [50]},
    "random": {
        "train": "semi_supervised",
        "pick": "random",
        "first_stage": "semi_supervised",
        "from_labels": 50,
        "labels": [75],
    },
    "entropy": {
        "train": "semi_supervised",
        "pick": "entropy",
        "first_stage": "semi_supervised",
        "from_labels": 50,
        "labels": [75],
    },
}
PLAN = {
    "name": "practice",
    "data": {"images": "images", "annotations": "annotations"},
    "parts": {"train": 8, "validation": 3, "test": 4},
    "config": "leaf.yaml",
    "seeds": [1],
    "passes": {"default": 1},
    "seconds_a_step": {"supervised": 1.0, "semi_supervised": 2.0},
    "evaluations": 1,
    "arms": ARMS,
}


def write_plan(folder: Path, leaf: dict, **changes) -> Path:
    """A plan with some keys changed, and its leaf."""
    (folder / "leaf.yaml").write_text(yaml.safe_dump(leaf))
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN | changes))
    return path


def draw_set(folder: Path, images: int = 15) -> Path:
    """A small practice set."""
    synthetic.main(["--out", str(folder), "--images", str(images)])
    return folder
