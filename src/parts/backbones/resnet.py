"""ResNet backbones (He et al. 2016); the name gives depth and version.

v1 has the stride of a bottleneck in its first 1x1 convolution, v1.5 in the 3x3. Parameter names are torchvision's
(`conv1`, `bn1`, `layer1.0.conv1`, `layer1.0.downsample.0`), with MindSpore's own names for batch norm.
"""

from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeNormal

from src.parts.backbones.convolution import Convolution, normalised
from src.parts.backbones.table import BACKBONES

BATCH_NORM_EPSILON = 1e-5


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> Convolution:
    return Convolution(
        in_channels,
        out_channels,
        kernel,
        stride,
        pad_mode="pad",
        padding=kernel // 2,
        weight_init=HeNormal(mode="fan_out", nonlinearity="relu"),
    )


class Block(nn.Cell):
    """One residual block: two 3x3 convolutions (basic) or 1x1, 3x3, 1x1 (bottleneck), and a shortcut."""

    def __init__(self, in_channels: int, width: int, stride: int, bottleneck: bool, stride_on_3x3: bool, norm) -> None:
        super().__init__()
        out_channels = width * 4 if bottleneck else width
        if bottleneck:
            first, second = (1, stride) if stride_on_3x3 else (stride, 1)
            self.conv1 = _conv(in_channels, width, 1, first)
            self.conv2 = _conv(width, width, 3, second)
            self.conv3 = _conv(width, out_channels, 1)
            self.bn3 = norm(out_channels)
        else:
            self.conv1 = _conv(in_channels, width, 3, stride)
            self.conv2 = _conv(width, width, 3)
        self.bn1 = norm(width)
        self.bn2 = norm(width)
        self.bottleneck = bottleneck
        self.has_downsample = stride != 1 or in_channels != out_channels
        if self.has_downsample:
            self.downsample = nn.SequentialCell([_conv(in_channels, out_channels, 1, stride), norm(out_channels)])

    def construct(self, x: Tensor) -> Tensor:
        """Map [B, in, H, W] to [B, out, H / stride, W / stride]."""
        shortcut = normalised(self.downsample[0], self.downsample[1], x) if self.has_downsample else x
        y = ops.relu(normalised(self.conv1, self.bn1, x))
        y = normalised(self.conv2, self.bn2, y)
        if self.bottleneck:
            y = normalised(self.conv3, self.bn3, ops.relu(y))
        return ops.relu(y + shortcut)


class ResNet(nn.Cell):
    """The stages C2 to C5 of a ResNet, or C2 to C4.

    Args:
        name: a key of BACKBONES.
        frozen_stages: number of frozen parts, starting with the stem: 0 none, 1 the stem, 2 also C2, ... 5 all.
        frozen_batch_norm: batch norm uses its loaded statistics (for fine-tuning with small batches); its gamma and beta are
            still trained outside the frozen stages.
        stages: number of stages: 4, or 3 to end with C4.
        last_stride: of the last stage; 1 keeps the rows and columns of the stage before.
    """

    def __init__(
        self,
        name: str,
        frozen_stages: int = 2,
        frozen_batch_norm: bool = True,
        stages: int = 4,
        last_stride: int = 2,
    ) -> None:
        super().__init__()
        blocks, bottleneck, stride_on_3x3 = BACKBONES[name]

        def norm(channels: int) -> nn.BatchNorm2d:
            return nn.BatchNorm2d(
                channels, eps=BATCH_NORM_EPSILON, use_batch_statistics=False if frozen_batch_norm else None
            )

        self.conv1 = _conv(3, 64, 7, 2)
        self.bn1 = norm(64)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2)
        cells, channels = [], 64
        for index, count in enumerate(blocks[:stages]):
            stride = 1 if index == 0 else last_stride if index == stages - 1 else 2
            stage = []
            for number in range(count):
                first = stride if number == 0 else 1
                stage.append(
                    Block(channels, 64 * 2**index, first, bottleneck=bottleneck, stride_on_3x3=stride_on_3x3, norm=norm)
                )
                channels = 64 * 2**index * (4 if bottleneck else 1)
            cells.append(nn.SequentialCell(stage))
        self.layer1, self.layer2, self.layer3 = cells[:3]
        self.has_layer4 = stages == 4
        if self.has_layer4:
            self.layer4 = cells[3]
        self.out_channels = tuple(64 * 2**index * (4 if bottleneck else 1) for index in range(stages))
        self.frozen_stages = min(frozen_stages, 1 + stages)
        self._freeze(frozen_stages, cells)

    def _freeze(self, count: int, stages: list[nn.Cell]) -> None:
        parts = ((self.conv1, self.bn1), *((stage,) for stage in stages))
        for part in parts[:count]:
            for cell in part:
                for _, inner in cell.cells_and_names():
                    if isinstance(inner, nn.BatchNorm2d):
                        inner.use_batch_statistics = False
                for parameter in cell.get_parameters():
                    parameter.requires_grad = False

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """Features C2, C3, ... of normalised images.

        Args:
            images: [B, 3, H, W] float32; H and W must be multiples of 4, and of 32 if each map is to be half of the one before.

        Returns:
            One tensor per stage, [B, out_channels[i], H / 4 / 2^i, W / 4 / 2^i], rounded up; with last_stride 1 the last has the rows
            and columns of the one before.
        """
        x = self.maxpool(_pad_top_left(ops.relu(normalised(self.conv1, self.bn1, images))))
        if self.frozen_stages == 1:
            x = ops.stop_gradient(x)
        features = ()
        for number, stage in enumerate((self.layer1, self.layer2, self.layer3)):
            x = stage(x)
            if number + 2 == self.frozen_stages:
                x = ops.stop_gradient(x)
            features = features + (x,)
        if self.has_layer4:
            x = self.layer4(x)
            if self.frozen_stages == 5:
                x = ops.stop_gradient(x)
            features = features + (x,)
        return features


def _pad_top_left(x: Tensor) -> Tensor:
    """Pad x [B, C, H, W] with a row on top and a column at the left, for a 3x3 max pooling of stride 2 and padding 1.

    After ReLU a zero does not change the maximum. Concatenating is many times faster on CPU than the Pad operator.
    """
    batch, channels, rows, columns = x.shape
    x = ops.concat((ops.zeros((batch, channels, 1, columns), x.dtype), x), 2)
    return ops.concat((ops.zeros((batch, channels, rows + 1, 1), x.dtype), x), 3)
