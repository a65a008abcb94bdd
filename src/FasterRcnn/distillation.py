"""Losses of a student that imitates a teacher's outputs (Kay et al. 2024, ALDI, section 4: soft distillation in place of pseudo-labels).

Axes: B images, A anchors, P RoIs per image, C classes with background first.
"""

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.FasterRcnn import rcnn, rpn
from src.parts.losses import binary_cross_entropy, smooth_l1

TINY = 1e-6


def rpn_distillation(logits: Tensor, deltas: Tensor, objectness: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Divergence of the objectness, and distance of the offsets, per image: means over anchors that student or teacher takes for an object.

    Args:
        logits [B, A], deltas [B, A, 4]: of the student; objectness [B, A], offsets [B, A, 4]: of the teacher, logits as well.

    Returns:
        classification [B], regression [B], float32; 0 where the two agree.
    """
    target = ops.sigmoid(objectness)
    weight = ops.stop_gradient(ops.maximum(target, ops.sigmoid(logits)))
    divergence = binary_cross_entropy(logits, target) - binary_cross_entropy(objectness, target)
    distance = smooth_l1(deltas, offsets, rpn.SMOOTH_L1_BETA).sum(-1)
    return (
        (divergence * weight).sum(-1) / ops.maximum(weight.sum(-1), Tensor(1.0, mstype.float32)),
        (distance * target).sum(-1) / ops.maximum(target.sum(-1), Tensor(1.0, mstype.float32)),
    )


def rcnn_distillation(
    logits: Tensor, deltas: Tensor, probabilities: Tensor, offsets: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Divergence of the classes, and distance of the offsets of each class by its probability: means over the valid RoIs of an image.

    Args:
        logits [B * P, C], deltas [B * P, C, 4]: of the student; probabilities, offsets: of the teacher, of the same shapes;
        valid: [B, P] bool.

    Returns:
        classification [B], regression [B], float32; 0 where the two agree.
    """
    weight = valid.astype(mstype.float32)
    divisor = ops.maximum(weight.sum(-1), Tensor(1.0, mstype.float32))
    difference = ops.log(probabilities + TINY) - ops.log_softmax(logits, axis=-1)
    divergence = (probabilities * difference).sum(-1).reshape(valid.shape) * weight
    distance = smooth_l1(deltas, offsets, rcnn.SMOOTH_L1_BETA).sum(-1)
    expected = (probabilities * distance)[:, 1:].sum(-1).reshape(valid.shape) * weight
    return divergence.sum(-1) / divisor, expected.sum(-1) / divisor
