"""Prediction heads of SSD: class logits and offsets of every default box (Liu et al. 2016, SSD, section 2.1).

Axes: B images, N default boxes of all levels, C classes with background first.
"""

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype
from mindspore.common.initializer import HeNormal, Normal

from src.parts.backbones.convolution import Convolution, normalised


class Head(nn.Cell):
    """Prediction head of a feature map: a depthwise 3x3 convolution with batch norm and ReLU6, then a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int, bias: np.ndarray) -> None:
        super().__init__()
        self.depthwise = Convolution(
            in_channels, in_channels, 3, pad_mode="pad", padding=1, group=in_channels, weight_init=HeNormal()
        )
        self.norm = nn.BatchNorm2d(in_channels)
        self.pointwise = Convolution(
            in_channels,
            out_channels,
            1,
            has_bias=True,
            weight_init=Normal(0.01),
            bias_init=Tensor(bias.astype(np.float32)),
        )

    def construct(self, x: Tensor) -> Tensor:
        """Map [B, in_channels, H, W] to [B, H * W * out_channels], cell by cell and row by row."""
        y = self.pointwise(ops.relu6(normalised(self.depthwise, self.norm, x)))
        return ops.transpose(y, (0, 2, 3, 1)).reshape(y.shape[0], -1)


class MultiBox(nn.Cell):
    """Two prediction heads per feature map, for class logits and for offsets.

    Args:
        in_channels: of each map; boxes: default boxes per cell of each map; class_count: C.
        class_bias: float [C], initial bias of the class logits.
    """

    def __init__(
        self, in_channels: tuple[int, ...], boxes: tuple[int, ...], class_count: int, class_bias: np.ndarray
    ) -> None:
        super().__init__()
        levels = list(zip(in_channels, boxes, strict=True))
        self.classes = nn.CellList(
            [Head(channels, count * class_count, np.tile(class_bias, count)) for channels, count in levels]
        )
        self.offsets = nn.CellList([Head(channels, count * 4, np.zeros(count * 4)) for channels, count in levels])
        self.class_count = class_count

    def construct(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Class logits [B, N, C] and offsets [B, N, 4], float32, in the order of `default_boxes`."""
        logits, deltas = (), ()
        for feature, classes, offsets in zip(features, self.classes, self.offsets):
            logits = logits + (classes(feature),)
            deltas = deltas + (offsets(feature),)
        batch = features[0].shape[0]
        logits = ops.concat(logits, 1).reshape(batch, -1, self.class_count)
        deltas = ops.concat(deltas, 1).reshape(batch, -1, 4)
        return logits.astype(mstype.float32), deltas.astype(mstype.float32)
