"""A detector comes back as it was trained, whatever the present configuration says about networks."""

import mindspore as ms
import numpy as np
import pytest

from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import load_config
from src.errors import UserError
from src.systems import build_network


def test_the_recipe_decides_the_network_and_the_present_command_the_rest(tiny_detector):
    words = ["--checkpoint_path", str(tiny_detector), "--test_batch_size", "7", "--test_score_thr", "0.25"]
    config = load_config("", words, saved_settings)
    assert (config.backbone, config.img_width, config.anchor_scales) == ("resnet_v1_10", 64, (4,))
    assert (config.test_batch_size, config.test_score_thr) == (7, 0.25)
    network, card = restore_detector(tiny_detector, lambda class_count: build_network(config, class_count))
    assert (card.class_names, card.step) == (["square", "circle"], 4)
    assert not network.training
    saved = ms.load_checkpoint(str(tiny_detector))
    for parameter in network.get_parameters():
        assert np.array_equal(parameter.asnumpy(), saved[parameter.name].asnumpy()), parameter.name


def test_weights_without_a_recipe_are_refused(tmp_path):
    ms.save_checkpoint([{"name": "weight", "data": ms.Tensor([1.0])}], str(tmp_path / "other.ckpt"))
    with pytest.raises(UserError, match=r"other\.ckpt has no metadata to build its network"):
        saved_settings(tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=r"other\.ckpt has no metadata to build its network"):
        restore_detector(tmp_path / "other.ckpt", lambda class_count: ms.nn.Dense(1, class_count))
