"""Convolutions against the definition, by operators and by the C++ kernel; batch norm in their weights; gradients."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from src.parts.backbones.convolution import Convolution, normalised, use_native_kernels

pytestmark = pytest.mark.usefixtures("pynative")
KERNELS = pytest.mark.parametrize("native", [False, True], ids=["operators", "kernel"])


def convolution(channels_in: int, channels_out: int, native: bool, **options) -> Convolution:
    """A 3x3 convolution with a border of zeros, and with a bias."""
    options = {"kernel_size": 3, "pad_mode": "pad", "padding": 1, "has_bias": True, "bias_init": "normal"} | options
    cell = Convolution(channels_in, channels_out, weight_init="normal", **options)
    if native:
        use_native_kernels(cell)
        assert cell.is_native
    return cell


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The definition, in double precision: [B, O, H, W]."""
    rows, columns = x.shape[2:]
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    result = np.zeros((x.shape[0], weight.shape[0], rows, columns)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            window = padded[:, :, i : i + rows, j : j + columns]
            result += np.einsum("bchw,oc->bohw", window, weight[:, :, i, j].astype(np.float64))
    return result


def random(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@KERNELS
@pytest.mark.parametrize(
    "shape",
    [(1, 3, 7, 9), (2, 20, 12, 70), (3, 16, 1, 3), (1, 1, 2, 2), (1, 33, 5, 131), (2, 9, 41, 67), (1, 5, 90, 61)],
)
def test_convolution_against_the_definition(shape, native):
    cell, x = convolution(shape[1], 13, native), random(1, *shape)
    wanted = convolved(x, cell.weight.asnumpy(), cell.bias.asnumpy())
    np.testing.assert_allclose(cell(Tensor(x)).asnumpy(), wanted, atol=1e-5)


@KERNELS
@pytest.mark.parametrize("shape", [(2, 20, 7, 70), (1, 3, 5, 5), (2, 40, 23, 66), (1, 9, 41, 67)])
def test_gradients_against_the_definition(shape, native):
    cell, x, slope = convolution(shape[1], 7, native), random(2, *shape), random(3, shape[0], 7, *shape[2:])
    inputs = (Tensor(x), cell.weight.value(), cell.bias.value())
    found = ops.grad(lambda *values: (cell(*values) * Tensor(slope)).sum(), (0, 1, 2))(*inputs)
    # A convolution is linear in each of its inputs: a difference is the gradient, whatever the distance.
    values = [value.asnumpy() for value in inputs]
    for number, gradient in enumerate(found):
        gradient = gradient.asnumpy()
        for place in (np.unravel_index(np.abs(gradient).argmax(), gradient.shape), (0,) * gradient.ndim):
            totals = []
            for change in (0.5, -0.5):
                moved = [value.copy() for value in values]
                moved[number][place] += change
                totals.append((convolved(*moved) * slope).sum())
            assert gradient[place] == pytest.approx(totals[0] - totals[1], abs=1e-3)


class Gradient(nn.Cell):
    """Gradients of a weighted sum of outputs for input, weight and bias, as one graph."""

    def __init__(self, cell: Convolution, slope: np.ndarray) -> None:
        super().__init__()
        self.cell = cell
        self.slope = Tensor(slope)
        self.gradient = ops.grad(self.total, (0, 1, 2))

    def total(self, x, weight, bias):
        return (self.cell(x, weight, bias) * self.slope).sum()

    def construct(self, x, weight, bias):
        return self.gradient(x, weight, bias)


# The kernel cuts a small map into tiles of 2x2, and a large one into tiles of 4x4, which round more. The largest is more than it holds at once.
@pytest.mark.parametrize(
    "shape", [(2, 18, 14, 9, 40), (1, 256, 128, 48, 80), (2, 256, 128, 48, 80)], ids=["small", "large", "in parts"]
)
def test_the_kernel_gives_the_gradients_of_the_operators_in_a_graph(shape):
    images, channels_in, channels_out, *size = shape
    x, slope = Tensor(random(4, images, channels_in, *size)), random(5, images, channels_out, *size)
    weight, bias = Tensor(random(6, channels_out, channels_in, 3, 3)), Tensor(random(7, channels_out))
    ms.set_context(mode=ms.GRAPH_MODE)
    found = [
        Gradient(convolution(channels_in, channels_out, native), slope)(x, weight, bias) for native in (False, True)
    ]
    for by_operators, by_kernel in zip(*found, strict=True):
        wanted = by_operators.asnumpy()
        np.testing.assert_allclose(by_kernel.asnumpy(), wanted, atol=1e-5 * np.abs(wanted).max())


def test_the_kernel_takes_only_what_it_computes():
    fits = [{}, {"pad_mode": "same", "padding": 0}, {"has_bias": False}]
    others = [
        {"kernel_size": 1, "padding": 0},
        {"stride": 2},
        {"padding": 0},
        {"pad_mode": "valid", "padding": 0},
        {"dilation": 2, "padding": 2},
        {"group": 2},
    ]
    cells = [convolution(4, 4, False, **options) for options in fits + others]
    use_native_kernels(nn.CellList(cells))
    assert [cell.is_native for cell in cells] == [True] * len(fits) + [False] * len(others)
    x = Tensor(random(8, 1, 4, 6, 6))
    without_bias = cells[2]
    wanted = convolved(x.asnumpy(), without_bias.weight.asnumpy(), np.zeros(4))
    np.testing.assert_allclose(without_bias(x).asnumpy(), wanted, atol=1e-5)


def batch_norm(channels: int, fixed: bool | None) -> nn.BatchNorm2d:
    """Batch norm with statistics, scale and shift that are not those of a new one."""
    norm = nn.BatchNorm2d(channels, use_batch_statistics=None if fixed is None else not fixed)
    for number, name in enumerate(("gamma", "beta", "moving_mean", "moving_variance")):
        values = np.random.default_rng(number).uniform(0.5, 1.5, channels).astype(np.float32)
        getattr(norm, name).set_data(Tensor(values))
    return norm


@KERNELS
@pytest.mark.parametrize(("fixed", "training"), [(True, True), (True, False), (None, False)])
def test_batch_norm_goes_into_the_weights_where_its_statistics_stay(fixed, training, native):
    cell, norm, x = convolution(5, 6, native, has_bias=False), batch_norm(6, fixed), Tensor(random(9, 2, 5, 8, 9))
    norm.set_train(training)
    slope = Tensor(random(10, 2, 6, 8, 9))
    results = []
    for apart in (True, False):

        def total(x, apart=apart):
            return ((norm(cell(x)) if apart else normalised(cell, norm, x)) * slope).sum()

        parameters = ms.ParameterTuple((cell.weight, norm.gamma, norm.beta))
        value, (to_x, to_parameters) = ops.value_and_grad(total, 0, parameters)(x)
        results.append([value, to_x, *to_parameters])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other.asnumpy(), one.asnumpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("fixed", "training"), [(None, True), (False, True)])
def test_batch_norm_learns_its_statistics_where_they_move(fixed, training):
    cell, norm, x = convolution(5, 6, False), batch_norm(6, fixed), Tensor(random(11, 4, 5, 8, 9))
    norm.set_train(training)
    before = norm.moving_mean.asnumpy().copy()
    found = normalised(cell, norm, x).asnumpy()
    scaled = (found - norm.beta.asnumpy()[:, None, None]) / norm.gamma.asnumpy()[:, None, None]
    np.testing.assert_allclose(scaled.mean((0, 2, 3)), 0, atol=1e-4)
    assert not np.allclose(norm.moving_mean.asnumpy(), before)
