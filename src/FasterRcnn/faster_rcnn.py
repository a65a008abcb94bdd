"""Faster R-CNN with a feature pyramid (Ren et al. 2015; Lin et al. 2017): the one file that puts its parts together.

Axes: B images, H and W the network input in pixels, G ground-truth boxes, K detections, C classes with background first.
"""

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.FasterRcnn.fpn import FeaturePyramid
from src.FasterRcnn.proposals import ProposalLimits, propose
from src.FasterRcnn.rcnn import BoxHead, DetectionLimits, RoiTargets, detect, rcnn_loss, sample_rois
from src.FasterRcnn.roi_align import PyramidRoiAlign
from src.FasterRcnn.rpn import Rpn, RpnTargets, rpn_loss
from src.parts.anchors import cell_anchors, grid_anchors, inside_image
from src.parts.sampler import priority_table

STRIDES = (4, 8, 16, 32, 64)
POOLED_LEVELS = 4
# ImageNet statistics of RGB pixels in 0..255, as every published ResNet expects them.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


class FasterRcnn(nn.Cell):
    """A detector that answers two questions: `losses` and `construct` (detections).

    Args:
        backbone: a cell with `out_channels`, mapping images to C2..C5.
        class_count: C, background included.
        height, width: H and W, multiples of 32.
        channels: of the feature pyramid; hidden: of the box head.
        anchor_scales, anchor_ratios: side of an anchor in strides, and height / width.
        anchors_inside_only: anchors that cross the border of the input are not trained on.
        max_gts: G, needed to lay out the sampler.
        finest_scale: RoIs of up to twice this side (pixels) are read from P2.
        native_kernels: use C++ kernels where they can be compiled; for the CPU, not for export.
    """

    def __init__(
        self,
        backbone: nn.Cell,
        class_count: int,
        height: int,
        width: int,
        channels: int,
        hidden: int,
        anchor_scales: tuple[float, ...],
        anchor_ratios: tuple[float, ...],
        anchors_inside_only: bool,
        max_gts: int,
        pooled_size: int,
        sampling: int,
        finest_scale: float,
        rpn_targets: RpnTargets,
        roi_targets: RoiTargets,
        train_proposals: ProposalLimits,
        test_proposals: ProposalLimits,
        detections: DetectionLimits,
        native_kernels: bool,
    ) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.rpn_targets, self.roi_targets, self.detections = rpn_targets, roi_targets, detections
        self.train_proposals, self.test_proposals = train_proposals, test_proposals
        self.backbone = backbone
        self.fpn = FeaturePyramid(backbone.out_channels, channels)
        self.rpn = Rpn(channels, len(anchor_scales) * len(anchor_ratios))
        shapes = tuple((-(-height // stride), -(-width // stride)) for stride in STRIDES)
        self.roi_align = PyramidRoiAlign(
            shapes[:POOLED_LEVELS], STRIDES[:POOLED_LEVELS], pooled_size, sampling, finest_scale, native_kernels
        )
        self.box_head = BoxHead(channels * pooled_size**2, hidden, class_count)

        levels = [
            grid_anchors(*shape, stride, cell_anchors(stride, anchor_scales, anchor_ratios))
            for shape, stride in zip(shapes, STRIDES)
        ]
        everything = np.concatenate(levels)
        allowed = inside_image(everything, height, width) if anchors_inside_only else np.ones(len(everything), bool)
        self.level_anchors = tuple(Tensor(level) for level in levels)
        self.anchors = Tensor(everything)
        self.allowed = Tensor(allowed)
        self.rpn_priorities = priority_table(len(everything))
        proposal_count = min(
            train_proposals.count, sum(min(train_proposals.candidates_per_level, len(level)) for level in levels)
        )
        self.roi_priorities = priority_table(max_gts + proposal_count)
        self.mean = Tensor(np.asarray(MEAN, np.float32).reshape(1, 3, 1, 1))
        self.std = Tensor(np.asarray(STD, np.float32).reshape(1, 3, 1, 1))

    def _pyramid(self, images: Tensor) -> tuple[Tensor, ...]:
        normalised = (images.astype(mstype.float32) - self.mean) / self.std
        return self.fpn(self.backbone(normalised))

    def losses(
        self, images: Tensor, gt_boxes: Tensor, gt_labels: Tensor, gt_valid: Tensor, gt_crowd: Tensor, step: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss terms of each image; labels and pseudo-labels look the same.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            gt_boxes: [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input; gt_labels: [B, G] int32 in 1..C-1;
            gt_valid: [B, G] bool, objects; gt_crowd: [B, G] bool, regions to ignore. Other rows are padding.
            step: scalar int32; decides the random samples.

        Returns:
            rpn_cls, rpn_reg, rcnn_cls, rcnn_reg, each [B] float32.
        """
        ground_truth = (gt_boxes, gt_labels, gt_valid, gt_crowd)
        pyramid = self._pyramid(images)
        logits, deltas = self.rpn(pyramid)
        rpn_cls, rpn_reg = rpn_loss(
            ops.concat(logits, 1),
            ops.concat(deltas, 1),
            self.anchors,
            self.allowed,
            ground_truth,
            self.rpn_priorities,
            step,
            self.rpn_targets,
        )
        proposals, proposals_valid = propose(
            logits, deltas, self.level_anchors, self.height, self.width, self.train_proposals
        )
        rois, labels, roi_gt_boxes, roi_valid = sample_rois(
            proposals, proposals_valid, ground_truth, self.roi_priorities, step, self.roi_targets
        )
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], rois))
        rcnn_cls, rcnn_reg = rcnn_loss(
            class_logits, box_deltas, rois, labels, roi_gt_boxes, roi_valid, self.roi_targets.focal_gamma
        )
        return rpn_cls, rpn_reg, rcnn_cls, rcnn_reg

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Detections, best first.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.

        Returns:
            boxes [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input, scores [B, K] float32, labels [B, K] int32 in
            1..C-1, class probabilities [B, K, C] float32, valid [B, K] bool.
        """
        pyramid = self._pyramid(images)
        logits, deltas = self.rpn(pyramid)
        proposals, valid = propose(logits, deltas, self.level_anchors, self.height, self.width, self.test_proposals)
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], proposals))
        return detect(class_logits, box_deltas, proposals, valid, self.height, self.width, self.detections)
