"""Anchors: the fixed reference boxes of every cell of a feature pyramid (Ren et al. 2015, section 3.1.1)."""

import numpy as np


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
    y, x = np.meshgrid((np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, indexing="ij")
    centres = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    return (centres + cell[None]).reshape(-1, 4).astype(np.float32)


def inside_image(anchors: np.ndarray, height: int, width: int) -> np.ndarray:
    """Which anchors [A, 4] lie wholly inside the network input: bool [A]."""
    x1, y1, x2, y2 = anchors.T
    return (x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)
