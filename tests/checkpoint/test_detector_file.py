"""Weight files: what is written comes back, and what does not fit is named."""

import errno
import operator
import stat
from dataclasses import replace

import numpy as np
import pytest
from mindspore import Tensor, nn

from src.checkpoint.detector_file import (
    TEACHER_PREFIX,
    DetectorMetadata,
    copy_weights,
    load_detector,
    read_metadata,
    save_detector,
    share_weights,
)
from src.checkpoint.weight_file import read_weights
from src.errors import UserError

pytestmark = pytest.mark.usefixtures("pynative")
CARD = DetectorMetadata({"backbone": "toy", "anchor_scales": [4]}, ["größe", "circle"], [4, 5], 7)


class Toy(nn.Cell):
    """Two layers and batch norm, so that there are moving statistics."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.first = nn.Dense(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Dense(4, outputs)


def values(cell: nn.Cell) -> list[np.ndarray]:
    """All parameters in order."""
    return [parameter.asnumpy().copy() for parameter in cell.get_parameters()]


def assert_equal(some, others) -> None:
    """Number by number."""
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


def teacher() -> Toy:
    """A network under the names that a teacher has in a run."""
    network = Toy()
    network.update_parameters_name(TEACHER_PREFIX)
    return network


def test_a_detector_comes_back_with_its_metadata(tmp_path):
    network, other, path = Toy(), Toy(), tmp_path / "new folder" / "model_0.ckpt"
    save_detector(network, path, CARD)
    assert read_metadata(path) == CARD
    load_detector(other, path)
    assert_equal(values(other), values(network))
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["model_0.ckpt"]


def test_a_teacher_is_saved_and_loaded_under_plain_names(tmp_path):
    network, path = teacher(), tmp_path / "teacher.ckpt"
    save_detector(network, path, CARD)
    plain, again = Toy(), teacher()
    load_detector(plain, path)
    load_detector(again, path)
    assert_equal(values(plain), values(network))
    assert_equal(values(again), values(network))
    assert all(parameter.name.startswith(TEACHER_PREFIX) for parameter in again.get_parameters())


def test_a_newer_file_replaces_an_older_one(tmp_path):
    path = tmp_path / "model_0.ckpt"
    save_detector(Toy(), path, CARD)
    newer = Toy()
    save_detector(newer, path, DetectorMetadata({}, [], [], 8))
    load_detector(Toy(), path)
    assert read_metadata(path).step == 8


def test_weights_are_copied_whatever_their_prefix():
    source, target = Toy(), teacher()
    before = values(source)
    copy_weights(source, target)
    assert_equal(values(target), before)
    target.trainable_params()[0].set_data(Tensor(np.zeros((4, 3), np.float32)))
    assert_equal(values(source), before)


def test_shared_weights_are_the_same_under_both_networks():
    source, target = Toy(), Toy()
    share_weights(source, target)
    assert_equal(values(target), values(source))
    source.norm.moving_mean.set_data(Tensor(np.float32([1, 2, 3, 4])))
    copy_weights(source, target)
    assert_equal(values(target), values(source))
    assert target.norm.moving_mean.asnumpy().tolist() == [1, 2, 3, 4]
    assert all(map(operator.is_, target.get_parameters(), source.get_parameters()))


def test_other_classes_are_refused_by_name(tmp_path):
    path = tmp_path / "model_0.ckpt"
    save_detector(Toy(outputs=2), path, CARD)
    network = Toy(outputs=5)
    before = values(network)
    with pytest.raises(
        UserError, match=r"other classes\?\): \d faults?\n  - last\.weight: expected shape \(5, 4\), got \(2, 4\)"
    ):
        load_detector(network, path)
    assert_equal(values(network), before)


def test_missing_parameters_are_counted(tmp_path):
    path = tmp_path / "dense.ckpt"
    save_detector(nn.Dense(3, 4), path, CARD)
    with pytest.raises(UserError, match=r"first\.weight: not in the file(.|\n)*\.\.\. and 3 more"):
        load_detector(Toy(), path)


def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "mine.ckpt"
    path.write_bytes(b"x")

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("src.checkpoint.detector_file.read_ckpt", refuse)
    with pytest.raises(UserError, match=r"mine\.ckpt: cannot be read: Permission denied$"):
        read_metadata(path)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no checkpoint at .*none\.ckpt"):
        load_detector(Toy(), tmp_path / "none.ckpt")
    save_detector(Toy(), tmp_path / "whole.ckpt", CARD)
    content = (tmp_path / "whole.ckpt").read_bytes()
    for number, damaged in enumerate((content[: len(content) // 2], b"", b"garbage" * 50)):
        path = tmp_path / f"damaged_{number}.ckpt"
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"damaged_{number}\.ckpt"):
            load_detector(Toy(), path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"category_ids": [4]}, "2 class names, but 1 category ids"),
        ({"category_ids": [4, 4]}, "2 classes have the category id 4"),
        ({"class_names": ["a", "a"]}, "2 classes have the name 'a'"),
    ],
)
def test_classes_that_cannot_be_are_refused(tmp_path, changes, told):
    save_detector(Toy(), tmp_path / "a.ckpt", replace(CARD, **changes))
    with pytest.raises(UserError, match=told):
        read_metadata(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("last.weight", np.nan, "8 of its values are not finite"),
        ("norm.moving_variance", -1, "4 of its values are negative"),
    ],
)
def test_weights_that_no_training_gives_are_refused_because_nothing_would_be_found(tmp_path, name, value, told):
    network = Toy()
    parameter = dict(network.parameters_and_names())[name]
    parameter.set_data(Tensor(np.full(parameter.shape, value, np.float32)))
    save_detector(network, tmp_path / "a.ckpt", CARD)
    with pytest.raises(UserError, match=f"(?s)no training gives.*{name}: {told}"):
        load_detector(Toy(), tmp_path / "a.ckpt")


def test_a_folder_in_the_place_of_a_checkpoint_is_told_with_the_one_in_it(tmp_path):
    """--checkpoint_path and --second_checkpoint are read by the one function, --pre_trained by the other."""
    for read in (read_metadata, read_weights):
        with pytest.raises(UserError, match="is a folder.* and has no checkpoint"):
            read(tmp_path)
    for name in ("model_0.ckpt", "best_model.ckpt"):
        (tmp_path / name).write_bytes(b"1")
        for read in (read_metadata, read_weights):
            with pytest.raises(UserError, match=f"is a folder.*; give a checkpoint in it, such as .*/{name}"):
                read(tmp_path)
    with pytest.raises(UserError, match=r"did you mean .*/best_model\.ckpt\?"):
        read_metadata(tmp_path / "bestmodel.ckpt")
