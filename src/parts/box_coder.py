"""Box coder: boxes as offsets from anchors, and back (Ren et al. 2015, Faster R-CNN, eq. 2)."""

import math

from mindspore import Tensor, ops

# A larger value would scale a 16 px anchor to more than 1,000 px (as in detectron2), and its exp() could overflow float16.
MAX_LOG_RATIO = math.log(1000.0 / 16.0)


def encode(boxes: Tensor, anchors: Tensor, stds: tuple[float, float, float, float]) -> Tensor:
    """Offsets that move anchors onto boxes.

    Args:
        boxes: [..., 4] float32 (x1, y1, x2, y2). Sides under 1e-3 px count as 1e-3 px, so padding rows stay finite.
        anchors: [..., 4] float32 in the same pixels.
        stds: divisors of (dx, dy, dw, dh).

    Returns:
        [..., 4] float32 (dx, dy, dw, dh): centre shift in anchor sizes and logarithms of the size ratios, divided by stds.
    """
    x_a, y_a, w_a, h_a = _centre_size(anchors)
    x_b, y_b, w_b, h_b = _centre_size(boxes)
    return ops.concat(
        (
            (x_b - x_a) / w_a / stds[0],
            (y_b - y_a) / h_a / stds[1],
            ops.log(w_b / w_a) / stds[2],
            ops.log(h_b / h_a) / stds[3],
        ),
        -1,
    )


def decode(deltas: Tensor, anchors: Tensor, stds: tuple[float, float, float, float]) -> Tensor:
    """Move and scale anchors by predicted offsets: the inverse of `encode`.

    Args:
        deltas: [..., 4] float32 (dx, dy, dw, dh), divided by stds.
        anchors: [..., 4] float32 (x1, y1, x2, y2) in pixels of the network input.
        stds: as for `encode`.

    Returns:
        Boxes [..., 4] float32 in the same pixels; not clipped to the image.
    """
    x_a, y_a, w_a, h_a = _centre_size(anchors)
    dx, dy, dw, dh = ops.split(deltas, 1, axis=-1)
    x = x_a + dx * stds[0] * w_a
    y = y_a + dy * stds[1] * h_a
    half_w = 0.5 * w_a * ops.exp(ops.minimum(dw * stds[2], MAX_LOG_RATIO))
    half_h = 0.5 * h_a * ops.exp(ops.minimum(dh * stds[3], MAX_LOG_RATIO))
    return ops.concat((x - half_w, y - half_h, x + half_w, y + half_h), -1)


def _centre_size(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x1, y1, x2, y2 = ops.split(boxes, 1, axis=-1)
    w = ops.maximum(x2 - x1, Tensor(1e-3, boxes.dtype))
    h = ops.maximum(y2 - y1, Tensor(1e-3, boxes.dtype))
    return 0.5 * (x1 + x2), 0.5 * (y1 + y2), w, h
