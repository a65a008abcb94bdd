"""Average pooling of a feature map over boxes.

Axes: B images, K boxes per image, C channels, H and W cells of the map.
"""

from mindspore import Tensor, ops
from mindspore import dtype as mstype

_MIN_SIDE = 0.01  # cells; an empty box, as in padding rows, gets the feature of the cell that it is in


def box_means(feature_map: Tensor, boxes: Tensor, stride: int) -> Tensor:
    """The mean of a map over each box, every cell weighted by the fraction of it that the box covers.

    Args:
        feature_map: [B, C, H, W]; boxes: [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input; stride: pixels per cell.

    Returns:
        [B, K, C] float32.
    """
    _, _, height, width = feature_map.shape
    cells = boxes / stride
    across, down = _covered(cells[..., 0], cells[..., 2], width), _covered(cells[..., 1], cells[..., 3], height)
    rows = ops.matmul(down[:, None], feature_map.astype(mstype.float32))  # [B, C, K, W]
    return (rows * across[:, None]).sum(-1).swapaxes(1, 2)


def _covered(start: Tensor, stop: Tensor, count: int) -> Tensor:
    """The fraction [B, K, count] of an interval [B, K] in each cell [i, i + 1]; the fractions sum to 1."""
    start = ops.clamp(start, 0.0, count - _MIN_SIDE)
    stop = ops.maximum(ops.clamp(stop, 0.0, float(count)), start + _MIN_SIDE)
    first = ops.arange(count).astype(mstype.float32)
    length = ops.minimum(stop[..., None], first + 1.0) - ops.maximum(start[..., None], first)
    length = ops.relu(length)
    return length / length.sum(-1, keepdims=True)
