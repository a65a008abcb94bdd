"""Extra feature layers after the backbone, each coarser than the one before (Liu et al. 2016, SSD, section 2.1 and figure 2)."""

from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeNormal

from src.parts.backbones.convolution import Convolution


def next_map(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the feature map after one of this size: 38 -> 19 -> 10 -> 5 -> 3 -> 1 in the paper."""
    if _is_small(rows, columns):
        return rows - 2, columns - 2
    return (rows + 1) // 2, (columns + 1) // 2


def _is_small(rows: int, columns: int) -> bool:
    """Whether the map is so small that a 3x3 convolution without padding reduces it enough."""
    return min(rows, columns) >= 3 and max(rows, columns) <= 5


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int, padding: int) -> Convolution:
    return Convolution(
        in_channels, out_channels, kernel, stride, pad_mode="pad", padding=padding, weight_init=HeNormal()
    )


class ExtraLayer(nn.Cell):
    """A 1x1 convolution to half of the output channels and a 3x3 convolution that reduces the map, each with ReLU."""

    def __init__(self, in_channels: int, out_channels: int, rows: int, columns: int) -> None:
        super().__init__()
        self.reduce = _conv(in_channels, out_channels // 2, 1, stride=1, padding=0)
        stride, padding = (1, 0) if _is_small(rows, columns) else (2, 1)
        self.shrink = _conv(out_channels // 2, out_channels, 3, stride=stride, padding=padding)

    def construct(self, x: Tensor) -> Tensor:
        """Map [B, in_channels, rows, columns] to [B, out_channels, *next_map(rows, columns)]."""
        return ops.relu(self.shrink(ops.relu(self.reduce(x))))


class ExtraLayers(nn.Cell):
    """A sequence of extra layers.

    Args:
        in_channels: of the backbone's last map; out_channels: of each extra map; rows, columns: of the backbone's last map.

    Attributes:
        maps: rows and columns of every map, the backbone's first.
    """

    def __init__(self, in_channels: int, out_channels: tuple[int, ...], rows: int, columns: int) -> None:
        super().__init__()
        self.maps = ((rows, columns),)
        layers = []
        for before, after in zip((in_channels, *out_channels), out_channels, strict=False):
            layers.append(ExtraLayer(before, after, *self.maps[-1]))
            self.maps = (*self.maps, next_map(*self.maps[-1]))
        self.layers = nn.CellList(layers)

    def construct(self, x: Tensor) -> tuple[Tensor, ...]:
        """The map x [B, in_channels, rows, columns] and those after it."""
        features = (x,)
        for layer in self.layers:
            x = layer(x)
            features = features + (x,)
        return features
