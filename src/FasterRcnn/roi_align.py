"""RoIAlign over a feature pyramid (He et al. 2017, Mask R-CNN, section 3; levels after Lin et al. 2017, FPN, eq. 1).

The feature map cells and weights of each sampling point are computed here, in the graph; the weighted sums are computed by
`src.FasterRcnn.pooling`. Each RoI is pooled once, from its own level.

Axes: B images, R RoIs per image, P pooled cells per side, S sampling points per cell and side, C channels, L levels.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.FasterRcnn.pooling import pyramid_pooling


@dataclass(frozen=True)
class RoiAlignConfig:
    """How RoIs are pooled.

    Attributes:
        output_size: P; sampling: S; finest_scale: RoIs with a side (square root of the area) below twice this are pooled from the finest
            level; pixels.
        native: use the C++ kernel where it can be compiled; only on a CPU, not exportable.
    """

    output_size: int
    sampling: int
    finest_scale: float
    native: bool


class PyramidRoiAlign(nn.Cell):
    """Pool each RoI from the level of its size.

    Args:
        level_shapes: (rows, columns) of each level, finest first; strides: pixels of the network input per cell.
    """

    def __init__(
        self, level_shapes: tuple[tuple[int, int], ...], strides: tuple[int, ...], config: RoiAlignConfig
    ) -> None:
        super().__init__()
        sizes = np.asarray(level_shapes, np.int32)
        self.pool = pyramid_pooling(level_shapes, config.native)
        self.rows_L = Tensor(sizes[:, 0])
        self.columns_L = Tensor(sizes[:, 1])
        self.stride_L = Tensor(np.asarray(strides, np.float32))
        self.last_level = len(level_shapes) - 1
        self.size = config.output_size
        self.sampling = config.sampling
        self.finest_scale = config.finest_scale
        count = config.output_size * config.sampling
        points = (np.arange(count) + 0.5) / count
        self.points = Tensor(points.astype(np.float32))

    def level_of(self, rois: Tensor) -> Tensor:
        """The pyramid level of each RoI [..., 4]: int32 [...], floor(log2(side / finest_scale)), clipped to the levels."""
        area = ops.maximum((rois[..., 2] - rois[..., 0]) * (rois[..., 3] - rois[..., 1]), Tensor(1e-6, mstype.float32))
        level = ops.floor(0.5 * ops.log2(area / self.finest_scale**2) + 1e-6)
        return ops.clip_by_value(level, 0, self.last_level).astype(mstype.int32)

    def _axis(self, low: Tensor, high: Tensor, stride: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Indices and weights along one axis, [B, R, P, 2S]: the two neighbouring cells of every sampling point."""
        start = low / stride
        extent = ops.maximum(high / stride - start, Tensor(1.0, mstype.float32))
        position = start[..., None] + extent[..., None] * self.points
        last = (length - 1).astype(mstype.float32)[..., None]
        position = ops.maximum(ops.minimum(position, last), Tensor(0.0, mstype.float32))
        lower = ops.floor(position)
        upper = ops.minimum(lower + 1.0, last)
        share = position - lower
        index = ops.concat((lower[..., None], upper[..., None]), -1).astype(mstype.int32)
        weight = ops.concat(((1.0 - share)[..., None], share[..., None]), -1) / self.sampling
        shape = position.shape[:2] + (self.size, 2 * self.sampling)
        return index.reshape(shape), weight.reshape(shape)

    def construct(self, features: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        """Features of each RoI.

        Args:
            features: one [B, C, rows, columns] tensor per level, finest first.
            rois: [B, R, 4] float32 (x1, y1, x2, y2) in pixels of the network input, inside it; no gradient flows into them.

        Returns:
            [B * R, C * P * P] in the type of the features, channel-last within a RoI: (row, column, channel).
        """
        rois = ops.stop_gradient(rois)
        level = self.level_of(rois)
        stride = ops.gather(self.stride_L, level, 0)
        y_index, y_weight = self._axis(rois[..., 1], rois[..., 3], stride, ops.gather(self.rows_L, level, 0))
        x_index, x_weight = self._axis(rois[..., 0], rois[..., 2], stride, ops.gather(self.columns_L, level, 0))
        p2, p3, p4, p5 = features
        pooled = self.pool(p2, p3, p4, p5, level, y_index, y_weight, x_index, x_weight)
        return pooled.reshape(pooled.shape[0], -1)
