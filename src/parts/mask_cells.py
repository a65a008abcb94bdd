"""Bilinear sampling of masks, which are M x M cells over the box of an object.

Cell (i, j) covers rows i/M to (i+1)/M and columns j/M to (j+1)/M of the box; its value is that of its centre.

Axes: N masks, M cells per side, P points per side.
"""

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype


def cell_centres(count: int) -> np.ndarray:
    """Centres of `count` cells along one side of a box, as fractions of the side: float32 [count]."""
    return ((np.arange(count) + 0.5) / count).astype(np.float32)


def sample_masks(masks: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sample masks bilinearly at a grid of points (as grid_sample); 0 outside the box.

    Args:
        masks: [N, M, M] float32.
        rows, columns: [N, P] float32, positions from 0, the upper or left side of the mask's box, to 1, the lower or right one.

    Returns:
        [N, P, P] float32.
    """
    weights_NPM = _weights(rows, masks.shape[1])
    weights_NMP = ops.transpose(_weights(columns, masks.shape[2]), (0, 2, 1))
    return ops.bmm(ops.bmm(weights_NPM, masks), weights_NMP)


def _weights(positions: Tensor, count: int) -> Tensor:
    """Bilinear weight of each of `count` cells at each position [N, P]: [N, P, count]."""
    # Between the side of the box and the first or last centre the value is that of the centre.
    cell = ops.clip_by_value(positions * count - 0.5, 0.0, count - 1.0)
    weights = ops.relu(1.0 - ops.abs(cell[..., None] - Tensor(np.arange(count, dtype=np.float32))))
    inside = ops.logical_and(positions >= 0.0, positions <= 1.0).astype(mstype.float32)
    return weights * inside[..., None]
