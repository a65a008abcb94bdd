"""The profiler watches the steps that it is told to, and leaves what it saw in the run's folder."""

import csv
from types import SimpleNamespace

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from src.engine.profiling import StepProfile


def steps_of(profile: StepProfile, count: int) -> None:
    """Steps of a network with one matrix product."""
    before = ms.get_context("mode")
    ms.set_context(mode=ms.GRAPH_MODE)
    network, images = nn.Dense(4, 3), Tensor(np.ones((2, 4), np.float32))
    network(images)
    for step in range(count):
        profile.before(step)
        network(images).asnumpy()
        profile.after(step)
    ms.set_context(mode=before)


def test_the_watched_steps_leave_their_operators(tmp_path):
    said = []
    steps_of(StepProfile((2, 4), tmp_path / "profile", SimpleNamespace(info=said.append)), 6)
    assert said == [f"profile of steps 2 to 4 -> {tmp_path / 'profile'}"]
    (table,) = (tmp_path / "profile").rglob("cpu_op_type_info_*.csv")
    counts = {row["op_type"]: row["type_occurrences"] for row in csv.DictReader(table.open(encoding="utf-8"))}
    assert counts["MatMul"] == "3"


def test_nothing_is_watched_unless_asked_or_when_the_first_step_is_past(tmp_path):
    folder = tmp_path / "profile"
    steps_of(StepProfile((), folder, SimpleNamespace(info=None)), 2)
    late = StepProfile((2, 4), folder, SimpleNamespace(info=None))
    for step in (3, 4):
        late.before(step)
        late.after(step)
    assert not folder.exists()
