"""Anchors and rows of ground truth, compared with all anchors of a pyramid one by one."""

import numpy as np
import pytest

from src.parts.anchors import AnchorConfig, pyramid_anchors
from src.recipe.anchor_rules import DEFAULT_RATIOS, SCALES, STRIDES, best_iou, unmatched_share
from tests.recipe.situations import SETS, decided, facts, values


def greatest_iou(box: np.ndarray, anchors: np.ndarray) -> float:
    """The IoU of the anchor that fits a box best, in plain loops."""
    best = 0.0
    for x1, y1, x2, y2 in anchors.tolist():
        width, height = min(x2, box[2]) - max(x1, box[0]), min(y2, box[3]) - max(y1, box[1])
        if width > 0 and height > 0:
            areas = (x2 - x1) * (y2 - y1) + (box[2] - box[0]) * (box[3] - box[1])
            best = max(best, width * height / (areas - width * height))
    return best


@pytest.mark.parametrize("scales", [(8,), (3,), (2, 4)])
def test_the_iou_is_that_of_the_best_of_all_anchors(scales):
    rng = np.random.default_rng(3)
    corner, size = rng.random((12, 2)) * 60, np.exp(rng.uniform(np.log(3), np.log(60), (12, 2)))
    boxes = np.concatenate([corner, corner + size], 1)
    anchors = np.concatenate(pyramid_anchors(AnchorConfig(scales, DEFAULT_RATIOS, "centred", False), 128, 128, STRIDES))
    expected = [greatest_iou(box, anchors) for box in boxes]
    np.testing.assert_allclose(best_iou(boxes, scales, DEFAULT_RATIOS), expected, rtol=1e-5)


def test_the_share_counts_objects_under_one_half():
    square = np.array([[16.0, 16, 48, 48], [14.0, 14, 18, 18]])  # the anchor of scale 8 at stride 4, and one of 4 px
    assert unmatched_share(square, (8,), (1.0,)) == 0.5


@pytest.mark.parametrize("name", SETS)
def test_chosen_anchors_match_no_fewer_objects(name):
    chosen = values(decided(SETS[name]))
    boxes = SETS[name].boxes_at(chosen["img_width"], chosen["img_height"])
    before = unmatched_share(boxes, (8,), DEFAULT_RATIOS)
    assert unmatched_share(boxes, tuple(chosen["anchor_scales"]), tuple(chosen["anchor_ratios"])) <= before


@pytest.mark.parametrize("name", SETS)
def test_no_single_scale_fits_much_better_than_the_chosen_one_and_a_larger_one_fits_worse(name):
    chosen = values(decided(SETS[name]))
    boxes = SETS[name].boxes_at(chosen["img_width"], chosen["img_height"])
    (scale,) = chosen["anchor_scales"]
    fits = {each: best_iou(boxes, (each,), tuple(chosen["anchor_ratios"])).mean() for each in SCALES}
    assert max(fits.values()) <= fits[scale] + 0.02
    assert all(fits[larger] < fits[scale] for larger in SCALES if larger > scale)


def test_small_objects_get_small_anchors_and_tall_ones_tall_anchors():
    tiny, usual, tall = (values(decided(SETS[name])) for name in ("all tiny", "all huge", "tall objects"))
    assert tiny["anchor_scales"] < usual["anchor_scales"] and tiny["roi_finest_scale"] < usual["roi_finest_scale"]
    assert max(tall["anchor_ratios"]) >= 3
    reason = decided(SETS["all tiny"])["anchor_scales"].reason
    assert "2,5" not in reason and "500 boxes" in reason and "with [8]" in reason


@pytest.mark.parametrize("most", [1, 60, 66, 67, 100, 300, 1000])
def test_every_object_finds_a_row_and_every_detection_too(most):
    chosen = values(decided(facts(images=2, per_image=most)))
    assert chosen["num_gts"] >= most and chosen["test_max_per_img"] <= chosen["num_gts"]
    assert chosen["test_max_per_img"] >= min(most, 64)


def test_default_boxes_of_ssd_span_the_objects():
    chosen = values(decided(SETS["all tiny"], {"system": "ssd"}))
    assert chosen["ssd_min_scale"] < 0.1 < chosen["ssd_max_scale"]
