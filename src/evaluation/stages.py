"""What the stages of a run left behind, read back for a report."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from src.data.annotations import read_annotations
from src.data.images import list_images
from src.errors import UserError

STAGES = ("first_stage", "second_stage")


@dataclass(frozen=True)
class Stage:
    """One training run and its evaluation.

    Attributes:
        name: of its folder.
        curves: the rows of metrics.jsonl by rising step.
        metrics: of eval/metrics.json; None when the stage was not evaluated.
        records: COCO result records of eval/eval_results.json, or None.
        labelled, unlabelled: numbers of training images; None when the annotation file is not there any more.
    """

    name: str
    curves: list[dict[str, Any]]
    metrics: dict[str, Any] | None
    records: list[dict[str, Any]] | None
    labelled: int | None
    unlabelled: int | None


def read_stages(run: Path) -> list[Stage]:
    """The stages of a two-stage run, or the one stage that the folder itself is.

    Raises:
        UserError: the folder holds neither, or a file of it is broken.
    """
    folders = [run / name for name in STAGES if (run / name).is_dir()] or [run]
    stages = [_read_stage(folder) for folder in folders]
    if not any(stage.curves or stage.metrics for stage in stages):
        raise UserError(f"{run}: no run here; expected {' and '.join(STAGES)}, or metrics.jsonl, or eval/metrics.json")
    return stages


def _read_stage(folder: Path) -> Stage:
    labelled, unlabelled = _count_images(folder / "config.yaml")
    return Stage(
        name=folder.resolve().name,
        curves=_read_curves(folder / "metrics.jsonl"),
        metrics=_read_json(folder / "eval" / "metrics.json"),
        records=_read_json(folder / "eval" / "eval_results.json"),
        labelled=labelled,
        unlabelled=unlabelled,
    )


def _read_curves(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    # Scores come in a row of their own, and a resumed run tells some steps twice; the last word counts.
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        row = _parse(line, f"{path}, line {number}")
        rows[row["step"]] = rows.get(row["step"], {}) | row
    return [rows[step] for step in sorted(rows)]


def _count_images(config_file: Path) -> tuple[int | None, int | None]:
    """Labelled and unlabelled images that a stage was trained on."""
    config = yaml.safe_load(config_file.read_text(encoding="utf-8")) if config_file.is_file() else {}
    annotation_file, folder = config.get("train_ann_file"), config.get("unlabelled_img_dir")
    if not annotation_file or not Path(annotation_file).is_file():
        return None, None
    annotations = read_annotations(annotation_file)
    return len(annotations.labelled), len(annotations.unlabelled) + len(list_images(folder) if folder else [])


def _read_json(path: Path) -> Any:
    return _parse(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{source}: not JSON: {error}") from error
