"""Random size and place of a training image within a network input of fixed size (expansion, multi-scale)."""

from dataclasses import dataclass

import numpy as np

_LARGEST_CANVAS = 4.0  # side of the canvas of an expanded image, in sides of the image (Liu et al. 2016, section 3.6)


@dataclass(frozen=True)
class Frame:
    """A canvas in the upper left corner of the network input, and an image somewhere on it.

    Attributes:
        height, width: pixels into which the image must fit.
        canvas: side of the canvas in sides of the image, from 1.
        right, down: share (0 to 1) of the free space that lies to the left of the image, and above it.
    """

    height: int
    width: int
    canvas: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Where (x, y) the upper left corner of an image of height x width pixels lies in the input."""
        room = self.canvas - 1.0
        return int(self.right * room * width), int(self.down * room * height)


def draw_frame(
    height: int, width: int, expand_ratio: float, multi_scale: tuple[float, float], rng: np.random.Generator
) -> Frame:
    """A random frame; options that are off draw no random numbers.

    Args:
        height, width: network input in pixels.
        expand_ratio: probability of a canvas of up to 4 sides of the image, so that its objects become small.
        multi_scale: smallest and largest size of the canvas, as a share of the input; at most 1, for an image that is larger
            than the input would lose objects.
        rng: source of every random choice.
    """
    scale = rng.uniform(*multi_scale) if multi_scale != (1.0, 1.0) else 1.0
    if expand_ratio > 0 and rng.random() < expand_ratio:
        canvas = rng.uniform(1.0, _LARGEST_CANVAS)
        right, down = rng.random(2)
    else:
        canvas, right, down = 1.0, 0.0, 0.0
    share = scale / canvas
    size = (max(int(height * share), 1), max(int(width * share), 1))
    return Frame(*size, canvas=canvas, right=right, down=down)
