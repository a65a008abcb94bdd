"""Assignment of ground truth to anchors or proposals (Ren et al. 2015, section 3.1.2).

Axes: B images, G ground-truth boxes, A anchors or proposals.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import boxes as box_ops

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1
CROWD_IOF = 0.5
# Dummy boxes in place of padding rows of the ground truth and of boxes that are not allowed. They overlap nothing, not even each
# other, and their area is not 0, so that IoU is defined.
NOWHERE = (-9000.0, -9000.0, -8999.0, -8999.0)
ELSEWHERE = (-7000.0, -7000.0, -6999.0, -6999.0)


@dataclass(frozen=True)
class MatchThresholds:
    """IoU thresholds of the matcher.

    Attributes:
        positive: a box is positive at this IoU or above; negative: it is negative below; between them it is ignored.
        low_quality: the best box of a ground-truth box is positive at this IoU or above, too (low-quality matches).
    """

    positive: float
    negative: float
    low_quality: float


def match(
    boxes: Tensor,
    gt_boxes: Tensor,
    gt_valid: Tensor,
    gt_crowd: Tensor,
    thresholds: MatchThresholds,
    allowed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Assign to each box the ground truth that it overlaps most, and label the match.

    Only allowed boxes can be the best box of a ground-truth box. A box that would be negative is ignored if a crowd region covers
    at least half of it.

    If several boxes have the greatest IoU with an object, the first is its best box. A box that is the best box of several objects
    is assigned to the one with the greatest IoU, and among equal ones to the first.

    Args:
        boxes: [A, 4] float32 (x1, y1, x2, y2), the same for all images, or [B, A, 4].
        gt_boxes: [B, G, 4] float32 in the same pixels; gt_valid, gt_crowd: [B, G] bool; rows with neither are padding.
        allowed: bool, shape of `boxes` without the coordinates; the others are labelled IGNORED and are never a best
            box. None: all are allowed.

    Returns:
        matched [B, A] int32: row of the ground truth; match labels [B, A] int32: POSITIVE, NEGATIVE or IGNORED.
    """
    nowhere = Tensor(NOWHERE, mstype.float32)
    if allowed is not None:
        boxes = ops.where(allowed[..., None], boxes, Tensor(ELSEWHERE, mstype.float32))
    iou_BGA = box_ops.iou(ops.where(gt_valid[..., None], gt_boxes, nowhere), boxes)
    matched_BA, best_iou_BA = ops.ArgMaxWithValue(axis=1)(iou_BGA)
    label_BA = ops.where(best_iou_BA >= thresholds.positive, POSITIVE, IGNORED)
    label_BA = ops.where(best_iou_BA < thresholds.negative, NEGATIVE, label_BA)

    iof_BA = box_ops.max_iof(ops.where(gt_crowd[..., None], gt_boxes, nowhere), boxes)
    label_BA = ops.where(ops.logical_and(iof_BA >= CROWD_IOF, label_BA == NEGATIVE), IGNORED, label_BA)

    if thresholds.low_quality < thresholds.positive:
        best_box_BG, iou_BG = ops.ArgMaxWithValue(axis=2)(iou_BGA)
        overlaps_BG = ops.logical_and(iou_BG >= thresholds.low_quality, iou_BG > 0)
        claims_BG = _only_best(best_box_BG, iou_BG, ops.logical_and(gt_valid, overlaps_BG))
        matched_BA, label_BA = _claim(matched_BA, label_BA, best_box_BG, claims_BG)
    if allowed is not None:
        label_BA = ops.where(allowed, label_BA, IGNORED)
    return matched_BA.astype(mstype.int32), label_BA.astype(mstype.int32)


def _only_best(box_BG: Tensor, iou_BG: Tensor, claims_BG: Tensor) -> Tensor:
    """The claims without those for a box that another row claims with a greater IoU, or with an equal one and a lower index.

    A scatter with two values for one element may write either, so each box must be claimed by one row only.
    """
    rows = box_BG.shape[1]
    iou_BG = ops.where(claims_BG, iou_BG, -1.0)
    mine, other = iou_BG[:, :, None], iou_BG[:, None, :]
    comes_first_GG = Tensor(np.tril(np.ones((rows, rows), bool), -1))
    better_BGG = ops.logical_or(other > mine, ops.logical_and(other == mine, comes_first_GG))
    beaten_BGG = ops.logical_and(better_BGG, box_BG[:, :, None] == box_BG[:, None, :])
    return ops.logical_and(claims_BG, ops.logical_not(beaten_BGG.any(axis=2)))


def _claim(matched_BA: Tensor, label_BA: Tensor, box_BG: Tensor, claims_BG: Tensor) -> tuple[Tensor, Tensor]:
    """Make box_BG positive for its ground truth where claims_BG; the other rows write to a spare column that is removed."""
    batch, count = label_BA.shape
    rows = box_BG.shape[1]
    spare = ops.zeros((batch, 1), mstype.int32)
    target_BG = ops.where(claims_BG, box_BG, count).astype(mstype.int32)
    row_BG = ops.broadcast_to(ops.arange(rows).astype(mstype.int32)[None], (batch, rows))
    matched = ops.tensor_scatter_elements(ops.concat((matched_BA.astype(mstype.int32), spare), 1), target_BG, row_BG, 1)
    label = ops.concat((label_BA.astype(mstype.int32), spare), 1)
    label = ops.tensor_scatter_elements(label, target_BG, ops.full_like(row_BG, POSITIVE), 1)
    return matched[:, :count], label[:, :count]
