"""Geometry of boxes (x1, y1, x2, y2) with width = x2 - x1, as plain functions on tensors.

Axes: N and M boxes, G ground-truth boxes, A anchors.
"""

from mindspore import Tensor, ops

IOU_OPERATOR = ops.IOU()
IOF_OPERATOR = ops.IOU(mode="iof")


def clip_to_image(boxes: Tensor, height: float, width: float) -> Tensor:
    """Move every corner of boxes [..., 4] into the image [0, width] x [0, height]."""
    x1, y1, x2, y2 = ops.split(boxes, 1, axis=-1)
    return ops.concat(
        (
            ops.clip_by_value(x1, 0.0, float(width)),
            ops.clip_by_value(y1, 0.0, float(height)),
            ops.clip_by_value(x2, 0.0, float(width)),
            ops.clip_by_value(y2, 0.0, float(height)),
        ),
        -1,
    )


def _inclusive(boxes: Tensor) -> Tensor:
    """The same boxes for MindSpore's IOU operator, which counts a width as x2 - x1 + 1."""
    return boxes - Tensor([0.0, 0.0, 1.0, 1.0], boxes.dtype)


def iou_matrix(ground_truth: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of ground truth [G, 4] and boxes [A, 4]: float32 [G, A].

    A pair in which both boxes are empty has no defined value; mask such rows before use.
    """
    return IOU_OPERATOR(_inclusive(boxes), _inclusive(ground_truth))


def covered_share(regions: Tensor, boxes: Tensor) -> Tensor:
    """The share of each box [A, 4] that lies inside each region [G, 4]: float32 [G, A] (COCO's overlap with a crowd)."""
    return ops.transpose(IOF_OPERATOR(_inclusive(regions), _inclusive(boxes)), (1, 0))
