"""Weights times a factor per output channel by the C++ kernel, and the gradients, against NumPy."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from src.parts.backbones import folding
from src.parts.backbones.folding import native_folding

pytestmark = pytest.mark.usefixtures("pynative")


class Gradients(nn.Cell):
    """Folded weights, and gradients of their product with some numbers, as one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.fold = native_folding()
        self.gradient = ops.grad(self.total, (0, 1))

    def total(self, weight, factor, slope):
        return (self.fold(weight, factor) * slope).sum()

    def construct(self, weight, factor, slope):
        return self.fold(weight, factor), self.gradient(weight, factor, slope)


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (5, 3, 7, 7), (130, 40, 1, 1), (64, 1, 3, 3)])
def test_weights_and_gradients_are_those_of_numpy(shape, mode):
    rng = np.random.default_rng(0)
    weight, factor, slope = (rng.normal(0, 1, size).astype(np.float32) for size in (shape, shape[:1], shape))
    ms.set_context(mode=mode)
    found, (to_weight, to_factor) = Gradients()(Tensor(weight), Tensor(factor), Tensor(slope))
    column = factor.reshape(-1, 1, 1, 1)
    np.testing.assert_array_equal(found.asnumpy(), weight * column)
    np.testing.assert_array_equal(to_weight.asnumpy(), slope * column)
    np.testing.assert_allclose(to_factor.asnumpy(), (slope * weight).sum((1, 2, 3)), rtol=1e-4, atol=1e-5)


def test_there_is_none_where_it_cannot_be_compiled(monkeypatch):
    monkeypatch.setattr(folding, "compiled", lambda source: None)
    assert native_folding() is None
