"""Which labelled images are put aside."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import Raw

from src.data.annotations import Annotations, ImageEntry
from src.data.held_out import choose_held_out, hold_out
from src.data.training_data import TrainingData
from src.errors import UserError


def image(number: int, *labels: int, also_unlabelled: bool = False) -> ImageEntry:
    """With an object of each label."""
    boxes = np.tile(np.array([[0, 0, 9, 9]], np.float32), (len(labels), 1))
    crowd = np.zeros(len(labels), bool)
    return ImageEntry(
        number, f"{number}.png", 20, 20, True, boxes, np.array(labels, np.int32), crowd, also_unlabelled=also_unlabelled
    )


MANY = [image(number, 1 + number % 3) for number in range(40)] + [image(number) for number in range(40, 50)]


def test_the_choice_is_a_rule_of_the_seed():
    first = choose_held_out(MANY, 0.2, 7, 3)
    assert first == choose_held_out(MANY, 0.2, 7, 3) and len(first) == 10 and first == sorted(set(first))
    assert choose_held_out(MANY, 0.2, 8, 3) != first


@pytest.mark.parametrize("seed", range(20))
def test_every_class_is_in_the_probe_and_is_left_to_learn_from(seed):
    # Class 3 is in two images only, class 4 in one.
    entries = [image(number, 1, 2) for number in range(16)] + [image(16, 3), image(17, 3, 1), image(18, 4), image(19)]
    chosen = choose_held_out(entries, 0.2, seed, 5)
    assert len(chosen) == 4
    inside = {label for index in chosen for label in entries[index].labels.tolist()}
    left = {label for index in set(range(20)) - set(chosen) for label in entries[index].labels.tolist()}
    assert {1, 2, 3} <= inside and 4 not in inside and left == {1, 2, 3, 4}


def test_where_nothing_can_be_put_aside_that_is_said():
    with pytest.raises(UserError, match="needs two labelled images"):
        choose_held_out(MANY[:1], 0.5, 0, 3)
    with pytest.raises(UserError, match="the only one of a class"):
        choose_held_out([image(0, 1), image(1, 2)], 0.5, 0, 2)


def test_the_probe_counts_as_unlabelled():
    entries = (*MANY[:9], image(9, 1, also_unlabelled=True))
    annotations = Annotations(("a", "b", "c"), (1, 2, 3), entries)
    data = TrainingData(annotations, annotations.labelled, annotations.unlabelled, None)
    held = hold_out(data, 0.9, 0)
    names = {entry.file_name for entry in held.held_out}
    assert names | {entry.file_name for entry in held.labelled} == {entry.file_name for entry in entries}
    assert len(held.held_out) + len(held.labelled) == 10 and all(len(entry.boxes) for entry in held.held_out)
    assert not any(entry.labelled or len(entry.boxes) for entry in held.unlabelled)
    # The image of both streams is not there twice.
    assert sorted(entry.file_name for entry in held.unlabelled) == sorted(names | {"9.png"})


def test_an_image_put_aside_leaves_its_masks_behind():
    masked = [replace(entry, outlines=(Raw(b"[]"),) * len(entry.labels), areas=entry.boxes[:, 0]) for entry in MANY]
    data = hold_out(TrainingData(Annotations(("a", "b", "c"), (1, 2, 3), ()), tuple(masked), (), None), 0.2, 7)
    assert all(entry.outlines is None and entry.areas is None for entry in data.unlabelled)
    assert all(len(entry.outlines) == len(entry.labels) for entry in (*data.labelled, *data.held_out))
