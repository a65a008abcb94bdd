"""Faster R-CNN with a feature pyramid (Ren et al. 2015; Lin et al. 2017): the network, its losses and its detections.

Axes: B images, H and W the network input in pixels, G ground-truth boxes, K detections, C classes with background first.
"""

from dataclasses import dataclass, replace

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.FasterRcnn.fpn import FeaturePyramid
from src.FasterRcnn.proposals import ProposalConfig, propose
from src.FasterRcnn.rcnn import BoxHead, detect, rcnn_loss, sample_rois
from src.FasterRcnn.roi_align import PyramidRoiAlign, RoiAlignConfig
from src.FasterRcnn.rpn import Rpn, rpn_loss
from src.parts import boxes
from src.parts.anchors import AnchorConfig, inside_image, pyramid_anchors
from src.parts.detections import DetectionConfig
from src.parts.pixels import InputConfig, network_input
from src.parts.sampler import SamplingConfig, priority_table

STRIDES = (4, 8, 16, 32, 64)
POOLED_LEVELS = 4
POOLED_STRIDES = STRIDES[:POOLED_LEVELS]


@dataclass(frozen=True)
class RpnConfig:
    """Region proposal network: its anchors, their sampling for training, and its proposals in training and inference."""

    anchors: AnchorConfig
    sampling: SamplingConfig
    train_proposals: ProposalConfig
    test_proposals: ProposalConfig


@dataclass(frozen=True)
class BoxHeadConfig:
    """RoIAlign and box head, the second stage.

    Attributes:
        roi_align: how RoIs are pooled; hidden: width of the dense layers.
        sampling: of RoIs for training; max_gts: G, ground-truth boxes, which are added to the proposals.
        focal_gamma: exponent of the focal classification loss.
    """

    roi_align: RoiAlignConfig
    hidden: int
    sampling: SamplingConfig
    max_gts: int
    focal_gamma: float


class FasterRcnn(nn.Cell):
    """A detector with two methods: `losses` for training and `construct` for detections.

    Args:
        backbone: a cell with `out_channels`, mapping images to C2..C5.
        class_count: C, background included.
        input_config: the network input; H and W are multiples of 32.
        channels: of the feature pyramid and the RPN.

    Attributes:
        loss_terms: names of what `losses` returns.
        has_masks: whether detections have masks, so that ground truth must have them too.
    """

    loss_terms = ("rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")
    has_masks = False

    def __init__(
        self,
        backbone: nn.Cell,
        class_count: int,
        input_config: InputConfig,
        channels: int,
        rpn: RpnConfig,
        box_head: BoxHeadConfig,
        detection: DetectionConfig,
    ) -> None:
        super().__init__()
        self.input_config, self.rpn_config, self.box_head_config = input_config, rpn, box_head
        self.detection = detection
        self.backbone = backbone
        self.fpn = FeaturePyramid(backbone.out_channels, channels, box_head.roi_align.native)
        self.rpn = Rpn(channels, len(rpn.anchors.scales) * len(rpn.anchors.ratios))
        self.roi_align = self.new_roi_align(box_head.roi_align.output_size)
        in_features = channels * box_head.roi_align.output_size**2
        self.box_head = BoxHead(in_features, box_head.hidden, class_count)

        levels = pyramid_anchors(rpn.anchors, input_config.height, input_config.width, STRIDES)
        anchors = np.concatenate(levels)
        inside = inside_image(anchors, input_config.height, input_config.width)
        self.level_anchors = tuple(Tensor(level) for level in levels)
        self.anchors = Tensor(anchors)
        self.allowed = Tensor(inside if rpn.anchors.inside_only else np.ones_like(inside))
        self.rpn_priorities = priority_table(len(anchors))
        decoded = sum(min(rpn.train_proposals.candidates_per_level, len(level)) for level in levels)
        self.roi_priorities = priority_table(box_head.max_gts + min(rpn.train_proposals.count, decoded))

    def new_roi_align(self, output_size: int) -> PyramidRoiAlign:
        """RoIAlign over P2 to P5 to output_size x output_size cells."""
        shapes = [
            (-(-self.input_config.height // stride), -(-self.input_config.width // stride)) for stride in POOLED_STRIDES
        ]
        return PyramidRoiAlign(
            tuple(shapes), POOLED_STRIDES, replace(self.box_head_config.roi_align, output_size=output_size)
        )

    def _pyramid(
        self, images: Tensor, image_sizes: Tensor | None
    ) -> tuple[tuple[Tensor, ...], float | Tensor, float | Tensor]:
        """P2 to P6, and height and width that boxes are clipped to: those of the input, or of each image [B, 1, 1]."""
        normalised, height, width = network_input(images, image_sizes, self.input_config.black_is_padding)
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
        """Loss terms per image, for ground truth or pseudo-labels.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            gt_boxes: [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input; gt_labels: [B, G] int32 in 1..C-1;
            gt_valid: [B, G] bool, objects; gt_crowd: [B, G] bool, ignore regions. Other rows are padding.
            step: scalar int32, seed of the random samples.
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
        """Loss terms of `losses`, and the inputs of a further head: P2 to P6, and the RoIs of `sample_rois`."""
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
            self.rpn_config.sampling,
        )
        proposals, proposals_valid = propose(
            logits, deltas, self.level_anchors, height, width, self.rpn_config.train_proposals
        )
        sample = sample_rois(
            proposals, proposals_valid, ground_truth, self.roi_priorities, step, self.box_head_config.sampling
        )
        rois, labels, gt_row, valid = sample
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], rois))
        gt_boxes, _, _, _ = ground_truth
        roi_gt_boxes = boxes.take_rows(gt_boxes, gt_row)
        rcnn_terms = rcnn_loss(
            class_logits, box_deltas, rois, labels, roi_gt_boxes, valid, self.box_head_config.focal_gamma
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
        detections, _ = self.detect(images, image_sizes)
        return detections

    def detect(self, images: Tensor, image_sizes: Tensor | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The outputs of `construct`, and the feature maps for `detection_features`."""
        return self._detect(images, image_sizes)

    def detection_features(self, maps: tuple[Tensor, ...], boxes_of: Tensor) -> Tensor:
        """Features [B, K, hidden] float32 of the box head for boxes [B, K, 4] in pixels of the input; maps: from `detect`."""
        features = self.box_head.features(self.roi_align(maps[:POOLED_LEVELS], boxes_of))
        return features.reshape(boxes_of.shape[0], boxes_of.shape[1], -1).astype(mstype.float32)

    def _detect(self, images: Tensor, image_sizes: Tensor | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Detections of `construct`, and P2 to P6 for a further head."""
        pyramid, height, width = self._pyramid(images, image_sizes)
        logits, deltas = self.rpn(pyramid)
        proposals, valid = propose(logits, deltas, self.level_anchors, height, width, self.rpn_config.test_proposals)
        class_logits, box_deltas = self.box_head(self.roi_align(pyramid[:POOLED_LEVELS], proposals))
        return detect(class_logits, box_deltas, proposals, valid, height, width, self.detection), pyramid
