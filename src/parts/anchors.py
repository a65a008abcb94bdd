"""Anchors: the fixed reference boxes at every cell of a feature pyramid (Ren et al. 2015, section 3.1.1)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AnchorConfig:
    """The anchors of a feature pyramid.

    Attributes:
        scales: side of an anchor in strides; ratios: height / width.
        rule: "centred" or "torchvision", see `pyramid_anchors`.
        inside_only: anchors that cross the border of the input are neither matched nor trained on (Ren et al. 2015, section 3.3).
    """

    scales: tuple[float, ...]
    ratios: tuple[float, ...]
    rule: str
    inside_only: bool


def cell_anchors(stride: int, scales: tuple[float, ...], ratios: tuple[float, ...]) -> np.ndarray:
    """Anchors of one cell around (0, 0): float32 [len(ratios) * len(scales), 4] (x1, y1, x2, y2).

    The anchor of scale s and ratio r has the area (s * stride)^2 and height / width = r.
    """
    boxes = []
    for ratio in ratios:
        for scale in scales:
            width = stride * scale / np.sqrt(ratio)
            height = stride * scale * np.sqrt(ratio)
            boxes.append((-width / 2, -height / 2, width / 2, height / 2))
    return np.asarray(boxes, np.float32)


def grid_anchors(rows: int, columns: int, stride: int, cell: np.ndarray) -> np.ndarray:
    """Anchors of one pyramid level: float32 [rows * columns * len(cell), 4], row by row, those of one cell adjacent.

    The centre of cell (i, j) lies at ((j + 0.5) * stride, (i + 0.5) * stride) in pixels of the network input.
    """
    return shifted((np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, cell)


def shifted(y: np.ndarray, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The boxes [A, 4] of one cell, shifted to every centre (x [columns], y [rows]): float32 [rows * columns * A, 4], row by row."""
    y, x = np.meshgrid(y, x, indexing="ij")
    centres = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    return (centres + cell[None]).reshape(-1, 4).astype(np.float32)


def pyramid_anchors(config: AnchorConfig, height: int, width: int, strides: tuple[int, ...]) -> list[np.ndarray]:
    """Anchors of every level of a pyramid over an input of height x width pixels.

    By the rule "centred" their centre is that of the cell. By "torchvision" their corners are rounded to whole pixels around the
    upper left corner of the cell, and the cell size is height // rows (width // columns) instead of the stride, which is smaller on
    a coarse level whose last cell reaches beyond the input.

    Returns:
        One float32 [A, 4] (x1, y1, x2, y2) per level, in the order of `grid_anchors`.
    """
    levels = []
    for stride in strides:
        rows, columns = -(-height // stride), -(-width // stride)
        cell = cell_anchors(stride, config.scales, config.ratios)
        if config.rule == "centred":
            levels.append(grid_anchors(rows, columns, stride, cell))
        else:
            y, x = np.arange(rows) * (height // rows), np.arange(columns) * (width // columns)
            levels.append(shifted(y, x, np.round(cell)))
    return levels


def inside_image(anchors: np.ndarray, height: int, width: int) -> np.ndarray:
    """Whether each anchor [A, 4] lies entirely inside the network input: bool [A]."""
    x1, y1, x2, y2 = anchors.T
    return (x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)
