"""Curves: precision by recall, the threshold of the best F1, histograms; against loops."""

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.curves import RECALLS, best_operating_point, class_curves, envelope, overall_operating_point
from src.evaluation.metrics import evaluate
from tests.evaluation.scenes import CLASS_NAMES, EMPTY, RANDOM, entry, record, scene

BOX, FAR = (0, 0, 100, 100), (200, 200, 250, 250)


def test_precision_is_the_best_at_this_recall_or_more():
    precision, reached = envelope(np.array([True, False, True, True]), 4)
    assert precision[RECALLS <= 0.25].tolist() == [1.0] * 26
    assert precision[(RECALLS > 0.25) & (RECALLS <= 0.75)].tolist() == [0.75] * 50
    assert precision[RECALLS > 0.75].tolist() == [0.0] * 25
    assert reached[[0, 25, 26, 50, 75, 76]].tolist() == [0, 0, 2, 2, 3, 4]


def test_the_best_f1_keeps_or_drops_equal_scores_together():
    best = best_operating_point(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False]), 2)
    assert (best.score, best.precision, best.recall) == (0.8, pytest.approx(2 / 3), 1.0)
    assert best.f1 == pytest.approx(0.8)


@pytest.mark.parametrize("score", [np.zeros(0), np.array([0.9])])
def test_without_a_right_detection_there_is_no_threshold(score):
    assert best_operating_point(score, np.zeros(len(score), bool), 0).f1 is None, "without objects nothing is measured"
    best = best_operating_point(score, np.zeros(len(score), bool), 3)
    assert (best.score, best.f1, best.precision, best.recall) == (None, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("case", [case for case in RANDOM if match(*case).true_positive.any()])
def test_no_threshold_has_a_better_f1(case):
    matches = match(*case)
    counted = ~matches.ignored
    best = overall_operating_point(matches)
    values = {}
    for limit in set(matches.score.tolist()):
        kept = counted & (matches.score >= limit)
        hits = int((matches.true_positive & kept).sum())
        values[limit] = 2 * hits / (kept.sum() + matches.objects.sum())
    assert best.f1 == pytest.approx(max(values.values())) == pytest.approx(values[best.score])
    assert 2 * best.precision * best.recall / (best.precision + best.recall) == pytest.approx(best.f1)


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_curves_hold_every_detection_and_the_scores_of_coco(case):
    matches, wanted = match(*case), evaluate(*case)["per_class"]
    for label, (name, curve) in enumerate(zip(CLASS_NAMES, class_curves(matches), strict=True), start=1):
        assert curve.ap50 is wanted[name]["AP50"] is None or curve.ap50 == pytest.approx(wanted[name]["AP50"], abs=1e-9)
        mine = (matches.label == label) & ~matches.ignored
        assert (
            curve.true_positives.sum() == (mine & matches.true_positive).sum()
            and (curve.true_positives + curve.false_positives).sum() == mine.sum()
        )
        assert (np.diff(curve.precision) <= 0).all()
        reached = ~np.isnan(curve.score)
        assert (np.diff(curve.score[reached]) <= 0).all() and (curve.precision[~reached] == 0).all()
        for recall, limit in zip(RECALLS[reached][1:], curve.score[reached][1:], strict=True):
            hits = (mine & matches.true_positive & (matches.score >= limit)).sum()
            assert hits / matches.objects[label - 1] >= recall


def test_scores_outside_of_0_to_1_have_bins_too():
    annotations = scene(entry(1, [BOX], [1]))
    curve = class_curves(match(annotations, [record(1, 1, BOX, 7.5), record(1, 1, FAR, -2)]))[0]
    assert (curve.edges[0], curve.edges[-1]) == (-2, 7.5)
    assert (
        curve.true_positives[-1] == curve.false_positives[0] == 1
        and curve.true_positives.sum() == curve.false_positives.sum() == 1
    )
