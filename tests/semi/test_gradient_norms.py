"""Norms of gradients against NumPy, by operators and by the C++ kernel."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor

from src.semi.gradient_norms import NativeNorms, OperatorNorms, gradient_norms

pytestmark = pytest.mark.usefixtures("pynative")
SHAPES = [(), (1,), (17,), (3, 5, 3, 3), (300, 301)]


def parameters(dtype=ms.float32) -> list[Parameter]:
    return [Parameter(Tensor(np.zeros(3), dtype), name=f"p{number}") for number in range(2)]


def cells():
    native = gradient_norms(parameters())
    assert isinstance(native, NativeNorms)
    return [OperatorNorms(), native]


def tensors(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(0, 3, SHAPES[number % len(SHAPES)]).astype(np.float32) for number in range(count)]


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
def test_norms_are_those_of_numpy(mode):
    values = tensors(10)
    wanted = [np.linalg.norm(value.astype(np.float64)) for value in values]
    ms.set_context(mode=mode)
    for cell in cells():
        found = cell(tuple(Tensor(value) for value in values)).asnumpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e25])
def test_what_is_not_finite_or_too_great_stays_in_its_own_norm(bad):
    values = tensors(5)
    values[4][7, 8] = bad
    for cell in cells():
        found = np.isfinite(cell(tuple(Tensor(value) for value in values)).asnumpy())
        assert found.tolist() == [True] * 4 + [False]


def test_the_kernel_is_for_float32_alone():
    assert isinstance(gradient_norms(parameters(ms.float16)), OperatorNorms)
