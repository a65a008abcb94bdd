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


class _Dumper(yaml.SafeDumper):
    """Writes what is there twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write_yaml(path: Path, values: dict) -> Path:
    """A YAML file in the order of the values."""
    path.write_text(yaml.dump(values, Dumper=_Dumper, sort_keys=False))
    return path


def write_plan(folder: Path, leaf: dict, **changes) -> Path:
    """A plan with some keys changed, and its leaf."""
    write_yaml(folder / "leaf.yaml", leaf)
    return write_yaml(folder / "plan.yaml", PLAN | changes)


def draw_set(folder: Path, images: int = 15) -> Path:
    """A small practice set."""
    synthetic.main(["--out", str(folder), "--images", str(images)])
    return folder
