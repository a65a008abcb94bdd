"""Geometry of boxes (x1, y1, x2, y2) with width = x2 - x1: clipping, IoU, IoF with crowd regions, and gathering of rows.

Axes: B images, G ground-truth boxes, A anchors or other boxes.
"""

from mindspore import Tensor, ops

IOU_OPERATOR = ops.IOU()
IOF_OPERATOR = ops.IOU(mode="iof")


def clip_to_image(boxes: Tensor, height: float | Tensor, width: float | Tensor) -> Tensor:
    """Move every corner of boxes [B, A, 4] into the image [0, width] x [0, height]; sizes of each image are [B, 1, 1]."""
    x1, y1, x2, y2 = ops.split(ops.maximum(boxes, 0.0), 1, axis=-1)
    return ops.concat(
        (ops.minimum(x1, width), ops.minimum(y1, height), ops.minimum(x2, width), ops.minimum(y2, height)), -1
    )


def _inclusive(boxes: Tensor) -> Tensor:
    """The boxes as MindSpore's IOU operator expects them, which computes a width as x2 - x1 + 1."""
    return boxes - Tensor([0.0, 0.0, 1.0, 1.0], boxes.dtype)


def iou(ground_truth: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of ground truth [B, G, 4] and boxes [A, 4], the same for all images, or [B, A, 4].

    Returns:
        float32 [B, G, A]. A pair in which both boxes are empty has no defined value.
    """
    batch, count = ground_truth.shape[:2]
    truth, others = _inclusive(ground_truth), _inclusive(boxes)
    if boxes.ndim == 2:
        return IOU_OPERATOR(others, truth.reshape(-1, 4)).reshape(batch, count, -1)
    return ops.stack([IOU_OPERATOR(others[image], truth[image]) for image in range(batch)])


def max_iof(regions: Tensor, boxes: Tensor) -> Tensor:
    """Maximum over the regions of intersection over box area (IoF), which COCO uses in place of IoU for crowds.

    Args:
        regions: [B, G, 4]; boxes: [A, 4], the same for all images, or [B, A, 4].

    Returns:
        float32 [B, A].
    """
    batch, count = regions.shape[:2]
    crowds, others = _inclusive(regions), _inclusive(boxes)
    if boxes.ndim == 2:
        share = IOF_OPERATOR(crowds.reshape(-1, 4), others).reshape(-1, batch, count)
        return ops.transpose(share.max(axis=-1), (1, 0))
    return ops.stack([IOF_OPERATOR(crowds[image], others[image]).max(axis=-1) for image in range(batch)])


def take_rows(rows: Tensor, index: Tensor) -> Tensor:
    """Gather rows [B, N, D] at index [B, M] of the same image: [B, M, D]."""
    return ops.gather_elements(rows, 1, ops.broadcast_to(index[..., None], index.shape + (rows.shape[-1],)))
