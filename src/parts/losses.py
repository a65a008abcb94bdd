"""Element-wise losses of detection heads; each head sums and normalises them itself."""

from mindspore import Tensor, ops
from mindspore import dtype as mstype


def smooth_l1(prediction: Tensor, target: Tensor, beta: float) -> Tensor:
    """Smooth L1 loss: 0.5 d^2 / beta below beta, d - 0.5 beta above (Girshick 2015, Fast R-CNN, eq. 3). Shape of the inputs."""
    distance = ops.abs(prediction - target)
    return ops.where(distance < beta, 0.5 / beta * distance * distance, distance - 0.5 * beta)


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Sigmoid cross-entropy of logits and targets in [0, 1], stable for logits of any size. Shape of the inputs."""
    return ops.relu(logits) - logits * target + ops.log1p(ops.exp(-ops.abs(logits)))


def sigmoid_focal(logits: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    """Sigmoid focal loss, which down-weights easy elements: alpha_t * (1 - p_t)^gamma * CE (Lin et al. 2017, Focal Loss, eq. 5).

    Args:
        logits: float32; target: the same shape, 0 or 1; alpha: weight of targets 1; that of targets 0 is 1 - alpha.

    Returns:
        Float32, the shape of the inputs.
    """
    wrong = ops.abs(target - ops.sigmoid(logits))
    weight = (1.0 - alpha) + (2.0 * alpha - 1.0) * target
    return weight * ops.pow(ops.clip_by_value(wrong, 1e-6, 1.0), gamma) * binary_cross_entropy(logits, target)


def softmax_focal(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """(1 - p)^gamma * cross-entropy of softmax classes (Liu et al. 2021, Unbiased Teacher, section 3.3); gamma 0 is plain cross-entropy.

    Args:
        logits: [N, C] float32; labels: [N] int32 in 0..C-1.

    Returns:
        [N] float32.
    """
    log_probability = ops.log_softmax(logits, axis=-1)
    picked = (log_probability * ops.one_hot(labels, logits.shape[-1], 1.0, 0.0).astype(mstype.float32)).sum(axis=-1)
    if gamma == 0:
        return -picked
    return -ops.pow(ops.clip_by_value(1.0 - ops.exp(picked), 1e-6, 1.0), gamma) * picked
