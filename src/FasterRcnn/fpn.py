"""Feature pyramid (Lin et al. 2017, FPN, section 3)."""

from mindspore import Tensor, nn
from mindspore.common.initializer import XavierUniform

from src.FasterRcnn.upsampling import upsampled_sum
from src.parts.backbones.convolution import Convolution


def _conv(in_channels: int, out_channels: int, kernel: int) -> Convolution:
    return Convolution(
        in_channels,
        out_channels,
        kernel,
        pad_mode="same",
        has_bias=True,
        weight_init=XavierUniform(),
        bias_init="zeros",
    )


class FeaturePyramid(nn.Cell):
    """P2 to P6 from C2 to C5: 1x1 laterals, nearest upsampling from above, a 3x3 convolution per level, P6 subsampled from P5.

    Args:
        native: add maps of different sizes by a C++ kernel, see `upsampled_sum`.
    """

    def __init__(self, in_channels: tuple[int, ...], out_channels: int, native: bool = False) -> None:
        super().__init__()
        self.lateral = nn.CellList([_conv(channels, out_channels, 1) for channels in in_channels])
        self.output = nn.CellList([_conv(out_channels, out_channels, 3) for _ in in_channels])
        self.add_upsampled = upsampled_sum(native)
        self.subsample = nn.MaxPool2d(kernel_size=1, stride=2)

    def construct(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Map C2..C5 (each half the size of the one before) to P2..P6, all [B, out_channels, ., .]."""
        merged = self.lateral[3](features[3])
        outputs = (self.output[3](merged),)
        for level in (2, 1, 0):
            merged = self.add_upsampled(self.lateral[level](features[level]), merged)
            outputs = (self.output[level](merged),) + outputs
        return outputs + (self.subsample(outputs[3]),)
