"""Feature pyramid (Lin et al. 2017, FPN, section 3)."""

from mindspore import Tensor, nn
from mindspore.common.initializer import XavierUniform

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
    """P2 to P6 from C2 to C5: 1x1 laterals, nearest upsampling from above, a 3x3 convolution per level, P6 subsampled from P5."""

    def __init__(self, in_channels: tuple[int, ...], out_channels: int) -> None:
        super().__init__()
        self.lateral = nn.CellList([_conv(channels, out_channels, 1) for channels in in_channels])
        self.output = nn.CellList([_conv(out_channels, out_channels, 3) for _ in in_channels])
        self.subsample = nn.MaxPool2d(kernel_size=1, stride=2)

    def construct(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Map C2..C5 (each half the size of the one before) to P2..P6, all [B, out_channels, ., .]."""
        merged = self.lateral[3](features[3])
        outputs = (self.output[3](merged),)
        for level in (2, 1, 0):
            merged = _add_upsampled(self.lateral[level](features[level]), merged)
            outputs = (self.output[level](merged),) + outputs
        return outputs + (self.subsample(outputs[3]),)


def _add_upsampled(fine: Tensor, coarse: Tensor) -> Tensor:
    """fine [B, C, 2H, 2W] + coarse [B, C, H, W] repeated twice in height and width."""
    batch, channels, rows, columns = coarse.shape
    blocks = fine.reshape(batch, channels, rows, 2, columns, 2) + coarse.reshape(batch, channels, rows, 1, columns, 1)
    return blocks.reshape(fine.shape)
