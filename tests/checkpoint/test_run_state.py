"""States of a run: they come back whole, the newest two are kept, and damage to one costs no more than that one."""

import os

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn
from mindspore import dtype as mstype

from src.checkpoint.detector_file import TEACHER_PREFIX
from src.checkpoint.run_state import StateFiles
from src.errors import UserError

pytestmark = pytest.mark.usefixtures("pynative")
FACTS = {"config": {}}


class Toy(nn.Cell):
    """Two layers and batch norm, so that there are moving statistics."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.first = nn.Dense(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Dense(4, outputs)


def teacher() -> Toy:
    """A network under the names that a teacher has in a run."""
    network = Toy()
    network.update_parameters_name(TEACHER_PREFIX)
    return network


def counter(value: int) -> nn.Cell:
    """A cell with one number."""
    cell = nn.Cell()
    cell.count = Parameter(Tensor(value, mstype.int32), name="run.step", requires_grad=False)
    return cell


@pytest.fixture
def states(tmp_path) -> StateFiles:
    """In an empty folder."""
    return StateFiles(tmp_path / "state.ckpt", tmp_path / "state_before.ckpt")


def again(states: StateFiles) -> StateFiles:
    """The same files for another process."""
    return StateFiles(states.newest, states.before)


def counts(states: StateFiles) -> list[int]:
    """The counts in the newest file and in the one before."""
    return [int(StateFiles(path, path).read().values["run.step"]) for path in (states.newest, states.before)]


def spoil(path) -> None:
    """Cut a file in half."""
    os.truncate(path, path.stat().st_size // 2)


def test_a_state_comes_back_with_its_metadata(states):
    def run():
        network = Toy()
        return network, teacher(), nn.Momentum(network.trainable_params(), 0.1, 0.9), counter(0)

    cells, others = run(), run()
    cells[3].count.set_data(Tensor(12, mstype.int32))
    cells[2](tuple(Tensor(np.ones(row.shape, np.float32)) for row in cells[0].trainable_params()))
    metadata = {"config": {"milestones": [3, 4], "train_img_dir": "ä"}, "best": None, "watch": {"sum": 0.1 + 0.2}}
    states.write(cells, metadata)
    state = again(states).read()
    assert (state.path, state.metadata, state.remarks) == (states.newest, metadata, [])
    state.restore(others)
    for cell, other in zip(cells, others):
        for one, two in zip(cell.get_parameters(), other.get_parameters(), strict=True):
            assert one.asnumpy().tobytes() == two.asnumpy().tobytes() and one.dtype == two.dtype
    assert any((row.asnumpy() == 1).all() for row in others[2].moments), "momentum is part of the state"


def test_a_state_of_another_network_is_refused(states):
    states.write([Toy()], FACTS)
    state = states.read()
    with pytest.raises(
        UserError, match=r"state\.ckpt does not fit .* missing or have another shape: last\.weight, last\.bias$"
    ):
        state.restore([Toy(outputs=3)])
    with pytest.raises(UserError, match=r"teacher\.first\.weight"):
        state.restore([Toy(), teacher()])


def test_two_parameters_of_one_name_are_a_defect(states):
    with pytest.raises(ValueError, match=r"two parameters of a run have the name first\.weight"):
        states.write([Toy(), Toy()], FACTS)
    assert not states.newest.exists()


def test_the_newest_two_are_kept(states):
    for number in (1, 2, 3):
        states.write([counter(number)], {"config": {}, "number": number})
    assert counts(states) == [3, 2]
    assert states.read().metadata == {"config": {}, "number": 3}


def test_a_damaged_newest_state_is_passed_over_and_never_takes_the_place_of_the_whole_one(states):
    for number in (1, 2):
        states.write([counter(number)], {"config": {}, "number": number})
    spoil(states.newest)
    resumed = again(states)
    state = resumed.read()
    assert state.metadata == {"config": {}, "number": 1} and state.path == states.before
    assert state.remarks == [f"{states.newest} is damaged (wrong checksum) and is skipped"]
    resumed.write([counter(7)], FACTS)
    assert counts(states) == [7, 1]
    resumed.write([counter(8)], FACTS)
    assert counts(states) == [8, 7]


def test_a_run_killed_between_two_names_has_the_state_before(states):
    states.write([counter(1)], FACTS)
    os.replace(states.newest, states.before)
    assert again(states).read().path == states.before
    states.write([counter(2)], FACTS)
    assert counts(states) == [2, 1]


def test_nothing_is_read_from_damaged_files_and_from_those_that_are_no_states(states):
    with pytest.raises(UserError, match=r"resume: state\.ckpt in .* cannot be read"):
        states.read()
    for number in (1, 2):
        states.write([counter(number)], FACTS)
        spoil(states.newest)
    with pytest.raises(UserError, match=r"state\.ckpt and state_before\.ckpt in .*--overwrite.*--pre_trained"):
        again(states).read()


def test_a_write_that_fails_leaves_what_there_was(states, monkeypatch):
    for number in (1, 2):
        states.write([counter(number)], FACTS)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("src.checkpoint.detector_file.ms.save_checkpoint", full)
    with pytest.raises(UserError, match="No space left"):
        states.write([counter(3)], FACTS)
    assert counts(states) == [2, 1]
