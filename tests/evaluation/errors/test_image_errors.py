"""Errors per image, and the order of images by them."""

import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.error_types import BACKGROUND, DUPLICATE, find_error_types
from src.evaluation.errors.image_errors import image_errors
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene

BOX, OTHER, FAR = (0, 0, 100, 100), (150, 150, 250, 250), (260, 260, 290, 290)


def test_wrong_ones_and_lost_objects_count_and_the_worst_comes_first():
    annotations = scene(entry(1, [BOX], [1]), entry(2, [BOX, OTHER], [1, 2]), entry(3))
    records = [record(1, 1, BOX, 0.9), record(2, 1, BOX, 0.9), record(2, 1, BOX, 0.8), record(2, 2, OTHER, 0.1)]
    records += [record(3, 1, FAR, 0.9), record(3, 1, FAR, 0.2)]
    matches = match(annotations, records)
    found = image_errors(matches, find_error_types(matches), 0.5)
    assert found.order.tolist() == [1, 2, 0] and found.errors.tolist() == [0, 2, 1]
    assert found.objects.tolist() == [1, 2, 0] and found.true_positives.tolist() == [1, 1, 0]
    assert found.false_negatives.tolist() == [0, 1, 0]  # its detection has a low score
    assert found.false_negative.tolist() == [False, False, True]
    assert (
        found.false_positives[1, DUPLICATE]
        == found.false_positives[2, BACKGROUND]
        == found.false_positives.sum() / 2
        == 1
    )


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_counts_add_up(case):
    matches = match(*case)
    for limit in (0.0, 0.6):
        found = image_errors(matches, find_error_types(matches), limit)
        assert found.true_positives.sum() + found.false_positives.sum() == found.kept.sum()
        assert (found.true_positives + found.false_negatives == found.objects).all()
        assert (found.errors[found.order][1:] <= found.errors[found.order][:-1]).all()
