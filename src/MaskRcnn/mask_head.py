"""Mask head: the mask of the object in a RoI, and its loss (He et al. 2017, Mask R-CNN, section 3 and figure 4, right).

Axes: B images, P RoIs per image, N RoIs of all images, S cells of a mask per side, C classes with background first.
"""

from itertools import pairwise

from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype
from mindspore.common.initializer import HeNormal, XavierNormal, initializer

from src.parts.backbones.convolution import Convolution
from src.parts.losses import binary_cross_entropy

DEPTH = 4  # convolutions before the upsampling


def _he() -> HeNormal:
    return HeNormal(mode="fan_out", nonlinearity="relu")


class Deconvolution(nn.Cell):
    """A 2x2 deconvolution with stride 2 (weights [in, out, 2, 2], as torchvision's), computed as a 1x1 convolution to four values per cell.

    The four values are interleaved into rows and columns after the last layer, when there is one channel.
    (MindSpore's own deconvolution is exported to ONNX with an output shape that no runtime accepts.)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = Parameter(initializer(_he(), (channels, channels, 2, 2)), name="weight")
        self.bias = Parameter(initializer("zeros", (channels,)), name="bias")
        self.convolve = ops.Conv2D(4 * channels, (1, 1))  # the ONNX exporter needs a tuple

    def construct(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C, 2, 2, H, W]: row and column within a cell, then the cell."""
        count, channels, height, width = x.shape
        weight = ops.transpose(self.weight, (1, 2, 3, 0)).reshape(4 * channels, channels, 1, 1).astype(x.dtype)
        bias = ops.broadcast_to(self.bias.reshape(-1, 1), (channels, 4)).reshape(-1).astype(x.dtype)
        return ops.bias_add(self.convolve(x, weight), bias).reshape(count, channels, 2, 2, height, width)


class MaskHead(nn.Cell):
    """Four 3x3 convolutions, a 2x2 deconvolution that doubles rows and columns, and a 1x1 convolution to one mask per class.

    Args:
        in_channels: of the pooled features; pooled_size: their rows and columns, S / 2; channels: of the hidden layers;
        class_count: C.
    """

    def __init__(self, in_channels: int, pooled_size: int, channels: int, class_count: int) -> None:
        super().__init__()
        widths = (in_channels,) + (channels,) * DEPTH
        self.convs = nn.CellList(
            [
                Convolution(before, after, 3, pad_mode="same", has_bias=True, weight_init=_he(), bias_init="zeros")
                for before, after in pairwise(widths)
            ]
        )
        self.deconv = Deconvolution(channels)
        # Xavier, by input and output channels: with fan_out alone, a head with few classes would start with confident masks.
        self.classes = Convolution(
            channels, class_count, 1, has_bias=True, weight_init=XavierNormal(gain=2.0), bias_init="zeros"
        )
        self.pooled_size = pooled_size

    def construct(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """The mask of one class per RoI; those of the other classes are not computed.

        Args:
            pooled: [N, in_channels * (S / 2)^2], of `PyramidRoiAlign`; labels: [N] int32 in 0..C-1.

        Returns:
            Logits [N, S, S] float32; inside the object they are above 0.
        """
        count, size = pooled.shape[0], self.pooled_size
        hidden = ops.transpose(pooled.reshape(count, size, size, -1), (0, 3, 1, 2))
        for conv in self.convs:
            hidden = ops.relu(conv(hidden))
        hidden = ops.relu(self.deconv(hidden))
        channels = hidden.shape[1]
        weight = ops.gather(self.classes.weight.reshape(-1, channels), labels, 0).astype(hidden.dtype)
        logits = ops.bmm(weight.reshape(count, 1, channels), hidden.reshape(count, channels, -1))
        by_cell = ops.transpose(logits.reshape(count, 2, 2, size, size), (0, 3, 1, 4, 2))
        bias = ops.gather(self.classes.bias, labels, 0).astype(hidden.dtype).reshape(count, 1, 1)
        return (by_cell.reshape(count, 2 * size, 2 * size) + bias).astype(mstype.float32)


def mask_loss(logits: Tensor, targets: Tensor, positive: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over the cells of a mask, then over the positive RoIs of an image (He et al. 2017, section 3).

    Args:
        logits: [B * P, S, S] of the true class; targets: [B, P, S, S] float32, 0 or 1; positive: [B, P] bool.

    Returns:
        [B] float32; 0 for an image without positives.
    """
    weight = positive.astype(mstype.float32)
    cross_entropy = binary_cross_entropy(logits.reshape(targets.shape), targets).mean((2, 3)) * weight
    return cross_entropy.sum(-1) / ops.maximum(weight.sum(-1), Tensor(1.0, mstype.float32))
