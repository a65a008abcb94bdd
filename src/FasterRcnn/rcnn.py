"""Box head: class and box regression of each RoI, sampling of RoIs, loss and detections (Girshick 2015, Fast R-CNN; Ren et al. 2015).

Axes: B images, P proposals, G ground-truth boxes, S sampled RoIs per image, R RoIs per image, C classes with background first,
K detections.
"""

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype
from mindspore.common.initializer import HeUniform, Normal

from src.parts import box_coder, boxes
from src.parts.detections import DetectionConfig, best_pairs, detections
from src.parts.losses import smooth_l1, softmax_focal
from src.parts.matcher import match
from src.parts.sampler import SamplingConfig, priorities, sample

STDS = (0.1, 0.1, 0.2, 0.2)
SMOOTH_L1_BETA = 1.0


class BoxHead(nn.Cell):
    """Two dense layers, then one for class logits and one for the offsets of every class."""

    def __init__(self, in_features: int, hidden: int, class_count: int) -> None:
        super().__init__()
        self.fc1 = nn.Dense(in_features, hidden, weight_init=HeUniform(), bias_init="zeros")
        self.fc2 = nn.Dense(hidden, hidden, weight_init=HeUniform(), bias_init="zeros")
        self.classes = nn.Dense(hidden, class_count, weight_init=Normal(0.01), bias_init="zeros")
        self.offsets = nn.Dense(hidden, 4 * class_count, weight_init=Normal(0.001), bias_init="zeros")

    def construct(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Map pooled RoIs [N, in_features] to class logits [N, C] and offsets [N, C, 4], float32."""
        hidden = self.features(pooled)
        logits = self.classes(hidden).astype(mstype.float32)
        deltas = self.offsets(hidden).astype(mstype.float32)
        return logits, deltas.reshape(deltas.shape[0], -1, 4)

    def features(self, pooled: Tensor) -> Tensor:
        """Map pooled RoIs [N, in_features] to the features before the last layers, [N, hidden]."""
        return ops.relu(self.fc2(ops.relu(self.fc1(pooled))))


def sample_rois(
    proposals: Tensor,
    proposals_valid: Tensor,
    ground_truth: tuple[Tensor, Tensor, Tensor, Tensor],
    priority_table: Tensor,
    step: Tensor,
    sampling: SamplingConfig,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sample the RoIs for training from the proposals and the ground-truth boxes.

    Args:
        proposals [B, P, 4], proposals_valid [B, P]; ground_truth: gt_boxes [B, G, 4], gt_labels, gt_valid, gt_crowd [B, G].
        priority_table: [G + P] of `sampler.priority_table`; step: scalar int32.

    Returns:
        rois [B, S, 4] float32, positives first; labels [B, S] int32, 0 is background; gt_row [B, S] int32, for
        positives the row of their ground truth; valid [B, S] bool.
    """
    gt_boxes, gt_labels, gt_valid, gt_crowd = ground_truth
    candidates = ops.concat((gt_boxes, proposals), 1)
    usable = ops.concat((gt_valid, proposals_valid), 1)
    matched, match_labels = match(candidates, gt_boxes, gt_valid, gt_crowd, sampling.thresholds, usable)
    index, positive, valid = sample(match_labels, priorities(priority_table, step), sampling)
    row = ops.gather_elements(matched, 1, index)
    labels = ops.where(positive, ops.gather_elements(gt_labels, 1, row), 0)
    return boxes.take_rows(candidates, index), labels.astype(mstype.int32), row, valid


def rcnn_loss(
    logits: Tensor, deltas: Tensor, rois: Tensor, labels: Tensor, gt_boxes: Tensor, valid: Tensor, focal_gamma: float
) -> tuple[Tensor, Tensor]:
    """Classification and box regression loss per image, both divided by the number of its valid RoIs (Girshick 2015, eq. 1).

    Args:
        logits [B * S, C], deltas [B * S, C, 4] of `BoxHead`; rois, labels, valid: of `sample_rois`; gt_boxes: [B, S, 4], the
        ground-truth box of each RoI.

    Returns:
        classification [B], regression [B], float32.
    """
    shape = labels.shape
    weight = valid.astype(mstype.float32)
    divisor = ops.maximum(weight.sum(-1), Tensor(1.0, mstype.float32))
    classification = softmax_focal(logits, labels.reshape(-1), focal_gamma).reshape(shape) * weight

    positive = ops.logical_and(valid, labels > 0).astype(mstype.float32)
    target = ops.stop_gradient(box_coder.encode(gt_boxes, rois, STDS)).reshape(-1, 4)
    of_label = ops.one_hot(labels.reshape(-1), logits.shape[-1], 1.0, 0.0).astype(mstype.float32)
    chosen = (deltas * of_label[..., None]).sum(1)
    distance = smooth_l1(chosen, target, SMOOTH_L1_BETA).sum(-1).reshape(shape) * positive
    return classification.sum(-1) / divisor, distance.sum(-1) / divisor


def detect(
    logits: Tensor,
    deltas: Tensor,
    proposals: Tensor,
    valid: Tensor,
    height: float | Tensor,
    width: float | Tensor,
    config: DetectionConfig,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Detections per image, best first; one RoI may give several, of different classes.

    Args:
        logits [B * R, C], deltas [B * R, C, 4] of `BoxHead`; proposals [B, R, 4]; valid [B, R].
        height, width: pixels that boxes are clipped to: numbers, or float32 [B, 1, 1] for each image.

    Returns:
        boxes [B, K, 4] float32 (x1, y1, x2, y2) clipped to the image, scores [B, K] float32, labels [B, K] int32 in
        1..C-1, class probabilities [B, K, C] float32, valid [B, K] bool. Rows that are not valid have score 0.
    """
    batch, count = valid.shape
    class_count = logits.shape[-1]
    probabilities = ops.softmax(logits, -1).reshape(batch, count, class_count)

    scores = ops.where(valid[..., None], probabilities, -1.0)[..., 1:]
    score, roi, label = best_pairs(scores, config.candidates)
    delta = boxes.take_rows(deltas.reshape(batch, -1, 4), roi * class_count + label)
    box = boxes.clip_to_image(box_coder.decode(delta, boxes.take_rows(proposals, roi), STDS), height, width)
    return detections(score, roi, label, box, probabilities, config)
