"""Moving statistics of batch norm, restored when a step is skipped."""

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops


class MovingStatistics(nn.Cell):
    """Moving statistics of batch norm: the forward pass updates them, so a skipped step must restore them."""

    def __init__(self, network: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        moving = []
        for _, cell in network.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d) and cell.use_batch_statistics is not False:
                moving += [cell.moving_mean, cell.moving_variance]
        self.moving = ParameterTuple(moving)
        self.each = ops.HyperMap()  # a loop in a graph is a recursion, at most 1000 deep: too few for a ResNet-152
        self.before = ParameterTuple(
            Parameter(Tensor(np.zeros(value.shape, np.float32)), name=f"before.{value.name}", requires_grad=False)
            for value in moving
        )

    def construct(self) -> None:
        """Save them before the forward pass."""
        if self.moving:
            self.each(ops.partial(ops.assign), self.before, self.moving)

    def restore_unless(self, finite: Tensor) -> None:
        """Restore them if the step was not finite."""
        if self.moving:
            self.each(ops.partial(_restore_unless, finite), self.before, self.moving)


def _restore_unless(finite: Tensor, before: Parameter, value: Parameter) -> Tensor:
    return ops.assign(value, ops.where(finite, value, before))
