"""Read the outputs of the stages of a training run: logged metrics, warnings, scores, detections, numbers of images."""

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from src.data.annotations import image_path
from src.data.formats.json_file import read_json
from src.data.formats.reading import read_data
from src.data.image_listing import list_images
from src.errors import UserError
from src.evaluation.metrics import AreaSource
from src.files import read_regular
from src.yaml_file import read_settings

_LARGEST = 1e18  # a loss or step above it would not fit into a chart; NaN and infinity are left out there
_SHOWN = ("AP", "AP50", "AP75", *(f"{kind}_{size}" for kind in ("AP", "AR") for size in ("small", "medium", "large")))
_SHOWN += ("AR_100", "per_class", "objects", "detections", "images")
STAGES = ("first_stage", "second_stage")
_COUNT = r"(\d[\d,]{0,14})"  # as ``counted`` writes it: 1,204
_LOGGED_IMAGES = re.compile(
    rf"(?<![\d,]){_COUNT} labelled and {_COUNT} unlabelled images?; the labels are "
)  # engine.run.describe_run


_Score = Annotated[float, msgspec.Meta(ge=0, le=1.0001)] | None  # a mean of ones may be rounded up


class _ClassScores(TypedDict, total=False):
    AP: _Score
    AP50: _Score
    objects: int


class _Record(TypedDict):
    image_id: int
    category_id: int
    bbox: Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]
    score: float
    segmentation: NotRequired[Any]


@dataclass(frozen=True)
class Stage:
    """One training run and its evaluation.

    Attributes:
        name: of its folder.
        curves: the rows of metrics.jsonl by ascending step, without warnings.
        warnings: (step, sentence) of the run's health checks, each once.
        metrics: of eval/metrics.json; None if the stage was not evaluated.
        records: COCO result records of eval/eval_results.json, or None.
        labelled, unlabelled: numbers of training images at the start of the run, from its log; without a log, those of the
            annotation file at present, or None if it does not exist any more.
    """

    name: str
    curves: list[dict[str, Any]]
    warnings: list[tuple[int, str]]
    metrics: dict[str, Any] | None
    records: list[dict[str, Any]] | None
    labelled: int | None
    unlabelled: int | None

    @property
    def title(self) -> str:
        """The name in words: "first stage"."""
        return self.name.replace("_", " ")


def read_stages(run: Path) -> list[Stage]:
    """The stages of a two-stage run, or the one stage that the folder itself is.

    Raises:
        UserError: the folder holds neither, or one of its files cannot be read.
    """
    stages = [_read_stage(folder) for folder in stage_folders(run)]
    if not any(stage.curves or stage.metrics for stage in stages):
        raise UserError(f"{run}: no run here; expected {' and '.join(STAGES)}, or metrics.jsonl, or eval/metrics.json")
    return stages


def stage_folders(run: Path) -> list[Path]:
    """The folders of the stages of a two-stage run, or that of the run itself."""
    return [run / name for name in STAGES if (run / name).is_dir()] or [run]


def _read_stage(folder: Path) -> Stage:
    labelled, unlabelled = _logged_images(folder / "log.txt") or _count_images(folder / "config.yaml")
    rows = _read_rows(folder / "metrics.jsonl")
    return Stage(
        name=folder.resolve().name,
        curves=_curves([row for row in rows if "warning" not in row]),
        warnings=_warnings(rows),
        metrics=read_metrics(folder / "eval" / "metrics.json"),
        records=_read_as(list[_Record], folder / "eval" / "eval_results.json"),
        labelled=labelled,
        unlabelled=unlabelled,
    )


def _read_rows(path: Path) -> list[dict[str, Any]]:
    text = _text(path)
    lines = text.removesuffix("\n").split("\n") if text else []  # not splitlines: U+0085 may stand in a sentence
    if lines and not text.endswith("\n") and not lines[-1].endswith("}"):
        del lines[-1]  # an incomplete row of a killed run
    return [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _text(path: Path) -> str:
    """The text of a file of a run, which a killed run may have cut off within a letter; none without the file."""
    if not os.path.lexists(path):
        return ""
    try:
        return read_regular(path).decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _curves(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Scores have a row of their own, and a resumed run logs some steps again; later rows replace earlier ones.
    joined: dict[int, dict[str, Any]] = {}
    for row in rows:
        joined[row["step"]] = joined.get(row["step"], {}) | row
    return [joined[step] for step in sorted(joined)]


def _warnings(rows: list[dict[str, Any]]) -> list[tuple[int, str]]:
    # A resumed run may repeat the warnings since its last checkpoint.
    unique = {(row["step"], str(row.get("watcher"))): str(row["warning"]) for row in rows if "warning" in row}
    return [(step, sentence) for (step, _), sentence in sorted(unique.items())]


def _logged_images(log: Path) -> tuple[int, int] | None:
    """Numbers of labelled and unlabelled images from the log of a run; files may have been moved or labelled since."""
    text = _text(log)
    found = _LOGGED_IMAGES.search(text)
    return (_number(found[1]), _number(found[2])) if found else None


def _number(count: str) -> int:
    return int(count.replace(",", ""))


def _count_images(config_file: Path) -> tuple[int | None, int | None]:
    """Numbers of labelled and unlabelled images of the data of a stage, as they are now."""
    config = read_settings(config_file) if os.path.lexists(config_file) else {}
    annotation_file, img_dir = config.get("train_ann_file"), str(config.get("train_img_dir"))
    folder, names = config.get("unlabelled_img_dir"), config.get("class_names")
    if not isinstance(annotation_file, str) or not Path(annotation_file).exists():
        return None, None
    folder = folder if isinstance(folder, str) and folder else None
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else ()
    annotations = read_data(annotation_file, img_dir, names, unlabelled_img_dir=folder)
    own = {image_path(entry, img_dir).resolve() for entry in annotations.images}
    more = [name for name in list_images(folder) if (Path(folder) / name).resolve() not in own] if folder else []
    return len(annotations.labelled), len(annotations.unlabelled) + len(more)


def read_metrics(path: Path) -> dict[str, Any] | None:
    """The scores that eval.py has written; None without the file.

    Raises:
        UserError: it is no such file.
    """
    metrics = _read_as(dict[str, Any], path)
    if metrics is not None:
        for block in (metrics, _convert(metrics.get("segm", {}), dict[str, Any], path)):
            _convert({key: value for key, value in block.items() if key[:2] in ("AP", "AR")}, dict[str, _Score], path)
            _convert(block.get("per_class", {}), dict[str, _ClassScores], path)
            _convert(block.get("area_from", {}), dict[AreaSource, int], path)
    return metrics


def check_complete(metrics: dict[str, Any], source: str) -> None:
    """Raise a UserError if scores of a stage lack some of those that a page shows."""
    for block in (metrics, metrics.get("segm")):
        if block is None:
            continue
        lacking = [key for key in _SHOWN if key not in block]
        if not lacking and (block["AP"] is None) != (block["AP50"] is None):
            lacking = ["value of AP or AP50"]
        if lacking:
            raise UserError(f"{source}: not in the form that eval.py writes: no {', '.join(lacking)}; evaluate again")


def _read_as(kind: Any, path: Path) -> Any:
    """The content of a JSON file, None if there is no file."""
    return _convert(read_json(path), kind, path) if os.path.lexists(path) else None


def _convert(value: Any, kind: Any, path: Path) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: not in the form that eval.py writes: {error}; evaluate again") from None


def _parse(line: str, source: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: not JSON: {error}") from error
    if not isinstance(row, dict) or type(row.get("step")) is not int or not 0 <= row["step"] <= _LARGEST:
        raise UserError(f'{source}: expected an object with a "step", as train.py writes it; remove the line')
    if "warning" not in row and (
        wrong := [
            key
            for key, value in row.items()
            if type(value) not in (int, float, NoneType) or value is not None and _LARGEST < abs(value) < math.inf
        ]
    ):
        shown = repr(row[wrong[0]]) if isinstance(row[wrong[0]], str) else json.dumps(row[wrong[0]])
        raise UserError(f"{source}: {wrong[0]} is {shown:.100}; expected a number up to {_LARGEST:g}; remove the line")
    return row
