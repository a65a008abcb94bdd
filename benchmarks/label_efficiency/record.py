"""The JSON file of a cell: its scores, and everything needed to reproduce it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import command
from benchmarks.label_efficiency.cells import Cell, Key
from benchmarks.label_efficiency.chain import Chain
from benchmarks.label_efficiency.labelled import labelled_in
from benchmarks.label_efficiency.recipe import Setting, asked, label_file_of, metrics_file
from src.data.formats.json_file import read_json
from src.errors import DataError, UserError
from src.files import file_hash, write_json


@dataclass(frozen=True)
class Score:
    """One score of a cell on the part of the data that the plan reports.

    Attributes:
        ap: AP, 0 to 1; minutes: training time without evaluations and compiling; steps: training steps.
    """

    ap: float
    minutes: float
    steps: int


@dataclass(frozen=True)
class Result:
    """The part of a cell's file that tables and charts use.

    Attributes:
        images, boxes: numbers of labelled images and boxes; scores: "equal_steps" and, for some cells, "equal_minutes".
    """

    key: Key
    seed: int
    images: int
    boxes: int
    scores: dict[str, Score]


def file_of(results: Path, cell: Cell) -> Path:
    """Path of the result of a cell."""
    return results / f"{cell.name}.json"


def is_done(setting: Setting, results: Path, cell: Cell) -> bool:
    """Whether there is a result of a cell.

    Raises:
        DataError: there is one, but made with other settings; it lists the differences.
    """
    file = file_of(results, cell)
    if not file.is_file():
        return False
    before, now = read_json(file)["asked"], asked(setting, cell)
    faults = [f"{place}: was {old!r}, is {new!r}" for place, old, new in _differences(before, now)]
    if faults:
        title = f"{file} was made with other settings; remove it, or give another --results (or the plan another name)"
        raise DataError(title, faults)
    return True


def _differences(before: Any, now: Any, place: str = "") -> Iterable[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif before != now:
        yield place, before, now


def write_record(setting: Setting, results: Path, cell: Cell, chain: Chain, scores: Mapping[str, int]) -> None:
    """Write the result file of a finished cell; `scores`: steps by name of score, as `recipe.run` returns them."""
    on_test = setting.plan.report == "test"
    label_file = label_file_of(setting, cell)
    labelled = labelled_in(label_file)
    rows = [msgspec.json.decode(line) for line in (chain.folder / "run" / "metrics.jsonl").read_bytes().splitlines()]
    content = {
        "cell": cell.name,
        "key": asdict(cell.key),
        "seed": cell.seed,
        "labelled": {"images": len(labelled.names), "boxes": labelled.boxes, "by_class": labelled.by_class},
        "scores": {
            name: _score(rows, steps, metrics_file(chain, name) if on_test else None) for name, steps in scores.items()
        },
        "validation": evaluations(rows),
        "asked": asked(setting, cell),
        "labelled_images": list(labelled.names) if cell.arm.pick else None,
        "hashes": {"labels": file_hash(label_file)},
        "left_out": setting.data.left_out,
        "commands": chain.commands(),
        "machine": command.machine(),
    }
    write_json(file_of(results, cell), content, overwrite=True, indent=1)


def _score(rows: list[dict], steps: int, metrics: Path | None) -> dict[str, Any]:
    """AP of the network that is best on the validation part within `steps` steps.

    It is the AP on the test part if `metrics` is given, the metrics file of that part, and otherwise that on the validation part.
    """
    candidates = [row for row in evaluations(rows) if row["step"] <= steps]
    test = None
    if metrics is not None:
        test = read_json(metrics)
        candidates = [row for row in candidates if row["step"] == test["step"]]
    chosen = max(candidates, key=lambda row: row["AP"] or 0.0)
    score = {"AP": (test or chosen)["AP"], "steps": steps, "minutes": training_minutes(rows, steps), "chosen": chosen}
    return score | ({"test": {key: test[key] for key in ("AP", "AP50", "AP75", "per_class", "images")}} if test else {})


def evaluations(rows: Iterable[dict]) -> list[dict[str, Any]]:
    """Steps done, role and AP of each evaluation on the validation part, from the rows of metrics.jsonl."""
    return [
        {"step": row["step"] + 1, "role": role, "AP": row[f"{role}/AP"]}
        for row in rows
        for role in ("student", "average", "teacher")
        if f"{role}/AP" in row
    ]


def training_minutes(rows: Iterable[dict], steps: int) -> float:
    """Minutes of the first `steps` steps, without the rows of step 0, which compiles."""
    done, seconds = 0, 0.0
    for row in rows:
        if "iter_time" in row and row["step"] < steps:
            count = row["step"] + 1 - done
            done = row["step"] + 1
            if row["step"] > 0:
                seconds += row["iter_time"] * count
    return round(seconds / 60, 2)


def read_result(path: Path) -> Result:
    """The result of a cell.

    Raises:
        UserError: the file is not a result.
    """
    content = read_json(path)
    try:
        scores = {
            name: Score(row["AP"] or 0.0, row["minutes"], row["steps"]) for name, row in content["scores"].items()
        }
        labelled = content["labelled"]
        return Result(Key(**content["key"]), content["seed"], labelled["images"], labelled["boxes"], scores)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of a cell: {type(error).__name__} {error}") from None
