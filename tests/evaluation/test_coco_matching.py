"""Matching: COCO's rules by hand and against loops in plain Python."""

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene
from tests.oracles import iou

BOX, SHIFTED, FAR = (0, 0, 100, 100), (0, 20, 100, 120), (200, 200, 250, 250)


def test_the_best_score_chooses_first_and_takes_the_box_it_overlaps_most():
    annotations = scene(entry(1, [BOX, SHIFTED], [1, 1]))
    matches = match(annotations, [record(1, 1, BOX, 0.5), record(1, 1, (0, 5, 100, 105), 0.9)])
    assert matches.score.tolist() == [0.9, 0.5]
    assert matches.matched_object.tolist() == [
        0,
        1,
    ]  # the second finds the first box taken, and the other one still fits
    assert matches.matched_detection.tolist() == [0, 1] and matches.true_positive.all()


def test_equal_scores_keep_the_order_of_the_records():
    matches = match(scene(entry(1, [BOX], [1])), [record(1, 1, SHIFTED, 0.5), record(1, 1, BOX, 0.5)])
    assert matches.matched_object.tolist() == [0, -1]


def test_classes_and_images_do_not_mix():
    annotations = scene(entry(1, [BOX], [1]), entry(2, [BOX], [2]))
    matches = match(annotations, [record(1, 2, BOX, 0.9), record(2, 1, BOX, 0.8), record(2, 2, BOX, 0.1)])
    assert matches.matched_object.tolist() == [-1, -1, 1] and matches.objects.tolist() == [1, 1, 0]


def test_crowds_swallow_what_has_found_nothing_and_are_no_objects():
    annotations = scene(entry(1, [(0, 0, 300, 300), BOX, FAR], [1, 1, 2], [True, False, True]))
    inside = (150, 150, 170, 170)
    records = [record(1, 1, BOX, 0.9), record(1, 1, inside, 0.8), record(1, 2, inside, 0.7), record(1, 1, BOX, 0.6)]
    matches = match(annotations, records)
    assert matches.true_positive.tolist() == [True, False, False, False]
    assert matches.ignored.tolist() == [False, True, False, True]  # a crowd swallows its own class only
    assert matches.objects.tolist() == [1, 0, 0] and matches.object_box.tolist() == [[0, 0, 100, 100]]


def test_more_than_a_hundred_of_a_class_in_an_image_are_left_out():
    records = [record(1, 1, BOX, score / 200) for score in range(150)] + [record(1, 2, BOX, 0.001)]
    matches = match(scene(entry(1, [BOX], [1])), records)
    assert matches.left_out == 50 and len(matches.score) == 101
    assert matches.score[matches.label == 1].min() == 50 / 200


def _greedy(annotations, matches) -> tuple[list, list]:
    """Which object each detection finds, and which ones crowds swallow, by loops."""
    matched, ignored, free = [], [], set(range(len(matches.object_label)))
    for image, label, box in zip(matches.image, matches.label, matches.box, strict=True):
        corners = np.concatenate([box[:2], box[:2] + box[2:]])
        fits = []
        for number in sorted(free):
            if (matches.object_image[number], matches.object_label[number]) == (image, label):
                other = matches.object_box[number]
                fits.append((iou(corners, np.concatenate([other[:2], other[:2] + other[2:]])), number))
        best, number = max(fits, default=(0, -1))
        matched.append(number if best >= 0.5 else -1)
        free.discard(matched[-1])
        truth = annotations.images[image]
        crowds = truth.boxes[truth.crowd & (truth.labels == label)].astype(float)
        shared = np.clip(np.minimum(crowds[:, 2:], corners[2:]) - np.maximum(crowds[:, :2], corners[:2]), 0, None)
        ignored.append(matched[-1] < 0 and bool((shared.prod(1) >= 0.5 * box[2:].prod()).any()))
    return matched, ignored


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_agrees_with_loops(case):
    annotations, records = case
    matches = match(annotations, records)
    matched, ignored = _greedy(annotations, matches)
    assert matches.matched_object.tolist() == matched and matches.ignored.tolist() == ignored
    assert len(matches.score) + matches.left_out == len(records)
    found = np.flatnonzero(matches.matched_detection >= 0)
    assert (
        matches.matched_object[matches.matched_detection[found]] == found
    ).all() and matches.true_positive.sum() == len(found)
    assert (np.diff(matches.image) >= 0).all() and (np.diff(matches.pair_detection) >= 0).all()
