"""Kinds of errors: each by hand with what it costs, against loops, disjoint and complete."""

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.error_costs import costs, fix_errors, mean_ap50
from src.evaluation.errors.error_types import (
    BACKGROUND,
    BOTH,
    CLASS,
    DUPLICATE,
    ERROR_TYPES,
    LOCALISATION,
    NO_ERROR,
    find_error_types,
)
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene
from tests.oracles import iou

BOX, OTHER, FAR = (0, 0, 100, 100), (150, 150, 250, 250), (260, 260, 290, 290)
LOOSE = (0, 0, 100, 250)  # IoU .4 with BOX


def _analyse(annotations, records):
    matches = match(annotations, records)
    errors = find_error_types(matches)
    gains = {name: mean_ap50(values) for name, values in costs(matches, errors).items()}
    return matches, errors, {name: gain for name, gain in gains.items() if abs(gain) > 1e-12}


@pytest.mark.parametrize(
    ("label", "box", "kind"),
    [(2, BOX, CLASS), (1, LOOSE, LOCALISATION), (2, LOOSE, BOTH), (1, OTHER, BACKGROUND), (2, FAR, BACKGROUND)],
)
def test_a_wrong_detection_beside_an_object(label, box, kind):
    _, errors, _ = _analyse(scene(entry(1, [BOX], [1])), [record(1, label, box, 0.9)])
    assert errors.detection.tolist() == [kind]
    assert errors.target.tolist() == [0 if kind in (CLASS, LOCALISATION) else -1]
    assert errors.missed.tolist() == [kind not in (CLASS, LOCALISATION)]


def test_a_wrong_class_costs_both_classes_and_fixing_gives_the_object_its_detection():
    annotations = scene(entry(1, [BOX, OTHER], [1, 2]))
    matches, errors, gains = _analyse(annotations, [record(1, 2, BOX, 0.9), record(1, 2, OTHER, 0.5)])
    # Before: cat 0, hund at precision 1/2. Mended: both 1.
    assert gains == {"class": pytest.approx(0.75)}
    assert costs(matches, errors)["class"].tolist()[:2] == pytest.approx([1.0, 0.5])
    assert not errors.missed.any()


def test_a_badly_placed_box_is_fixed_once_an_object():
    annotations = scene(entry(1, [BOX], [1]))
    matches, errors, gains = _analyse(annotations, [record(1, 1, LOOSE, 0.9), record(1, 1, LOOSE, 0.8)])
    assert errors.counts() == dict.fromkeys(ERROR_TYPES, 0) | {"place": 2} and gains == {"place": pytest.approx(1.0)}
    fixed = fix_errors(matches, errors, {LOCALISATION})
    assert fixed.true_positive.tolist() == [True] and fixed.score.tolist() == [0.9]


def test_a_badly_placed_box_on_a_found_object_goes():
    annotations = scene(entry(1, [BOX], [1]))
    matches, errors, gains = _analyse(annotations, [record(1, 1, LOOSE, 0.9), record(1, 1, BOX, 0.8)])
    assert fix_errors(matches, errors, {LOCALISATION}).score.tolist() == [0.8] and gains == {
        "place": pytest.approx(0.5)
    }


def test_duplicates_background_and_both_go():
    annotations = scene(entry(1, [BOX, OTHER], [1, 1]))
    sure = [record(1, 1, BOX, 0.95), record(1, 1, OTHER, 0.2)]
    for wrong, kind in ((record(1, 1, BOX, 0.9), "duplicate"), (record(1, 1, FAR, 0.9), "background")):
        _, errors, gains = _analyse(annotations, [*sure, wrong])
        assert errors.counts()[kind] == 1 and sum(errors.counts().values()) == 1
        # Recall up to .5 has precision 1, the 50 points above it have 2/3.
        assert gains == {kind: pytest.approx(50 / 101 / 3)}
    annotations = scene(entry(1, [BOX, OTHER], [1, 2]))
    _, errors, gains = _analyse(
        annotations, [record(1, 1, BOX, 0.9), record(1, 2, LOOSE, 0.8), record(1, 2, OTHER, 0.5)]
    )
    assert errors.counts() == dict.fromkeys(ERROR_TYPES, 0) | {"both": 1} and gains == {"both": pytest.approx(0.25)}


def test_missed_objects_are_counted_no_more():
    annotations = scene(entry(1, [BOX, OTHER], [1, 1]), entry(2, [BOX], [2]))
    _, errors, gains = _analyse(annotations, [record(1, 1, BOX, 0.9)])
    assert errors.missed.tolist() == [False, True, True]
    assert gains == {"missed": pytest.approx((50 / 101 + 1) / 2)}  # of cat half, of hund everything


def test_place_goes_before_class_and_class_before_duplicate():
    annotations = scene(entry(1, [BOX, LOOSE, OTHER, OTHER], [1, 2, 1, 2]))
    records = [record(1, 1, (0, 0, 100, 240), 0.9), record(1, 1, OTHER, 0.8), record(1, 1, OTHER, 0.7)]
    _, errors, _ = _analyse(annotations, records)
    assert errors.detection.tolist() == [LOCALISATION, NO_ERROR, CLASS]


def test_what_lies_in_a_crowd_is_no_error():
    annotations = scene(entry(1, [(0, 0, 300, 300), FAR], [1, 1], [True, False]))
    _, errors, gains = _analyse(annotations, [record(1, 1, BOX, 0.9), record(1, 1, FAR, 0.8)])
    assert errors.detection.tolist() == [NO_ERROR, NO_ERROR] and not gains


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_everything_has_one_kind_and_the_counts_add_up(case):
    matches = match(*case)
    errors = find_error_types(matches)
    counts = errors.counts()
    wrong = sum(counts.values()) - counts["missed"]
    assert matches.true_positive.sum() + matches.ignored.sum() + wrong + matches.left_out == len(case[1])
    assert ((errors.detection == NO_ERROR) == (matches.true_positive | matches.ignored)).all()
    assert ((errors.target >= 0) == np.isin(errors.detection, [CLASS, LOCALISATION])).all()
    meant = np.isin(np.arange(len(matches.matched_detection)), errors.target)
    assert ((matches.matched_detection >= 0) | meant | errors.missed).all()
    assert not (errors.missed & (meant | (matches.matched_detection >= 0))).any()


def _kind_by_loops(matches, row: int) -> int:
    """The kind of a wrong detection, straight from the definitions."""
    own, other = [0.0], [0.0]
    for number in np.flatnonzero(matches.object_image == matches.image[row]):
        same = matches.object_label[number] == matches.label[row]
        (own if same else other).append(iou(_corners(matches.box[row]), _corners(matches.object_box[number])))
    if 0.1 <= max(own) < 0.5:
        return LOCALISATION
    if max(other) >= 0.5:
        return CLASS
    if max(own) >= 0.5:
        return DUPLICATE
    return BACKGROUND if max(other) < 0.1 else BOTH


@pytest.mark.parametrize("case", RANDOM)
def test_kinds_agree_with_loops(case):
    matches = match(*case)
    kinds = find_error_types(matches).detection
    wrong = np.flatnonzero(~matches.true_positive & ~matches.ignored)
    assert kinds[wrong].tolist() == [_kind_by_loops(matches, row) for row in wrong]


def _corners(box: np.ndarray) -> np.ndarray:
    return np.concatenate([box[:2], box[:2] + box[2:]])


def test_random_scenes_have_mistakes_of_every_kind():
    kinds = np.concatenate([find_error_types(match(*case)).detection for case in RANDOM])
    assert set(kinds.tolist()) == {NO_ERROR, CLASS, LOCALISATION, BOTH, DUPLICATE, BACKGROUND}
