"""A detector by its name."""

import numpy as np
import pytest
import yaml

from mindspore_hub_conf import create_network
from src.checkpoint.detector_file import load_detector
from src.errors import UserError


def test_a_checkpoint_comes_back_with_its_weights(tiny_detector, tiny_config):
    network = create_network("faster_rcnn", checkpoint_path=tiny_detector)
    fresh = create_network("faster_rcnn", class_count=2, **yaml.safe_load(tiny_config.read_text()))
    assert not network.training and (network.input_config.height, network.input_config.width) == (64, 64)
    load_detector(fresh, tiny_detector)
    for one, other in zip(network.get_parameters(), fresh.get_parameters(), strict=True):
        assert one.name == other.name and np.array_equal(one.asnumpy(), other.asnumpy())


def test_settings_override(tiny_detector):
    network = create_network("faster_rcnn", checkpoint_path=tiny_detector, img_width=96)
    assert (network.input_config.height, network.input_config.width) == (64, 96)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "either checkpoint_path or class_count"),
        (
            {"class_count": 2, "name": "yolo"},
            "unknown name 'yolo'; expected one of faster_rcnn, mask_rcnn, maskrcnn, ssd, ssd_resnet34",
        ),
        ({"class_count": 2, "img_widht": 64}, "did you mean img_width"),
        ({"class_count": 2, "img_width": 65}, "multiple of 32"),
        *(({"class_count": count}, "class_count must be a whole number") for count in (0, -1, True, "2", 2.5, 10**400)),
        ({"class_count": 2, "name": ["ssd"]}, "unknown name"),
        (
            {"class_count": 2, "system": "ssd"},
            "the given settings describe a detector of the system ssd, not faster_rcnn",
        ),
        ({"class_count": 2, "img_width": object()}, "img_width must be a number, a text, a list or None, got <object"),
        ({"class_count": 2, "help": True}, "unknown setting 'help'"),
        ({"class_count": 2, "backbone": "--help"}, "got '--help'"),
        ({"class_count": 2, "img_width": np.int64(65)}, "multiple of 32, got 65"),
    ],
)
def test_what_cannot_be_built_is_told(arguments, said):
    with pytest.raises(UserError, match=said):
        create_network(**{"name": "faster_rcnn"} | arguments)


def test_a_checkpoint_of_another_system_is_refused(tiny_detector):
    with pytest.raises(UserError, match="of the system faster_rcnn, not ssd"):
        create_network("ssd", checkpoint_path=tiny_detector)


SMALL = {
    "mask_rcnn": {"img_width": 64, "img_height": 64, "backbone": "resnet_v1_10", "fpn_out_channels": 8},
    "ssd": {"backbone": "resnet_v1_10"},
}


@pytest.mark.parametrize(("name", "system"), [("maskrcnn", "mask_rcnn"), ("ssd_resnet34", "ssd")])
def test_the_names_of_the_model_zoo(name, system):
    network = create_network(name, class_count=2, **SMALL[system])
    assert network.has_masks == (system == "mask_rcnn")
    if system == "mask_rcnn":
        assert (network.input_config.height, network.input_config.width) == (64, 64)
    else:
        assert network.extra_layers.maps[0] == (38, 38)  # stride 8 of the leaf's 300 x 300
