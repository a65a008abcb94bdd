"""Labels that may be wrong are found where the detector confidently disagrees."""

import numpy as np
import pytest

from src.labelling.review import Reviewed, describe, rank_by_disagreement

CLASSES = 4


def boxes_of(draw, count):
    """Boxes on a grid of 4 x 4 cells of 60 pixels, so that no two overlap."""
    cells = draw.permutation(16)[:count]
    low = np.stack([cells % 4, cells // 4], axis=1) * 60 + draw.uniform(0, 12, (count, 2))
    return np.concatenate([low, low + draw.uniform(24, 46, (count, 2))], axis=1)


def detected(draw, boxes, labels):
    """A detector of recall 0.9 with jitter, 6 % confusions, and false positives of mostly low score.

    As of detectors that suppress per class, the true class of a confused object stays as a second, weaker detection.
    """
    seen = draw.random(len(boxes)) < 0.9
    found, names = boxes[seen] + draw.normal(0, 2, (seen.sum(), 4)), labels[seen].copy()
    scores = draw.beta(6, 2, seen.sum())
    confused = draw.random(len(names)) < 0.06
    found = np.concatenate([found, found[confused]])
    names = np.concatenate([names, (names[confused] + 1) % CLASSES])
    scores = np.concatenate([np.where(confused, 0.4, 1) * scores, 0.7 * scores[confused]])
    extra = draw.poisson(0.5)
    false = boxes_of(draw, extra) + 240  # beside all objects
    return (
        np.concatenate([found, false]),
        np.concatenate([names, draw.integers(0, CLASSES, extra)]),
        np.concatenate([scores, draw.beta(2, 6, extra)]),
    )


def injected(draw, boxes, labels, kind):
    """One error in the labels of an image."""
    place = draw.integers(len(boxes))
    boxes, labels = boxes.copy(), labels.copy()
    if kind == "missing box":
        return np.delete(boxes, place, 0), np.delete(labels, place)
    if kind == "wrong class":
        labels[place] = (labels[place] + 1 + draw.integers(CLASSES - 1)) % CLASSES
    if kind == "moved box":
        width, height = boxes[place, 2:] - boxes[place, :2]
        boxes[place] += np.tile([0.35 * width * draw.choice([-1, 1]), 0.25 * height * draw.choice([-1, 1])], 2)
    return boxes, labels


def data_set(seed, images=400, share=0.05, kinds=("missing box", "wrong class", "moved box")):
    """Labels of which a share of the images has one error, with detections; and the images with errors, by their kind."""
    draw = np.random.default_rng(seed)
    wrong = {int(i): str(draw.choice(kinds)) for i in draw.permutation(images)[: round(share * images)]}
    found = {}
    for number in range(images):
        count = draw.integers(1, 7)
        boxes, labels = boxes_of(draw, count), draw.integers(0, CLASSES, count)
        detections = detected(draw, boxes, labels)
        if number in wrong:
            boxes, labels = injected(draw, boxes, labels, wrong[number])
        found[f"{number:04d}"] = Reviewed(boxes, labels, *detections)
    return found, {f"{number:04d}": kind for number, kind in wrong.items()}


@pytest.mark.parametrize("seed", range(5))
def test_most_errors_are_among_the_first_of_the_ranking(seed):
    images, wrong = data_set(seed)
    first = list(rank_by_disagreement(images))[: round(0.15 * len(images))]
    assert len(wrong.keys() & set(first)) >= 0.7 * len(wrong)


@pytest.mark.parametrize("kind", ["missing box", "wrong class", "moved box"])
def test_each_kind_of_error_is_found_and_named(kind):
    hits = named = count = 0
    for seed in range(3):
        images, wrong = data_set(seed, kinds=(kind,))
        ranking = rank_by_disagreement(images)
        first = set(list(ranking)[: round(0.15 * len(images))]) & wrong.keys()
        hits, count = hits + len(first), count + len(wrong)
        named += sum(ranking[name][0].kind == kind for name in first)
    assert hits >= 0.7 * count and named >= 0.8 * hits


def one(boxes, labels, found, names, scores):
    shaped = (np.array(values, float).reshape(-1, 4) for values in (boxes, found))
    boxes, found = shaped
    return Reviewed(boxes, np.array(labels, int), found, np.array(names, int), np.array(scores, float))


A, B, C = (0, 0, 10, 10), (50, 50, 70, 70), (80, 0, 90, 10)


def test_hand_sized_images():
    images = {
        "right": one([A, B], [0, 1], [A, B], [0, 1], [0.9, 0.8]),
        "missing": one([A], [0], [A, B], [0, 1], [0.9, 0.8]),
        "class": one([A], [0], [A, A], [1, 0], [0.7, 0.1]),
        "unseen": one([A, C], [0, 0], [A], [0], [0.9]),
        "empty": one([], [], [], [], []),
        "empty, but": one([], [], [C], [1], [0.95]),
    }
    ranking = rank_by_disagreement(images)
    assert list(ranking) == ["empty, but", "class", "missing", "unseen", "empty", "right"]
    assert (
        describe(ranking["missing"][0], ("cat", "dog"))
        == "missing box: dog (50, 50, 70, 70), the detector says dog 0.80"
    )
    assert (
        describe(ranking["class"][0], ("cat", "dog")) == "wrong class: cat (0, 0, 10, 10), the detector says dog 0.70"
    )
    assert ranking["class"][0].suspicion == pytest.approx(0.6)
    assert ranking["empty, but"][0].suspicion == pytest.approx(0.95)
    # Of the 3 detections of dogs from 0.8 on, one more has no label; with 50 of which 0.02 x 50 = 1 has none: 2 of 53.
    assert ranking["missing"][0].suspicion == pytest.approx(0.8 * 0.02 / (2 / 53))
    assert describe(ranking["unseen"][0], ("cat", "dog")) == "nothing there: cat (80, 0, 90, 10)"
    assert not ranking["empty"] and not ranking["right"]


def test_a_moved_label_is_one_disagreement_not_two():
    images = {f"{i}": one([A], [0], [A], [0], [0.9]) for i in range(30)}
    images["moved"] = one([(4, 3, 14, 13)], [0], [A], [0], [0.9])
    ranking = rank_by_disagreement(images)
    assert next(iter(ranking)) == "moved" and [row.kind for row in ranking["moved"]] == ["moved box"]
    assert not any(ranking[str(i)] for i in range(30))


def test_a_detection_without_a_label_says_little_where_such_are_common():
    images = {f"cat {i}": one([A], [0], [A], [0], [0.8]) for i in range(39)}
    images |= {f"dog {i}": one([B] * (i % 2), [1] * (i % 2), [B], [1], [0.95]) for i in range(40)}
    images["missing cat"] = one([], [], [A], [0], [0.8])
    ranking = rank_by_disagreement(images)
    assert next(iter(ranking)) == "missing cat" and ranking["missing cat"][0].suspicion == pytest.approx(0.8)
    # 19 others of 40 dogs have no label; with 1 of 50: 20 of 90.
    assert ranking["dog 0"][0].suspicion == pytest.approx(0.95 * 0.02 / (20 / 90))


def test_a_label_beside_its_box_says_little_where_a_class_is_placed_roughly():
    rough = (2.5, 2.5, 12.5, 12.5)  # IoU with A: 56.25 / 143.75
    images = {f"small {i}": one([rough], [0], [A], [0], [0.6]) for i in range(60)}
    images |= {f"large {i}": one([B], [1], [B], [1], [0.6]) for i in range(60)}
    images["moved, sure"] = one([rough], [0], [A], [0], [0.9])
    images["moved, well placed"] = one([(55, 55, 75, 75)], [1], [B], [1], [0.6])
    ranking = rank_by_disagreement(images)
    assert list(ranking)[:2] == ["moved, sure", "moved, well placed"]
    assert ranking["moved, sure"][0].suspicion == pytest.approx(0.9)
    assert ranking["moved, well placed"][0].suspicion == pytest.approx(0.6)
    # 60 others of 61 labels are as far off or farther; with 0.01 x 50 of 50: 60.5 of 111.
    assert ranking["small 0"][0].suspicion == pytest.approx(0.6 * 0.01 / (60.5 / 111))
