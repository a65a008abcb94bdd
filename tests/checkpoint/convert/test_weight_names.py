import pytest

from src.checkpoint.convert.weight_names import common_name, is_weight


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("conv1.weight", "backbone.conv1.weight"),
        ("bn1.weight", "backbone.bn1.gamma"),
        ("bn1.running_var", "backbone.bn1.moving_variance"),
        ("layer1.0.downsample.0.weight", "backbone.layer1.0.downsample.0.weight"),
        ("layer1.0.downsample.1.bias", "backbone.layer1.0.downsample.1.beta"),
        ("layer4.2.bn3.running_mean", "backbone.layer4.2.bn3.moving_mean"),
        ("module.layer4.2.conv3.weight", "backbone.layer4.2.conv3.weight"),
        ("backbone.body.layer2.0.bn1.weight", "backbone.layer2.0.bn1.gamma"),
        ("layer3.0.down_sample_layer.1.gamma", "backbone.layer3.0.downsample.1.gamma"),
        ("layer3.0.down_sample.0.weight", "backbone.layer3.0.downsample.0.weight"),
        ("backbone.layer3.0.conv_down_sample.weight", "backbone.layer3.0.downsample.0.weight"),
        ("backbone.layer3.0.bn_down_sample.beta", "backbone.layer3.0.downsample.1.beta"),
        ("network.feature_extractor.module.bn1.gamma", "backbone.bn1.gamma"),
        (
            "network.feature_extractor.module.layer2.0.down_sample_layer.0.weight",
            "backbone.layer2.0.downsample.0.weight",
        ),
        ("teacher.box_head.fc1.bias", "box_head.fc1.bias"),
        ("rpn.conv.weight", "rpn.conv.weight"),
        ("fc.weight", "fc.weight"),
    ],
)
def test_foreign_names_become_ours_and_ours_stay(foreign, ours):
    assert common_name(foreign) == ours
    assert common_name(ours) == ours


@pytest.mark.parametrize(
    "name", ["moments.conv1.weight", "accum.bn1.gamma", "global_step", "learning_rate", "bn1.num_batches_tracked"]
)
def test_optimizer_slots_and_counters_are_no_weights(name):
    assert not is_weight(name)


@pytest.mark.parametrize("name", ["conv1.weight", "fpn.lateral.0.bias", "momentum_encoder.weight", "stepwise.weight"])
def test_weights_are_weights(name):
    assert is_weight(name)
