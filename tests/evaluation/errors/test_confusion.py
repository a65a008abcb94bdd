"""The confusion matrix: by hand, and its sums."""

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.confusion import confusion_matrix
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene

BOX, OTHER, FAR = (0, 0, 100, 100), (150, 150, 250, 250), (260, 260, 290, 290)


def test_right_mixed_up_lost_and_made_up():
    annotations = scene(entry(1, [BOX, OTHER, FAR], [1, 2, 3]))
    records = [
        record(1, 1, BOX, 0.9),  # right
        record(1, 1, OTHER, 0.8),  # takes a hund for a cat
        record(1, 2, (0, 200, 50, 250), 0.7),  # nothing there
        record(1, 3, FAR, 0.1),  # below the threshold
    ]
    matrix = confusion_matrix(match(annotations, records), 0.5)
    assert matrix.tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


def test_a_right_detection_keeps_its_object_from_a_better_one_of_another_class():
    matrix = confusion_matrix(match(scene(entry(1, [BOX], [1])), [record(1, 2, BOX, 0.9), record(1, 1, BOX, 0.6)]), 0.5)
    assert matrix[1].tolist() == [0, 1, 0, 0] and matrix[0].tolist() == [0, 0, 1, 0]


def test_a_right_detection_below_the_threshold_leaves_its_object_to_others():
    matrix = confusion_matrix(match(scene(entry(1, [BOX], [1])), [record(1, 2, BOX, 0.9), record(1, 1, BOX, 0.4)]), 0.5)
    assert matrix[1].tolist() == [0, 0, 1, 0] and matrix[0].sum() == 0


@pytest.mark.parametrize("limit", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_rows_sum_to_objects_and_columns_to_detections(case, limit):
    matches = match(*case)
    matrix = confusion_matrix(matches, limit)
    kept = (matches.score >= limit) & ~matches.ignored
    assert matrix[1:].sum(1).tolist() == matches.objects.tolist()
    assert matrix[:, 1:].sum(0).tolist() == [(kept & (matches.label == label)).sum() for label in (1, 2, 3)]
    assert np.trace(matrix) == (matches.true_positive & kept).sum() and matrix[0, 0] == 0
