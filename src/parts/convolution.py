"""Convolutions: with weights that are handed in, with batch norm folded into them, and by a C++ kernel on the CPU.

Axes: B images, I and O channels in and out, H and W rows and columns.
"""

from pathlib import Path

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.parts.native import compiled

KERNEL = Path(__file__).with_name("winograd.cc")


class Convolution(nn.Conv2d):
    """MindSpore's 2D convolution with its names and defaults, and a choice of weights and of kernel (`use_native_kernels`)."""

    is_native = False

    def construct(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Map [B, I, H, W] to [B, O, H / stride, W / stride], by its own weights or by weight [O, I, rows, columns] and bias [O]."""
        if weight is None:
            weight, bias = self.weight, self.bias
        if self.is_native:
            ones, zeros = ops.ones((self.out_channels,), x.dtype), ops.zeros((self.out_channels,), x.dtype)
            return self.native(x, weight, ones, zeros if bias is None else bias)
        y = self.conv2d(x, weight)
        return y if bias is None else ops.bias_add(y, bias)


def normalised(convolution: Convolution, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """norm(convolution(x)), in one pass where the statistics of `norm` stay as they are.

    Then batch norm is a factor and a summand a channel, which go into the weights before each use: nothing is stored for the
    gradient in between, and gradients reach weights, scale and shift as they would have. Half precision is too coarse for it.
    """
    statistics_move = norm.training if norm.use_batch_statistics is None else norm.use_batch_statistics
    if statistics_move or x.dtype != mstype.float32:
        return norm(convolution(x))
    factor = norm.gamma / ops.sqrt(norm.moving_variance + norm.eps)  # Rsqrt is not exported to ONNX
    bias = norm.beta - norm.moving_mean * factor
    if convolution.is_native:
        return convolution.native(x, convolution.weight, factor, bias)
    return convolution(x, convolution.weight * factor.reshape(-1, 1, 1, 1), bias)


class NativeConvolution(nn.Cell):
    """3x3, stride 1, border of zeros, float32, a factor for each output channel: the kernel in winograd.cc, forward and backward."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        kinds = {"out_dtype": lambda *types: types[0], "func_type": "aot"}
        self.forward = ops.Custom(f"{library}:Convolution", lambda x, w, *_: [x[0], w[0], *x[2:]], **kinds)
        self.to_input = ops.Custom(f"{library}:InputGradient", lambda dy, w, _: [dy[0], w[1], *dy[2:]], **kinds)
        self.to_weight = ops.Custom(
            f"{library}:WeightGradient",
            lambda x, dy, w, factor: (w, factor, factor),
            lambda *types: types[1:],
            func_type="aot",
        )

    def construct(self, x: Tensor, weight: Tensor, factor: Tensor, bias: Tensor) -> Tensor:
        """Map x [B, I, H, W] with weight [O, I, 3, 3] times factor [O], and bias [O], to [B, O, H, W]."""
        return self.forward(x, weight, factor, bias)

    def bprop(self, x, weight, factor, bias, _, gradient):
        """Gradients of x, weight, factor and bias."""
        to_weight, to_factor, to_bias = self.to_weight(x, gradient, weight, factor)
        return self.to_input(gradient, weight, factor), to_weight, to_factor, to_bias


def use_native_kernels(network: nn.Cell) -> None:
    """Let the C++ kernel compute all convolutions of a network that it can; where it cannot be compiled, operators stay."""
    library = compiled(KERNEL)
    if library is None:
        return
    for _, cell in network.cells_and_names():
        if isinstance(cell, Convolution) and _fits(cell):
            cell.native = NativeConvolution(library)
            cell.is_native = True


def _fits(cell: Convolution) -> bool:
    border_is_one = cell.pad_mode == "same" or (cell.pad_mode == "pad" and set(_pair(cell.padding)) == {1})
    sizes = (_pair(cell.kernel_size), _pair(cell.stride), _pair(cell.dilation), cell.group)
    return border_is_one and sizes == ((3, 3), (1, 1), (1, 1), 1)


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)
