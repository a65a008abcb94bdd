"""Region proposal network (RPN): objectness and offsets of every anchor, and their loss (Ren et al. 2015, section 3.1).

Axes: B images, A anchors of all levels, G ground-truth boxes, S sampled anchors.
"""

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype
from mindspore.common.initializer import Normal

from src.parts import box_coder, boxes
from src.parts.backbones.convolution import Convolution
from src.parts.losses import binary_cross_entropy, smooth_l1
from src.parts.matcher import match
from src.parts.sampler import SamplingConfig, priorities, sample

STDS = (1.0, 1.0, 1.0, 1.0)
SMOOTH_L1_BETA = 1.0 / 9.0


class Rpn(nn.Cell):
    """One prediction head for all levels: 3x3 convolution, then 1x1 for objectness and for offsets."""

    def __init__(self, channels: int, anchors_per_cell: int) -> None:
        super().__init__()
        self.conv = Convolution(
            channels, channels, 3, pad_mode="same", has_bias=True, weight_init=Normal(0.01), bias_init="zeros"
        )
        self.objectness = Convolution(
            channels, anchors_per_cell, 1, has_bias=True, weight_init=Normal(0.01), bias_init="zeros"
        )
        self.offsets = Convolution(
            channels, 4 * anchors_per_cell, 1, has_bias=True, weight_init=Normal(0.01), bias_init="zeros"
        )

    def construct(self, features: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Objectness logits [B, A_level] and offsets [B, A_level, 4], float32, one of each per level, in the order of `grid_anchors`."""
        logits, deltas = (), ()
        for feature in features:
            hidden = ops.relu(self.conv(feature))
            batch = hidden.shape[0]
            logit = ops.transpose(self.objectness(hidden), (0, 2, 3, 1)).reshape(batch, -1)
            delta = ops.transpose(self.offsets(hidden), (0, 2, 3, 1)).reshape(batch, -1, 4)
            logits = logits + (logit.astype(mstype.float32),)
            deltas = deltas + (delta.astype(mstype.float32),)
        return logits, deltas


def rpn_loss(
    logits: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    allowed: Tensor,
    ground_truth: tuple[Tensor, Tensor, Tensor, Tensor],
    priority_table: Tensor,
    step: Tensor,
    sampling: SamplingConfig,
) -> tuple[Tensor, Tensor]:
    """Objectness and box regression loss per image, both divided by the number of sampled anchors (Ren et al. 2015, eq. 1).

    Args:
        logits: [B, A]; deltas: [B, A, 4]; anchors: [A, 4] (x1, y1, x2, y2); allowed: [A] bool, anchors that are
            matched and trained on (section 3.3: those inside the image).
        ground_truth: gt_boxes [B, G, 4], gt_labels [B, G], gt_valid [B, G], gt_crowd [B, G].
        priority_table: [A] of `sampler.priority_table`; step: scalar int32.

    Returns:
        classification [B], regression [B], float32.
    """
    gt_boxes, _, gt_valid, gt_crowd = ground_truth
    matched, labels = match(anchors, gt_boxes, gt_valid, gt_crowd, sampling.thresholds, allowed)
    index, positive, valid = sample(labels, priorities(priority_table, step), sampling)
    positive = positive.astype(mstype.float32)
    cross_entropy = binary_cross_entropy(ops.gather_elements(logits, 1, index), positive) * valid.astype(mstype.float32)

    gt_of_anchor = boxes.take_rows(gt_boxes, ops.gather_elements(matched, 1, index))
    target = ops.stop_gradient(box_coder.encode(gt_of_anchor, ops.gather(anchors, index, 0), STDS))
    distance = smooth_l1(boxes.take_rows(deltas, index), target, SMOOTH_L1_BETA).sum(-1) * positive
    return cross_entropy.sum(-1) / sampling.size, distance.sum(-1) / sampling.size
