"""Which anchor (or proposal) answers for which ground-truth box (Ren et al. 2015, section 3.1.2).

Axes: G ground-truth boxes, A anchors or proposals.
"""

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import boxes as box_ops

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1


def match(
    boxes: Tensor,
    gt_boxes: Tensor,
    gt_valid: Tensor,
    gt_crowd: Tensor,
    positive_iou: float,
    negative_iou: float,
    lowest_best_iou: float,
) -> tuple[Tensor, Tensor]:
    """Give each box the ground truth it overlaps most, and a state.

    A box is positive at an IoU of `positive_iou` and more, and also when no other box overlaps one of the ground-truth
    boxes better and that IoU is at least `lowest_best_iou`; negative below `negative_iou`; ignored in between. A box
    that would be negative is ignored where a crowd region covers at least half of it.

    Args:
        boxes: [A, 4] float32 (x1, y1, x2, y2).
        gt_boxes: [G, 4] float32 in the same pixels; gt_valid, gt_crowd: [G] bool; rows with neither are padding.

    Returns:
        matched [A] int32: row of the ground truth; state [A] int32: POSITIVE, NEGATIVE or IGNORED.
    """
    iou_GA = box_ops.iou_matrix(gt_boxes, boxes)
    iou_GA = ops.select(ops.broadcast_to(gt_valid[:, None], iou_GA.shape), iou_GA, ops.full_like(iou_GA, -1.0))
    matched_A, best_iou_A = ops.ArgMaxWithValue(axis=0)(iou_GA)
    state_A = ops.where(best_iou_A >= positive_iou, POSITIVE, IGNORED)
    state_A = ops.where(best_iou_A < negative_iou, NEGATIVE, state_A)

    if lowest_best_iou < positive_iou:
        best_of_gt_G = ops.maximum(iou_GA.max(axis=1), Tensor(lowest_best_iou, mstype.float32))
        is_best_GA = ops.equal(iou_GA, best_of_gt_G[:, None]).astype(mstype.float32)
        row_A, any_A = ops.ArgMaxWithValue(axis=0)(is_best_GA)
        matched_A = ops.where(any_A > 0, row_A, matched_A)
        state_A = ops.where(any_A > 0, POSITIVE, state_A)

    crowd_GA = box_ops.covered_share(gt_boxes, boxes) * gt_crowd.astype(mstype.float32)[:, None]
    in_crowd_A = crowd_GA.max(axis=0) >= 0.5
    state_A = ops.where(ops.logical_and(in_crowd_A, state_A == NEGATIVE), IGNORED, state_A)
    return matched_A.astype(mstype.int32), state_A.astype(mstype.int32)
