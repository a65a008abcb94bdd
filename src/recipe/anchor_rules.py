"""Rules that follow the sizes and numbers of objects: anchors, RoI levels, rows of ground truth.

Axes: N objects.
"""

import numpy as np

from src.parts.anchors import cell_anchors
from src.recipe.choice import Choice, Settings, Situation, percent
from src.recipe.data_summary import side_lengths

STRIDES = (4, 8, 16, 32, 64)  # of the feature pyramid
MATCHED_IOU = 0.5
DEFAULT_SCALES, DEFAULT_RATIOS = (8,), (0.5, 1.0, 2.0)  # Lin et al. 2017, section 4.1
SCALES = (8, 6, 4, 3, 2)
RATIOS = (DEFAULT_RATIOS, (1.0, 2.0, 3.0), (0.33, 0.5, 1.0), (0.33, 1.0, 3.0), (0.25, 0.5, 1.0, 2.0, 4.0))
_WORTH_IT = 0.02  # mean IoU by which other anchors must fit the objects better
_MOST_BOXES = 20_000  # that are compared with anchors, evenly chosen
_ROI_SIDE = 7  # roi_finest_scale by anchor scale: 56 for 8, Lin et al. 2017, equation 1


def anchors(situation: Situation, now: Settings) -> list[Choice]:
    """Scale and ratios of the anchors: those that fit the objects best (mean IoU; Redmon and Farhadi 2017, section 2).

    Of scales that fit about equally well the larger one, which leaves objects to finer levels of the pyramid.
    """
    if now["system"] == "ssd":
        return _default_boxes(situation, now)
    boxes = situation.data.boxes_at(now["img_width"], now["img_height"])
    boxes = boxes[:: -(-len(boxes) // _MOST_BOXES)]
    scales = [tuple(now["anchor_scales"])] if "anchor_scales" in now.given else [(scale,) for scale in SCALES]
    ratios = [tuple(now["anchor_ratios"])] if "anchor_ratios" in now.given else RATIOS
    best, best_fit = None, -1.0
    for candidate in ((some_scales, some_ratios) for some_ratios in ratios for some_scales in scales):
        fit = float(best_iou(boxes, *candidate).mean())
        if fit > best_fit + _WORTH_IT:  # the simplest and largest come first
            best, best_fit = candidate, fit
    before, after = (unmatched_share(boxes, *each) for each in ((DEFAULT_SCALES, DEFAULT_RATIOS), best))
    low, high = (round(side) for side in np.quantile(side_lengths(boxes), (0.25, 0.75)))
    matched = (
        f"{percent(before)} of the objects have no anchor of IoU {MATCHED_IOU} with [8], {percent(after)} with these, "
        f"whose mean IoU with the objects is {best_fit:.2f}"
    )
    counted = f"half of the {len(situation.data.boxes):,} boxes are {low} to {high} px at this input size"
    border = "objects at the border of the image count, as in torchvision; with small inputs they are many"
    return [
        Choice("anchor_scales", list(best[0]), f"{counted}; {matched}"),
        Choice("anchor_ratios", list(best[1]), f"height / width of the boxes: {_quartiles(boxes)}"),
        Choice("anchors_inside_only", False, border),
    ]


def unmatched_share(boxes: np.ndarray, scales: tuple[float, ...], ratios: tuple[float, ...]) -> float:
    """Share of boxes [N, 4] in pixels of the input that no anchor of a feature pyramid matches at IoU 0.5.

    Of every level the anchors of the nearest cell are compared: their IoU is the greatest of their level.
    """
    return float((best_iou(boxes, scales, ratios) < MATCHED_IOU).mean()) if len(boxes) else 0.0


def best_iou(boxes: np.ndarray, scales: tuple[float, ...], ratios: tuple[float, ...]) -> np.ndarray:
    """IoU of each box with the anchor that fits it best, float64 [N]; anchors lie around the middle of cells."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    best = np.zeros(len(boxes))
    for stride in STRIDES:
        off_x, off_y = (np.abs(centre % stride - stride / 2) for centre in (x, y))
        for x1, y1, x2, y2 in cell_anchors(stride, scales, ratios):
            overlap = _overlap(width, x2 - x1, off_x) * _overlap(height, y2 - y1, off_y)
            best = np.maximum(best, overlap / (width * height + (x2 - x1) * (y2 - y1) - overlap))
    return best


def roi_level(situation: Situation, now: Settings) -> list[Choice]:
    """The level that RoIs are pooled from, in the proportion to anchors that the feature pyramid was published with."""
    if now["system"] == "ssd":
        return []
    scale = min(now["anchor_scales"])
    reason = "7 times the anchor scale, as 56 goes with 8 (Lin et al. 2017, equation 1); configs/small_data.yaml has 28 for 4"
    return [Choice("roi_finest_scale", _ROI_SIDE * scale, reason)]


def ground_truth_rows(situation: Situation, now: Settings) -> list[Choice]:
    """Rows of ground truth, and detections per image, which become pseudo-labels and must find room in them."""
    most = situation.data.most_rows
    rows = max(64, -(-3 * most // 2 // 16) * 16)
    per_image = min(rows, 100) if most <= 66 else rows
    if "num_gts" in now.given:
        per_image = min(per_image, now["num_gts"])
    if "test_max_per_img" in now.given:
        rows = max(rows, now["test_max_per_img"])
    reason = f"the fullest labelled image has {most} objects; half as many again for those that will be labelled"
    return [
        Choice("num_gts", rows, reason),
        Choice("test_max_per_img", per_image, "COCO's 100, or as many as there may be objects"),
    ]


def _overlap(length: np.ndarray, other: float, offset: np.ndarray) -> np.ndarray:
    """Length that two intervals share whose centres are `offset` apart."""
    return np.clip(np.minimum(length / 2, offset + other / 2) - np.maximum(-length / 2, offset - other / 2), 0, None)


def _quartiles(boxes: np.ndarray) -> str:
    ratios = (boxes[:, 3] - boxes[:, 1]) / (boxes[:, 2] - boxes[:, 0])
    low, high = np.quantile(ratios, (0.25, 0.75))
    return f"{low:.1f} to {high:.1f} for half of them"


def _default_boxes(situation: Situation, now: Settings) -> list[Choice]:
    """SSD: scales of the first and of the last feature map, from the smallest and the largest objects."""
    boxes = situation.data.boxes_at(now["img_width"], now["img_height"])
    sides = side_lengths(boxes) / np.sqrt(now["img_width"] * now["img_height"])
    low, high = np.quantile(sides, (0.1, 0.95))
    reason = "of the input is the side of the {} of the objects (Liu et al. 2016, section 2.2; not measured)"
    return [
        Choice(
            "ssd_min_scale", round(float(np.clip(low, 0.04, 0.3)), 2), f"{low:.2f} " + reason.format("smallest tenth")
        ),
        Choice(
            "ssd_max_scale",
            round(float(np.clip(high, 0.4, 0.95)), 2),
            f"{high:.2f} " + reason.format("largest twentieth"),
        ),
    ]
