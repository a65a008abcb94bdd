"""Convolutions: with weights passed as arguments, with batch norm folded into them, and with a C++ kernel on the CPU.

Axes: B images, I and O channels in and out, H and W rows and columns.
"""

from pathlib import Path

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.parts.backbones.folding import native_folding
from src.parts.native import compiled

KERNEL = Path(__file__).with_name("winograd.cc")


class Convolution(nn.Conv2d):
    """MindSpore's nn.Conv2d, with optional weights in the call and optional C++ kernels (`use_native_kernels`).

    Attributes:
        is_native: it is computed by a kernel; has_folding: batch norm is folded into its weights by one.
    """

    is_native = has_folding = False

    def construct(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Map [B, I, H, W] to [B, O, H / stride, W / stride], with its own weights or with weight [O, I, rows, columns] and bias [O]."""
        if weight is None:
            weight, bias = self.weight, self.bias
        if self.is_native:
            ones, zeros = ops.ones((self.out_channels,), x.dtype), ops.zeros((self.out_channels,), x.dtype)
            return self.native(x, weight, ones, zeros if bias is None else bias)
        y = self.conv2d(x, weight)
        return y if bias is None else ops.bias_add(y, bias)


def normalised(convolution: Convolution, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """norm(convolution(x)), in one operation if `norm` uses its moving statistics.

    Then batch norm is a scale and a shift per channel, which are folded into the weights in every call. No activation between
    convolution and norm is stored for the gradient, and the gradients of weights, gamma and beta are the same. Not in float16,
    which is not precise enough for folded weights.
    """
    updates_statistics = norm.training if norm.use_batch_statistics is None else norm.use_batch_statistics
    if updates_statistics or x.dtype != mstype.float32:
        return norm(convolution(x))
    factor = norm.gamma / ops.sqrt(norm.moving_variance + norm.eps)  # Rsqrt is not exported to ONNX
    bias = norm.beta - norm.moving_mean * factor
    if convolution.is_native:
        return convolution.native(x, convolution.weight, factor, bias)
    if convolution.has_folding:
        return convolution(x, convolution.folding(convolution.weight, factor), bias)
    return convolution(x, convolution.weight * factor.reshape(-1, 1, 1, 1), bias)


class NativeConvolution(nn.Cell):
    """3x3 convolution, stride 1, padding 1, float32, with a factor per output channel: the kernel in winograd.cc, forward and backward."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        kinds = {"out_dtype": lambda *types: types[0], "func_type": "aot"}
        self.forward = ops.Custom(f"{library}:Convolution", lambda x, w, *_: [x[0], w[0], *x[2:]], **kinds)
        self.input_gradient = ops.Custom(f"{library}:InputGradient", lambda dy, w, _: [dy[0], w[1], *dy[2:]], **kinds)
        self.weight_gradient = ops.Custom(
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
        weight_gradient, factor_gradient, bias_gradient = self.weight_gradient(x, gradient, weight, factor)
        return self.input_gradient(gradient, weight, factor), weight_gradient, factor_gradient, bias_gradient


def use_native_kernels(network: nn.Cell) -> None:
    """Use the C++ kernel for all convolutions of a network that it supports, and that in folding.cc for the others.

    A kernel that cannot be compiled is left out.
    """
    library, folding = compiled(KERNEL), native_folding()
    for _, cell in network.cells_and_names():
        if not isinstance(cell, Convolution):
            continue
        if library and _is_supported(cell):
            cell.native = NativeConvolution(library)
            cell.is_native = True
        elif folding:
            cell.folding = folding
            cell.has_folding = True


def _is_supported(cell: Convolution) -> bool:
    pads_by_one = cell.pad_mode == "same" or (cell.pad_mode == "pad" and set(_pair(cell.padding)) == {1})
    sizes = (_pair(cell.kernel_size), _pair(cell.stride), _pair(cell.dilation), cell.group)
    return pads_by_one and sizes == ((3, 3), (1, 1), (1, 1), 1)


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)
