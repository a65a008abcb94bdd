"""Faster R-CNN with a feature pyramid (Ren et al. 2015; Lin et al. 2017): the one file that puts its parts together.

Axes: B images, H and W the network input in pixels, G ground-truth boxes, K detections, C classes with background first.
"""

from functools import partial

import numpy as np
from mindspore import Tensor, nn, ops

from src.FasterRcnn.fpn import FeaturePyramid
from src.FasterRcnn.proposals import ProposalLimits, propose
from src.FasterRcnn.rcnn import BoxHead, RoiTargets, detect, rcnn_loss, sample_rois
from src.FasterRcnn.roi_align import PyramidRoiAlign
from src.FasterRcnn.rpn import Rpn, RpnTargets, rpn_loss
from src.parts import boxes
from src.parts.anchors import inside_image, pyramid_anchors
from src.parts.detections import DetectionLimits
from src.parts.pixels import network_input
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
        black_is_padding: of `network_input`.
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

    def _pyramid(
        self, images: Tensor, image_sizes: Tensor | None
    ) -> tuple[tuple[Tensor, ...], float | Tensor, float | Tensor]:
        """P2 to P6, and height and width that boxes are clipped to: those of the input, or of each image [B, 1, 1]."""
        normalised, height, width = network_input(images, image_sizes, self.black_is_padding)
        return self.fpn(self.backbone(normalised)), height, width

    def losses(
        self,
        images: Tensor,
        gt_boxes: Tensor,
        gt_labels: Tensor,
        gt_valid: Tensor,
        gt_crowd: Tensor,
        step: Tensor,
        image_sizes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss terms of each image; labels and pseudo-labels look the same.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            gt_boxes: [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input; gt_labels: [B, G] int32 in 1..C-1;
            gt_valid: [B, G] bool, objects; gt_crowd: [B, G] bool, regions to ignore. Other rows are padding.
            step: scalar int32; decides the random samples.
            image_sizes: [B, 2] float32, see `network_input`; may be left out.

        Returns:
            The terms of `loss_terms`, each [B] float32.
        """
        terms, _, _ = self._train(images, (gt_boxes, gt_labels, gt_valid, gt_crowd), step, image_sizes)
        return terms

    def _train(
        self,
        images: Tensor,
        ground_truth: tuple[Tensor, Tensor, Tensor, Tensor],
        step: Tensor,
        image_sizes: Tensor | None,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Loss terms of `losses`, and what a further branch learns from: P2 to P6, and the RoIs of `sample_rois`."""
        pyramid, height, width = self._pyramid(images, image_sizes)
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

    def construct(
        self, images: Tensor, image_sizes: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Detections, best first.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            image_sizes: [B, 2] float32, see `network_input`; may be left out.

        Returns:
            boxes [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input, scores [B, K] float32, labels [B, K] int32 in
            1..C-1, class probabilities [B, K, C] float32, valid [B, K] bool.
        """
        detections, _ = self._detect(images, image_sizes)
        return detections

    def _detect(self, images: Tensor, image_sizes: Tensor | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Detections of `construct`, and P2 to P6, which a further branch reads."""
        pyramid, height, width = self._pyramid(images, image_sizes)
        logits, deltas = self.rpn(pyramid)
        proposals, valid = propose(logits, deltas, self.level_anchors, height, width, self.test_proposals)
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], proposals))
        return detect(class_logits, box_deltas, proposals, valid, height, width, self.detections), pyramid
