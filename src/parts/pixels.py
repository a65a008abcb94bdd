"""From pixels to what a backbone reads."""

from mindspore import Tensor
from mindspore import dtype as mstype

# ImageNet statistics of RGB pixels in 0..255, as every published ResNet expects them.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def normalise(pixels: Tensor) -> Tensor:
    """Pixels less their mean by their deviation, channel by channel.

    Args:
        pixels: [B, 3, H, W] uint8 or float, RGB, 0 to 255.

    Returns:
        [B, 3, H, W] float32.
    """
    mean = Tensor(MEAN, mstype.float32).reshape(1, 3, 1, 1)
    std = Tensor(STD, mstype.float32).reshape(1, 3, 1, 1)
    return (pixels.astype(mstype.float32) - mean) / std
