"""L2 norms of gradients, as MindSpore operators and by a C++ kernel for the CPU."""

from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from src.parts.native import compiled

KERNEL = Path(__file__).with_name("gradient_norms.cc")


def gradient_norms(parameters: Sequence[Parameter]) -> nn.Cell:
    """The nn.Cell for the gradients of these parameters: the C++ kernel for float32 on a CPU, if it can be compiled."""
    native = ms.get_context("device_target") == "CPU" and all(each.dtype == ms.float32 for each in parameters)
    library = compiled(KERNEL) if native else None
    return NativeNorms(library) if library else OperatorNorms()


class OperatorNorms(nn.Cell):
    """With MindSpore operators, one norm after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.each = ops.HyperMap()

    def construct(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """The norm of each of N gradients: float32 [N]."""
        return ops.concat(self.each(_norm, gradients))


class NativeNorms(nn.Cell):
    """With the kernel in gradient_norms.cc: one operator for all gradients."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        self.measure = ops.Custom(
            f"{library}:Norms", lambda *shapes: [len(shapes)], lambda *types: types[0], func_type="aot"
        )

    def construct(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """The norm of each of N gradients: float32 [N]."""
        return self.measure(*gradients)


def _norm(gradient: Tensor) -> Tensor:
    """The L2 norm [1]. Row by row, because a sum over all axes at once takes five times as long on a CPU."""
    rows = gradient.reshape(gradient.shape[0] if gradient.ndim else 1, -1)
    return ops.sqrt(ops.square(rows).sum(-1).sum()).reshape(1)
