"""The maps behind the backbone: their sizes, for the paper's input and for others, and what the layers give."""

import numpy as np
import pytest
from mindspore import Tensor

from src.Ssd.extra_layers import ExtraLayers

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.mark.parametrize(
    ("rows", "columns", "maps"),
    [
        (38, 38, ((38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1))),
        (8, 8, ((8, 8), (4, 4), (2, 2), (1, 1), (1, 1), (1, 1))),
        (38, 63, ((38, 63), (19, 32), (10, 16), (5, 8), (3, 4), (1, 2))),
    ],
)
def test_maps(rows, columns, maps):
    layers = ExtraLayers(6, (8, 4, 4, 2, 2), rows, columns)
    assert layers.maps == maps
    found = layers(Tensor(np.ones((2, 6, rows, columns), np.float32)))
    assert [feature.shape for feature in found] == [
        (2, channels, *sizes) for channels, sizes in zip((6, 8, 4, 4, 2, 2), maps, strict=True)
    ]


def test_a_layer_halves_its_channels_in_between_and_has_no_bias():
    layers = ExtraLayers(256, (512, 512, 256, 256, 256), 38, 38)
    shapes = {parameter.name: parameter.shape for parameter in layers.get_parameters()}
    assert shapes["layers.0.reduce.weight"] == (256, 256, 1, 1) and shapes["layers.0.shrink.weight"] == (512, 256, 3, 3)
    assert shapes["layers.4.reduce.weight"] == (128, 256, 1, 1) and len(shapes) == 10
