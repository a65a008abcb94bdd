"""Default boxes, the anchors of SSD: fixed boxes at every cell of every feature map (Liu et al. 2016, SSD, section 2.2)."""

import math
from dataclasses import dataclass

import numpy as np

from src.parts.anchors import shifted


@dataclass(frozen=True)
class DefaultBoxConfig:
    """The default boxes of every feature map.

    Attributes:
        ratios: for each map, the backbone's first, aspect ratios of the boxes that are not squares, see `cell_sizes`.
        smallest, largest: box size of the first and of the last map, as a fraction of the input; the next size after the last is 1.
    """

    ratios: tuple[tuple[float, ...], ...]
    smallest: float
    largest: float


def cell_sizes(size: float, next_size: float, ratios: tuple[float, ...]) -> list[tuple[float, float]]:
    """Width and height of the default boxes of one cell, as fractions of the input.

    A square of `size`; for each aspect ratio one box of the same area in landscape and one in portrait; and a square of the
    geometric mean of the sizes of this map and the next.
    """
    sizes = [(size, size)]
    for ratio in ratios:
        wide, narrow = size * math.sqrt(ratio), size / math.sqrt(ratio)
        sizes += [(wide, narrow), (narrow, wide)]
    between = math.sqrt(size * next_size)
    return [*sizes, (between, between)]


def default_boxes(
    config: DefaultBoxConfig, height: int, width: int, maps: tuple[tuple[int, int], ...]
) -> list[np.ndarray]:
    """The default boxes of every level over an input of height x width pixels.

    Sizes grow linearly from level to level (eq. 4). Centres are those of the cells, (j + 0.5) / columns of the width. (The model
    zoo rounds the width of a cell down to whole pixels, so its 38 columns end 34 pixels before the right side of the input.)

    Args:
        maps: rows and columns of each feature map.

    Returns:
        One float32 [rows * columns * (2 + 2 * ratios), 4] per level, (x1, y1, x2, y2) in pixels of the input, cell by cell and row
        by row; those near the border reach beyond it. 300 x 300 pixels give 8732 with the ratios of the paper.
    """
    sizes = [*np.linspace(config.smallest, config.largest, len(maps)), 1.0]
    levels = []
    for (rows, columns), of_level, size, next_size in zip(maps, config.ratios, sizes, sizes[1:], strict=False):
        sides = np.asarray(cell_sizes(size, next_size, of_level)) * (width, height)
        y, x = (np.arange(rows) + 0.5) * height / rows, (np.arange(columns) + 0.5) * width / columns
        levels.append(shifted(y, x, np.concatenate([-sides / 2, sides / 2], 1)))
    return levels
