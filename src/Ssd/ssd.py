"""SSD (Liu et al. 2016) on a ResNet that ends at stride 8: the network, its losses and its detections.

Axes: B images, H and W the network input in pixels, G ground-truth boxes, N default boxes, K detections, C classes with
background first.
"""

import math

import numpy as np
from mindspore import Tensor, nn, ops

from src.parts import box_coder, boxes
from src.parts.box_means import box_means
from src.parts.detections import DetectionConfig, best_pairs, detections
from src.parts.pixels import InputConfig, network_input
from src.Ssd.default_boxes import DefaultBoxConfig, default_boxes
from src.Ssd.extra_layers import ExtraLayers
from src.Ssd.loss import STDS, SsdLossConfig, ssd_loss
from src.Ssd.multibox import MultiBox

STRIDE = 8  # of the backbone
# Prior probability of an object at the start of training with the focal loss; without it the loss of the many background boxes
# dominates (Lin et al. 2017, Focal Loss, section 4.1).
FOREGROUND_PRIOR = 0.01


class Ssd(nn.Cell):
    """A detector with two methods: `losses` for training and `construct` for detections.

    Args:
        backbone: a cell with `out_channels`, whose last feature map has stride 8.
        class_count: C, background included.
        input_config: the network input; H and W are multiples of 4.
        extra_channels: output channels of each extra layer.
    """

    loss_terms = ("ssd_cls_loss", "ssd_reg_loss")
    has_masks = False

    def __init__(
        self,
        backbone: nn.Cell,
        class_count: int,
        input_config: InputConfig,
        extra_channels: tuple[int, ...],
        default_box: DefaultBoxConfig,
        loss: SsdLossConfig,
        detection: DetectionConfig,
    ) -> None:
        super().__init__()
        self.loss, self.detection, self.black_is_padding = loss, detection, input_config.black_is_padding
        self.backbone = backbone
        channels, height, width = backbone.out_channels[-1], input_config.height, input_config.width
        self.extra_layers = ExtraLayers(channels, extra_channels, -(-height // STRIDE), -(-width // STRIDE))
        self.is_focal = loss.kind == "focal"
        bias = np.zeros(class_count)
        if self.is_focal:
            bias[1:] = math.log(FOREGROUND_PRIOR / (1 - FOREGROUND_PRIOR))
            bias[0] = -bias[1]
        boxes_per_cell = tuple(2 + 2 * len(of_level) for of_level in default_box.ratios)
        self.multi_box = MultiBox((channels, *extra_channels), boxes_per_cell, class_count, bias)
        levels = default_boxes(default_box, height, width, self.extra_layers.maps)
        self.default_boxes = Tensor(np.concatenate(levels))

    def _predictions(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits [B, N, C] and offsets [B, N, 4] from the last map of the backbone."""
        return self.multi_box(self.extra_layers(feature_map))

    def losses(
        self,
        images: Tensor,
        gt_boxes: Tensor,
        gt_labels: Tensor,
        gt_valid: Tensor,
        gt_crowd: Tensor,
        step: Tensor,
        image_sizes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss terms per image, for ground truth or pseudo-labels.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            gt_boxes: [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input; gt_labels: [B, G] int32 in 1..C-1;
            gt_valid: [B, G] bool, objects; gt_crowd: [B, G] bool, ignore regions. Other rows are padding.
            step: scalar int32, seed of random samples in the other detectors; not used here.
            image_sizes: [B, 2] float32, see `network_input`; may be left out.

        Returns:
            The two `loss_terms`, each [B] float32.
        """
        normalised, _, _ = network_input(images, image_sizes, self.black_is_padding)
        logits, deltas = self._predictions(self.backbone(normalised)[-1])
        return ssd_loss(logits, deltas, self.default_boxes, (gt_boxes, gt_labels, gt_valid, gt_crowd), self.loss)

    def construct(
        self, images: Tensor, image_sizes: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Detections, best first.

        With the focal loss a score is the sigmoid of its class, independent of the others. Class probabilities, which active
        learning takes the entropy of, have to sum up to 1: they are the softmax of the classes' logits with a 0 in front for
        background, that is the probabilities given that a box shows one class or none; the trained logit of background is not
        used. So the probability of a detection's class is its score where no other class is likely, and less elsewhere.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255.
            image_sizes: [B, 2] float32, see `network_input`; may be left out.

        Returns:
            boxes [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input, scores [B, K] float32, labels [B, K] int32 in
            1..C-1, class probabilities [B, K, C] float32, valid [B, K] bool.
        """
        outputs, _ = self.detect(images, image_sizes)
        return outputs

    def detect(self, images: Tensor, image_sizes: Tensor | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The outputs of `construct`, and the feature maps for `detection_features`."""
        normalised, height, width = network_input(images, image_sizes, self.black_is_padding)
        feature_map = self.backbone(normalised)[-1]
        logits, deltas = self._predictions(feature_map)
        if self.is_focal:
            scores = ops.sigmoid(logits)[..., 1:]
            logits = ops.concat((ops.zeros_like(logits[..., :1]), logits[..., 1:]), -1)
        else:
            scores = ops.softmax(logits, -1)[..., 1:]
        score, row, label = best_pairs(scores, self.detection.candidates)
        box = box_coder.decode(boxes.take_rows(deltas, row), ops.gather(self.default_boxes, row, 0), STDS)
        box = boxes.clip_to_image(box, height, width)
        box, score, label, logit, valid = detections(score, row, label, box, logits, self.detection)
        return (box, score, label, ops.softmax(logit, -1), valid), (feature_map,)

    def detection_features(self, maps: tuple[Tensor, ...], boxes_of: Tensor) -> Tensor:
        """Mean [B, K, channels] float32 of the backbone's last map over boxes [B, K, 4] in pixels of the input; maps: from `detect`."""
        return box_means(maps[0], boxes_of, STRIDE)
