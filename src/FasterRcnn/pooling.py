"""The inner loop of RoIAlign, weighted sums of feature map cells, with MindSpore operators and with a C++ kernel.

Axes: B images, R RoIs per image, P pooled cells per side, T taps (feature map cells with a weight)
per pooled cell and axis, C channels. Four levels, finest first.
"""

from pathlib import Path

import numpy as np
from mindspore import Tensor, nn, ops

from src.parts.native import compiled

KERNEL = Path(__file__).with_name("pooling.cc")
LEVELS = 4


def pyramid_pooling(level_shapes: tuple[tuple[int, int], ...], native: bool) -> nn.Cell:
    """The nn.Cell that computes the weighted sum of the taps of every pooled cell, see `OperatorPooling`.

    Args:
        level_shapes: (rows, columns) of each level.
        native: use the C++ kernel where it can be compiled (CPU, float32, not exportable); the result is equal up to rounding.

    Raises:
        ValueError: if there are not four levels.
    """
    if len(level_shapes) != LEVELS:
        raise ValueError(f"level_shapes: expected {LEVELS} levels, got {len(level_shapes)}")
    library = compiled(KERNEL) if native else None
    return NativePooling(library) if library else OperatorPooling(level_shapes)


class OperatorPooling(nn.Cell):
    """Pooling with MindSpore operators: one gather from a table of the cells of all levels, and one batched matrix product."""

    def __init__(self, level_shapes: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        sizes = np.asarray(level_shapes, np.int32)
        cells = sizes[:, 0] * sizes[:, 1]
        self.cells_per_image = int(cells.sum())
        self.columns_L = Tensor(sizes[:, 1])
        self.first_cell_L = Tensor(np.concatenate([[0], np.cumsum(cells)[:-1]]).astype(np.int32))

    def construct(
        self,
        p2: Tensor,
        p3: Tensor,
        p4: Tensor,
        p5: Tensor,
        level: Tensor,
        y_index: Tensor,
        y_weight: Tensor,
        x_index: Tensor,
        x_weight: Tensor,
    ) -> Tensor:
        """Weighted sum of the taps of every pooled cell.

        Args:
            p2 to p5: features [B, C, rows, columns].
            level: [B, R] int32, 0 is p2.
            y_index, y_weight, x_index, x_weight: [B, R, P, T] int32 and float32, rows and columns of the taps in the level, and their
                weights.

        Returns:
            [B * R, P, P, C] in the type of the features.
        """
        batch, count, size, taps = y_index.shape
        channels = p2.shape[1]
        columns = ops.gather(self.columns_L, level, 0)[..., None, None]
        image = Tensor(np.arange(batch, dtype=np.int32)[:, None] * self.cells_per_image)
        first = (image + ops.gather(self.first_cell_L, level, 0))[..., None, None]
        outer = (batch, count, size, 1, taps, 1)
        inner = (batch, count, 1, size, 1, taps)
        cell = ((first + y_index * columns).reshape(outer) + x_index.reshape(inner)).reshape(-1)
        weight = (y_weight.reshape(outer) * x_weight.reshape(inner)).reshape(-1, 1, taps * taps)

        levels = ()  # a tuple, because a list does not export to ONNX
        for feature in (p2, p3, p4, p5):
            levels = levels + (ops.transpose(feature.reshape(batch, channels, -1), (0, 2, 1)),)
        table = ops.concat(levels, 1).reshape(-1, channels)
        gathered = ops.gather(table, cell, 0).reshape(-1, taps * taps, channels)
        return ops.bmm(weight.astype(gathered.dtype), gathered).reshape(batch * count, size, size, channels)


class NativePooling(nn.Cell):
    """Pooling with the kernel in pooling.cc, forward and backward; arguments and result as for `OperatorPooling`."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        self.pool = ops.Custom(f"{library}:PyramidPool", _pooled_shape, lambda *types: types[0], func_type="aot")
        self.pool_gradient = ops.Custom(
            f"{library}:PyramidPoolGradient",
            lambda *shapes: shapes[:LEVELS],
            lambda *types: types[:LEVELS],
            func_type="aot",
        )

    def construct(self, p2, p3, p4, p5, level, y_index, y_weight, x_index, x_weight):
        """Weighted sum of the taps of every pooled cell: [B * R, P, P, C]."""
        return self.pool(p2, p3, p4, p5, level, y_index, y_weight, x_index, x_weight)

    def bprop(self, p2, p3, p4, p5, level, y_index, y_weight, x_index, x_weight, _, gradient):
        """Gradients of the features; those of level, indices and weights are zero."""
        d2, d3, d4, d5 = self.pool_gradient(p2, p3, p4, p5, level, y_index, y_weight, x_index, x_weight, gradient)
        zeros = (ops.zeros_like(level),)
        for value in (y_index, y_weight, x_index, x_weight):
            zeros = zeros + (ops.zeros_like(value),)
        return (d2, d3, d4, d5) + zeros


def _pooled_shape(*shapes: list[int]) -> list[int]:
    batch, count, size, _ = shapes[LEVELS + 1]
    return [batch * count, size, size, shapes[0][1]]
