"""The metadata of a state are what a run writes, or the file is refused in one line."""

from copy import deepcopy
from pathlib import Path

import pytest

from src.checkpoint.run_metadata import checked_metadata
from src.checkpoint.run_state import State
from src.engine.health.watch import Watch
from src.engine.health.watcher import Watcher
from src.engine.resume import NO_PROGRESS, resumed_metadata
from src.engine.run import StepTimes
from src.errors import UserError

SCORE = {"step": 8, "role": "teacher", "AP": 0.5, "AP50": 0.7}
SUMS = [[1.0, 2.0], [0.0, 0.0], [0, 0, 0, 2.5]]
METADATA = {
    "version": "0.2.0",
    "config": {"base_lr": 0.1, "strong_view": True},
    "annotations": "a",
    "classes": ["cat"],
    "unlabelled": "b",
    "evaluation": "c",
    "devices": 1,
    "image_files": "d",
    "evaluation_files": None,
    "best": SCORE,
    "best_of": {"teacher": SCORE},
    "evaluated": 8,
    "ended": None,
    "since_log": {"steps": 2, "spent": 3.5, "waited": 0, "sums": SUMS},
    "rows": 12,
    "watch": {"told": ["data_1"], "watchers": {"quiet": {"held": [1, 2]}, "rate": {"start": 3.7}}},
}
OLD = {
    key: value
    for key, value in METADATA.items()
    if key not in ("version", "image_files", "evaluation_files", "best_of", "rows")
}
OTHERS = (None, True, -1, 7, 0.5, "x", [], ["x"], [1, 2], {}, {"x": {}}, {"step": "x"})


class Held(Watcher):
    name = "quiet"


class Rate(Watcher):
    name = "rate"


def resume(metadata: dict) -> None:
    """What a resumed run does with the metadata of its state."""
    saved = checked_metadata(State(Path("state.ckpt"), {}, metadata, []))
    now = METADATA | deepcopy(NO_PROGRESS) | {"evaluation": "other"}
    found, _ = resumed_metadata(saved, now, anyway=True)
    watch = Watch([Held(), Rate()], found["watch"])
    watch.watchers["quiet"].held_for(True, 1)
    assert 2 * watch.watchers["rate"].memory.get("start", 1.0) < 1e9
    assert found["evaluated"] < 100 and (found["ended"] is None or found["ended"] >= 0)
    if found["since_log"]:
        times = StepTimes(**{key: value for key, value in found["since_log"].items() if key != "sums"})
        assert times.spent / times.steps + times.waited < 1e9
        assert [len(row) for row in found["since_log"]["sums"]]
    [][: found["rows"]]


def places(value, path=()):
    """The path of every value inside a JSON value."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


@pytest.mark.parametrize(
    "metadata", [METADATA, OLD, METADATA | NO_PROGRESS], ids=["this version", "the first", "a new run"]
)
def test_what_a_run_writes_is_resumed(metadata):
    resume(deepcopy(metadata))


def test_any_other_value_is_refused_in_one_line_or_harmless():
    refused = 0
    for *path, last in places(METADATA):
        for other in (*OTHERS, "missing"):
            metadata = deepcopy(METADATA)
            place = metadata
            for key in path:
                place = place[key]
            if other == "missing":
                del place[last]
            else:
                place[last] = deepcopy(other)
            try:
                resume(metadata)
            except UserError as error:
                refused += 1
                assert str(error).startswith("state.ckpt is not in the form of a run state (") and "\n" not in str(
                    error
                )
                assert "--overwrite" in str(error)
    assert refused > 100


@pytest.mark.parametrize("key", ["config", "classes", "evaluated", "watch", "since_log", "devices"])
def test_a_missing_value_is_named(key):
    with pytest.raises(UserError, match=f"missing required field `{key}`"):
        resume({name: value for name, value in METADATA.items() if name != key})
