"""Masks in their boxes: M x M cells over the box of an object, read bilinearly at points of it.

Cell (i, j) covers rows i/M to (i+1)/M and columns j/M to (j+1)/M of the box; its value stands at its centre.

Axes: N masks, M cells a side, P points a side.
"""

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype


def cell_centres(count: int) -> np.ndarray:
    """Where the centres of `count` cells lie along one side of a box, 0 to 1: float32 [count]."""
    return ((np.arange(count) + 0.5) / count).astype(np.float32)


def read_masks(masks: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of masks at grids of points, bilinear between the centres of cells; outside the box there is nothing.

    Args:
        masks: [N, M, M] float32.
        rows, columns: [N, P] float32, places from 0, the upper or left side of the mask's box, to 1, the lower or right one.

    Returns:
        [N, P, P] float32.
    """
    shares_NPM = _shares(rows, masks.shape[1])
    shares_NMP = ops.transpose(_shares(columns, masks.shape[2]), (0, 2, 1))
    return ops.bmm(ops.bmm(shares_NPM, masks), shares_NMP)


def _shares(places: Tensor, count: int) -> Tensor:
    """What each of `count` cells adds to the value at each place [N, P]: [N, P, count]."""
    # Between the side of the box and the first centre the mask is what it is at the centre.
    cell = ops.clip_by_value(places * count - 0.5, 0.0, count - 1.0)
    shares = ops.relu(1.0 - ops.abs(cell[..., None] - Tensor(np.arange(count, dtype=np.float32))))
    inside = ops.logical_and(places >= 0.0, places <= 1.0).astype(mstype.float32)
    return shares * inside[..., None]
