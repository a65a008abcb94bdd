"""Pre-processing in the graph: normalisation of pixels, and masking of padding.

Axes: B images, H and W the network input in pixels.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

# ImageNet statistics of RGB pixels in 0..255, which pretrained ResNets expect.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class InputConfig:
    """The network input: H and W in pixels, and whether black rows and columns at the bottom and right are padding, see `network_input`."""

    height: int
    width: int
    black_is_padding: bool


def normalise(pixels: Tensor) -> Tensor:
    """Subtract the mean of each channel and divide by its standard deviation.

    Args:
        pixels: [B, 3, H, W] uint8 or float, RGB, 0 to 255.

    Returns:
        [B, 3, H, W] float32.
    """
    pixels, channels = pixels.astype(mstype.float32), ()
    for channel in range(3):  # by itself: where shapes differ, MindSpore keeps a table of 16 bytes per number on a CPU
        channels = channels + ((pixels[:, channel : channel + 1] - MEAN[channel]) / STD[channel],)
    return ops.concat(channels, 1)


def network_input(
    pixels: Tensor, image_sizes: Tensor | None, black_is_padding: bool
) -> tuple[Tensor, float | Tensor, float | Tensor]:
    """The input of the backbone, and the size that boxes are clipped to.

    Args:
        pixels: [B, 3, H, W] uint8 or float, RGB, 0 to 255.
        image_sizes: float32 [B, 2], height and width of each image within the input, from its upper left corner; the rest at
            the bottom and at the right is padding. None: they are estimated by `lit_sizes`.
        black_is_padding: padding is set to the mean colour, and boxes are clipped to the image; otherwise padding stays
            black, boxes are clipped to the input, and image_sizes are not used.

    Returns:
        Normalised pixels [B, 3, H, W] float32; height and width that boxes are clipped to: H and W, or float32 [B, 1, 1].
    """
    rows, columns = pixels.shape[2:]
    normalised = normalise(pixels)
    if not black_is_padding:
        return normalised, float(rows), float(columns)
    if image_sizes is None:
        image_sizes = lit_sizes(pixels)
    height, width = image_sizes[:, 0].reshape(-1, 1, 1), image_sizes[:, 1].reshape(-1, 1, 1)
    row = Tensor(np.arange(rows, dtype=np.float32).reshape(1, rows, 1))
    column = Tensor(np.arange(columns, dtype=np.float32).reshape(1, 1, columns))
    inside = ops.logical_and(row < height, column < width).astype(mstype.float32)
    return normalised * ops.expand_dims(inside, 1), height, width


def lit_sizes(pixels: Tensor) -> Tensor:
    """Estimate height and width of images: up to their last row and column that are not all black.

    Black rows and columns at the bottom and right of the image itself count as padding.

    Args:
        pixels: [B, 3, H, W] uint8 or float, 0 to 255.

    Returns:
        float32 [B, 2].
    """
    rows, columns = pixels.shape[2:]
    lit = ops.amax(pixels.astype(mstype.float32), 1)
    height = ops.where(ops.amax(lit, 2) > 0, Tensor(np.arange(1, rows + 1, dtype=np.float32)), 0.0)
    width = ops.where(ops.amax(lit, 1) > 0, Tensor(np.arange(1, columns + 1, dtype=np.float32)), 0.0)
    return ops.stack((ops.amax(height, 1), ops.amax(width, 1)), 1)
