"""Weights of a convolution times a factor per output channel, by a C++ kernel for the CPU."""

from pathlib import Path

from mindspore import Tensor, nn, ops

from src.parts.native import compiled

KERNEL = Path(__file__).with_name("folding.cc")


def native_folding() -> nn.Cell | None:
    """The kernel; None if it cannot be compiled."""
    library = compiled(KERNEL)
    return NativeFolding(library) if library else None


class NativeFolding(nn.Cell):
    """`weight * factor.reshape(-1, 1, 1, 1)` in float32 with the kernel in folding.cc, forward and backward."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        self.fold = ops.Custom(f"{library}:Fold", lambda w, _: w, lambda *types: types[0], func_type="aot")
        self.gradient = ops.Custom(
            f"{library}:FoldGradient", lambda w, factor, _: (w, factor), lambda *types: types[:2], func_type="aot"
        )

    def construct(self, weight: Tensor, factor: Tensor) -> Tensor:
        """Weight [O, I, rows, columns] times factor [O]: float32 [O, I, rows, columns]."""
        return self.fold(weight, factor)

    def bprop(self, weight, factor, _, gradient):
        """Gradients of weight and factor."""
        return self.gradient(weight, factor, gradient)
