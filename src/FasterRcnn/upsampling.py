"""The sum of a feature map and a coarser one, as MindSpore operators and by a C++ kernel for the CPU.

Axes: B images, C channels, H and W rows and columns of the coarse map.
"""

from pathlib import Path

from mindspore import Tensor, nn, ops

from src.parts.native import compiled

KERNEL = Path(__file__).with_name("upsampling.cc")


def upsampled_sum(native: bool) -> nn.Cell:
    """The nn.Cell that adds an enlarged coarse map, see `OperatorSum`.

    Args:
        native: use the C++ kernel where it can be compiled (CPU, float32, not exportable); the result is equal.
    """
    library = compiled(KERNEL) if native else None
    return NativeSum(library) if library else OperatorSum()


class OperatorSum(nn.Cell):
    """With MindSpore operators."""

    def construct(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine [B, C, 2H, 2W] + coarse [B, C, H, W] repeated twice in height and width."""
        batch, channels, rows, columns = coarse.shape
        blocks = fine.reshape(batch, channels, rows, 2, columns, 2) + coarse.reshape(
            batch, channels, rows, 1, columns, 1
        )
        return blocks.reshape(fine.shape)


class NativeSum(nn.Cell):
    """With the kernel in upsampling.cc, forward and backward; arguments and result as for `OperatorSum`."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        kinds = {"out_dtype": lambda *types: types[0], "func_type": "aot"}
        self.add = ops.Custom(f"{library}:AddUpsampled", lambda fine, _: fine, **kinds)
        self.coarse_gradient = ops.Custom(f"{library}:CoarseGradient", _half, **kinds)

    def construct(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine [B, C, 2H, 2W] + coarse [B, C, H, W] repeated twice in height and width."""
        return self.add(fine, coarse)

    def bprop(self, fine, coarse, _, gradient):
        """Gradients of fine and coarse."""
        return gradient, self.coarse_gradient(gradient)


def _half(shape: list[int]) -> list[int]:
    return [*shape[:2], shape[2] // 2, shape[3] // 2]
