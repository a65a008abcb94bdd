"""Assignment of ground truth to default boxes, and the loss of SSD (Liu et al. 2016, SSD, section 2.2).

Matching is part of the graph, because pseudo-labels exist only there. On one core it takes 4 ms per image with 32 rows of ground
truth and 14 ms with 128 (NumPy on the host: 4 ms for 8 objects), which is a small part of the training time per image.

Axes: B images, N default boxes, G ground-truth boxes, C classes with background first.
"""

from dataclasses import dataclass

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import box_coder, boxes
from src.parts.losses import sigmoid_focal, smooth_l1, softmax_focal
from src.parts.matcher import NEGATIVE, POSITIVE, MatchThresholds, match

STDS = (0.1, 0.1, 0.2, 0.2)
SMOOTH_L1_BETA = 1.0


@dataclass(frozen=True)
class SsdLossConfig:
    """Thresholds of the matcher, and the classification loss.

    Attributes:
        thresholds: of the matcher.
        kind: "focal" or "hard_negative", see `ssd_loss`.
        focal_gamma, focal_alpha: of the focal loss, see `sigmoid_focal`.
        negative_ratio: hard negatives for each positive.
    """

    thresholds: MatchThresholds
    kind: str
    focal_gamma: float
    focal_alpha: float
    negative_ratio: float


def ssd_loss(
    logits: Tensor,
    deltas: Tensor,
    default_boxes: Tensor,
    ground_truth: tuple[Tensor, Tensor, Tensor, Tensor],
    config: SsdLossConfig,
) -> tuple[Tensor, Tensor]:
    """Classification and box regression loss per image, both divided by the number of its matched boxes (eq. 1 to 3).

    The classification loss is summed over the boxes. "focal": sigmoid focal loss of every class of every box, background being a class.
    "hard_negative": softmax cross-entropy of the matched boxes and of the hardest negatives, negative_ratio of them per
    matched box.

    The divisor is computed per image and is at least 1: the loss of an image does not depend on the rest of the batch, and an
    image without objects is trained as background. (In the model zoo the divisor is the number of matched boxes of the whole
    batch; in the paper the loss of an image without objects is 0.)

    Args:
        logits: [B, N, C]; deltas: [B, N, 4] of `MultiBox`; default_boxes: [N, 4] float32 (x1, y1, x2, y2) in pixels.
        ground_truth: gt_boxes [B, G, 4], gt_labels [B, G], gt_valid [B, G], gt_crowd [B, G].

    Returns:
        classification [B], regression [B], float32.
    """
    gt_boxes, gt_labels, gt_valid, gt_crowd = ground_truth
    matched, match_labels = match(default_boxes, gt_boxes, gt_valid, gt_crowd, config.thresholds)
    labels = ops.where(match_labels == POSITIVE, ops.gather_elements(gt_labels, 1, matched), 0)
    positive = (match_labels == POSITIVE).astype(mstype.float32)
    count = ops.maximum(positive.sum(-1), Tensor(1.0, mstype.float32))
    if config.kind == "focal":
        classification = _focal(logits, labels, match_labels, config)
    else:
        classification = _hard_negative(logits, labels, match_labels, count * config.negative_ratio)

    target = ops.stop_gradient(box_coder.encode(boxes.take_rows(gt_boxes, matched), default_boxes, STDS))
    distance = smooth_l1(deltas, target, SMOOTH_L1_BETA).sum(-1) * positive
    return classification / count, distance.sum(-1) / count


def _focal(logits: Tensor, labels: Tensor, match_labels: Tensor, config: SsdLossConfig) -> Tensor:
    """Sum over all boxes that are not ignored: [B]."""
    target = ops.one_hot(labels, logits.shape[-1], 1.0, 0.0).astype(mstype.float32)
    of_box = sigmoid_focal(logits, target, config.focal_gamma, config.focal_alpha).sum(-1)
    used = ops.logical_or(match_labels == POSITIVE, match_labels == NEGATIVE).astype(mstype.float32)
    return (of_box * used).sum(-1)


def _hard_negative(logits: Tensor, labels: Tensor, match_labels: Tensor, count: Tensor) -> Tensor:
    """Sum over the matched boxes and the `count` [B] hardest negatives: [B]."""
    shape = labels.shape
    cross_entropy = softmax_focal(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), 0.0).reshape(shape)
    hardness, order = ops.topk(ops.where(match_labels == NEGATIVE, ops.stop_gradient(cross_entropy), -1.0), shape[1])
    rank = ops.arange(shape[1]).astype(mstype.float32)[None]
    chosen = ops.logical_and(rank < count[:, None], hardness >= 0).astype(mstype.float32)
    positive = (match_labels == POSITIVE).astype(mstype.float32)
    return (cross_entropy * positive).sum(-1) + (ops.gather_elements(cross_entropy, 1, order) * chosen).sum(-1)
