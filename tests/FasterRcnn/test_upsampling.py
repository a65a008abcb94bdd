"""Sums of a map and an enlarged coarser one against NumPy, by operators and by the C++ kernel; their gradients."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from src.FasterRcnn.upsampling import NativeSum, OperatorSum, upsampled_sum

pytestmark = pytest.mark.usefixtures("pynative")


class Gradients(nn.Cell):
    """The sum, and gradients of its product with some numbers, as one graph."""

    def __init__(self, add: nn.Cell) -> None:
        super().__init__()
        self.add = add
        self.gradient = ops.grad(self.total, (0, 1))

    def total(self, fine, coarse, slope):
        return (self.add(fine, coarse) * slope).sum()

    def construct(self, fine, coarse, slope):
        return self.add(fine, coarse), self.gradient(fine, coarse, slope)


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
@pytest.mark.parametrize("native", [False, True], ids=["operators", "kernel"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 7), (1, 33, 4, 20)])
def test_sum_and_gradients_are_those_of_numpy(shape, native, mode):
    add = upsampled_sum(native)
    assert isinstance(add, NativeSum if native else OperatorSum)
    batch, channels, rows, columns = shape
    rng = np.random.default_rng(0)
    coarse, *large = (
        rng.normal(0, 1, size).astype(np.float32)
        for size in (shape, (batch, channels, 2 * rows, 2 * columns), (batch, channels, 2 * rows, 2 * columns))
    )
    fine, slope = large
    ms.set_context(mode=mode)
    found, (to_fine, to_coarse) = Gradients(add)(Tensor(fine), Tensor(coarse), Tensor(slope))
    np.testing.assert_array_equal(found.asnumpy(), fine + coarse.repeat(2, axis=2).repeat(2, axis=3))
    np.testing.assert_array_equal(to_fine.asnumpy(), slope)
    wanted = slope.reshape(batch, channels, rows, 2, columns, 2).sum((3, 5))
    np.testing.assert_allclose(to_coarse.asnumpy(), wanted, rtol=1e-5, atol=1e-6)
