"""Mask R-CNN (He et al. 2017): Faster R-CNN with a mask head.

Axes: B images, G ground-truth boxes, M cells of a ground-truth mask per side, K detections, S cells of a predicted mask per side.
"""

from dataclasses import dataclass

from mindspore import Tensor, ops

from src.FasterRcnn.faster_rcnn import POOLED_LEVELS, FasterRcnn
from src.MaskRcnn.mask_head import MaskHead, mask_loss
from src.MaskRcnn.mask_targets import mask_targets


@dataclass(frozen=True)
class MaskHeadConfig:
    """Size of the pooled features of the mask head, S / 2 cells per side, and channels of its convolutions."""

    pooled_size: int
    channels: int


class MaskRcnn(FasterRcnn):
    """Faster R-CNN with a mask head; arguments as for `FasterRcnn`."""

    loss_terms = (*FasterRcnn.loss_terms, "rcnn_mask_loss")
    has_masks = True

    def __init__(self, mask_head: MaskHeadConfig, class_count: int, channels: int, **faster_rcnn) -> None:
        super().__init__(class_count=class_count, channels=channels, **faster_rcnn)
        self.mask_roi_align = self.new_roi_align(mask_head.pooled_size)
        self.mask_head = MaskHead(channels, mask_head.pooled_size, mask_head.channels, class_count)

    def losses(
        self,
        images: Tensor,
        gt_boxes: Tensor,
        gt_labels: Tensor,
        gt_valid: Tensor,
        gt_crowd: Tensor,
        gt_masks: Tensor,
        step: Tensor,
        image_sizes: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """The terms of `FasterRcnn.losses`, then rcnn_mask_loss [B] float32; gt_masks: [B, G, M, M] uint8, 1 inside the object, each relative to its box."""
        terms, pyramid, sample = self._train(images, (gt_boxes, gt_labels, gt_valid, gt_crowd), step, image_sizes)
        rois, labels, gt_row, valid = sample
        # Sampled RoIs have positives first; the others have no mask loss.
        count = self.box_head_config.sampling.max_positive
        rois, labels, gt_row, valid = rois[:, :count], labels[:, :count], gt_row[:, :count], valid[:, :count]
        logits = self._mask_logits(pyramid, rois, labels)
        targets = mask_targets(gt_masks, gt_boxes, gt_row, rois, logits.shape[-1])
        return terms + (mask_loss(logits, targets, ops.logical_and(valid, labels > 0)),)

    def detect(self, images: Tensor, image_sizes: Tensor | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """As in `FasterRcnn`; a sixth output, masks [B, K, S, S] float32, are the probabilities of the detection's class relative to its box."""
        detections, pyramid = self._detect(images, image_sizes)
        boxes, _, labels, _, _ = detections
        probabilities = ops.sigmoid(self._mask_logits(pyramid, boxes, labels))
        return detections + (probabilities.reshape(labels.shape + probabilities.shape[1:]),), pyramid

    def _mask_logits(self, pyramid: tuple[Tensor, ...], rois: Tensor, labels: Tensor) -> Tensor:
        """Logits [B * P, S, S] of RoIs [B, P, 4] and their labels [B, P]."""
        return self.mask_head(self.mask_roi_align(pyramid[:POOLED_LEVELS], rois), labels.reshape(-1))
