"""Faster R-CNN with a feature pyramid (Ren et al. 2015; Lin et al. 2017): the one file that puts its parts together.

Axes: B images, H and W the network input in pixels, G ground-truth boxes, K detections, C classes with background first.
"""

from functools import partial

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.FasterRcnn.fpn import FeaturePyramid
from src.FasterRcnn.proposals import ProposalLimits, propose
from src.FasterRcnn.rcnn import BoxHead, RoiTargets, detect, rcnn_loss, sample_rois
from src.FasterRcnn.roi_align import PyramidRoiAlign
from src.FasterRcnn.rpn import Rpn, RpnTargets, rpn_loss
from src.parts import boxes
from src.parts.anchors import inside_image, pyramid_anchors
from src.parts.detections import DetectionLimits
from src.parts.pixels import normalise
from src.parts.sampler import priority_table

STRIDES = (4, 8, 16, 32, 64)
POOLED_LEVELS = 4


class FasterRcnn(nn.Cell):
    """A detector that answers two questions: `losses` and `construct` (detections).

    Args:
        backbone: a cell with `out_channels`, mapping images to C2..C5.
        class_count: C, background included.
        height, width: H and W, multiples of 32.
        channels: of the feature pyramid; hidden: of the box head.
        anchor_scales, anchor_ratios: side of an anchor in strides, and height / width.
        anchor_rule: of `pyramid_anchors`.
        anchors_inside_only: anchors that cross the border of the input are neither matched nor trained on.
        black_is_padding: black rows at the bottom and black columns at the right of an image are padding, as `_image_size` says.
        max_gts: G, needed to lay out the sampler.
        finest_scale: RoIs of up to twice this side (pixels) are read from P2.
        native_kernels: use C++ kernels where they can be compiled; for the CPU, not for export.

    Attributes:
        loss_terms: names of what `losses` returns.
        has_masks: whether detections have masks, and ground truth must have them.
    """

    loss_terms = ("rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")
    has_masks = False

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
        anchor_rule: str,
        anchors_inside_only: bool,
        black_is_padding: bool,
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
        self.new_roi_align = partial(
            PyramidRoiAlign,
            shapes[:POOLED_LEVELS],
            STRIDES[:POOLED_LEVELS],
            sampling=sampling,
            finest_scale=finest_scale,
            native=native_kernels,
        )
        self.roi_align = self.new_roi_align(pooled_size)
        self.box_head = BoxHead(channels * pooled_size**2, hidden, class_count)

        levels = pyramid_anchors(anchor_rule, height, width, STRIDES, anchor_scales, anchor_ratios)
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
        self.black_is_padding = black_is_padding
        self.rows = Tensor(np.arange(height, dtype=np.float32).reshape(1, height, 1))
        self.columns = Tensor(np.arange(width, dtype=np.float32).reshape(1, 1, width))

    def _pyramid(self, images: Tensor) -> tuple[tuple[Tensor, ...], float | Tensor, float | Tensor]:
        """P2 to P6, and height and width that boxes are clipped to: those of the input, or of each image [B, 1, 1]."""
        normalised = normalise(images)
        height, width = float(self.height), float(self.width)
        if self.black_is_padding:
            height, width = self._image_size(images.astype(mstype.float32))
            inside = ops.logical_and(self.rows < height, self.columns < width).astype(mstype.float32)
            normalised = normalised * ops.expand_dims(inside, 1)
        return self.fpn(self.backbone(normalised)), height, width

    def _image_size(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Height and width up to the last row and column of pixels [B, 3, H, W] that are not all black: float32 [B, 1, 1]."""
        lit = ops.amax(pixels, 1)
        height = ops.where(ops.amax(lit, 2, True) > 0, self.rows + 1.0, 0.0)
        width = ops.where(ops.amax(lit, 1, True) > 0, self.columns + 1.0, 0.0)
        return ops.amax(height, 1, True), ops.amax(width, 2, True)

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
            The terms of `loss_terms`, each [B] float32.
        """
        terms, _, _ = self._train(images, (gt_boxes, gt_labels, gt_valid, gt_crowd), step)
        return terms

    def _train(
        self, images: Tensor, ground_truth: tuple[Tensor, Tensor, Tensor, Tensor], step: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Loss terms of `losses`, and what a further branch learns from: P2 to P6, and the RoIs of `sample_rois`."""
        pyramid, height, width = self._pyramid(images)
        logits, deltas = self.rpn(pyramid)
        rpn_terms = rpn_loss(
            ops.concat(logits, 1),
            ops.concat(deltas, 1),
            self.anchors,
            self.allowed,
            ground_truth,
            self.rpn_priorities,
            step,
            self.rpn_targets,
        )
        proposals, proposals_valid = propose(logits, deltas, self.level_anchors, height, width, self.train_proposals)
        sample = sample_rois(proposals, proposals_valid, ground_truth, self.roi_priorities, step, self.roi_targets)
        rois, labels, gt_row, valid = sample
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], rois))
        roi_gt_boxes = boxes.take_rows(ground_truth[0], gt_row)
        rcnn_terms = rcnn_loss(
            class_logits, box_deltas, rois, labels, roi_gt_boxes, valid, self.roi_targets.focal_gamma
        )
        return rpn_terms + rcnn_terms, pyramid, sample

    def construct(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Detections, best first.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.

        Returns:
            boxes [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input, scores [B, K] float32, labels [B, K] int32 in
            1..C-1, class probabilities [B, K, C] float32, valid [B, K] bool.
        """
        detections, _ = self._detect(images)
        return detections

    def _detect(self, images: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Detections of `construct`, and P2 to P6, which a further branch reads."""
        pyramid, height, width = self._pyramid(images)
        logits, deltas = self.rpn(pyramid)
        proposals, valid = propose(logits, deltas, self.level_anchors, height, width, self.test_proposals)
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], proposals))
        return detect(class_logits, box_deltas, proposals, valid, height, width, self.detections), pyramid
