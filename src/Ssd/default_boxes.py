"""Default boxes, the anchors of SSD: fixed boxes of every cell of every feature map (Liu et al. 2016, SSD, section 2.2)."""

import math
from dataclasses import dataclass

import numpy as np

from src.parts.anchors import around


@dataclass(frozen=True)
class DefaultBoxConfig:
    """The default boxes of every feature map.

    Attributes:
        ratios: for each map, the backbone's first, width / height of the boxes beside the squares, see `cell_shares`.
        smallest, largest: size of the first and of the last map, as a share of the input; after the last comes 1.
    """

    ratios: tuple[tuple[float, ...], ...]
    smallest: float
    largest: float


def cell_shares(size: float, next_size: float, ratios: tuple[float, ...]) -> list[tuple[float, float]]:
    """Width and height of the default boxes of one cell, as shares of the input's.

    A square of `size`; for each aspect ratio one box of the same area in landscape and one in portrait; and a square of the
    geometric mean of the sizes of this map and the next.
    """
    shares = [(size, size)]
    for ratio in ratios:
        wide, narrow = size * math.sqrt(ratio), size / math.sqrt(ratio)
        shares += [(wide, narrow), (narrow, wide)]
    between = math.sqrt(size * next_size)
    return [*shares, (between, between)]


def default_boxes(
    config: DefaultBoxConfig, height: int, width: int, maps: tuple[tuple[int, int], ...]
) -> list[np.ndarray]:
    """The default boxes of every level over an input of height x width pixels.

    Sizes rise evenly from level to level (eq. 4). Centres are those of the cells, (j + 0.5) / columns of the width; the model
    zoo rounds the width of a cell down to whole pixels, so its 38 columns end 34 pixels short of the border of the input.

    Args:
        maps: rows and columns of each feature map.

    Returns:
        One float32 [rows * columns * (2 + 2 * ratios), 4] per level, (x1, y1, x2, y2) in pixels of the input, cell by cell and row
        by row; those near the border reach beyond it. 300 x 300 pixels give 8732 with the ratios of the paper.
    """
    sizes = [*np.linspace(config.smallest, config.largest, len(maps)), 1.0]
    levels = []
    for (rows, columns), of_level, size, next_size in zip(maps, config.ratios, sizes, sizes[1:], strict=False):
        sides = np.asarray(cell_shares(size, next_size, of_level)) * (width, height)
        y, x = (np.arange(rows) + 0.5) * height / rows, (np.arange(columns) + 0.5) * width / columns
        levels.append(around(y, x, np.concatenate([-sides / 2, sides / 2], 1)))
    return levels
