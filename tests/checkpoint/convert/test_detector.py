"""A detector from elsewhere through the program: what is written detects, and is a start for other classes."""

import json

import numpy as np
import pytest

from src.checkpoint.pretrained import CLASS_LAYERS, load_pretrained
from src.checkpoint.restore import restore_detector, saved_settings
from src.checkpoint.weight_file import read_weights
from src.config.load import load_config
from src.convert_checkpoint import main
from src.systems import build_network


def zoo_names(weights: dict[str, np.ndarray], head: str = "rcnn") -> dict[str, np.ndarray]:
    """Weights of the tiny detector as the model zoo has them, its box head under this name."""
    names = {"fpn.lateral": "fpn_ncek.lateral_convs_list", "fpn.output": "fpn_ncek.fpn_convs_list"}
    names |= {"rpn.conv": "rpn_with_loss.rpn_convs_list.0.rpn_conv", "box_head.fc1": f"{head}.shared_fc_0"}
    names |= {"rpn.objectness": "rpn_with_loss.rpn_convs_list.0.rpn_cls", "box_head.fc2": f"{head}.shared_fc_1"}
    names |= {"rpn.offsets": "rpn_with_loss.rpn_convs_list.0.rpn_reg", "box_head.classes": f"{head}.cls_scores"}
    names |= {"box_head.offsets": f"{head}.reg_scores"}
    names |= {f"mask_head.convs.{number}": f"rcnn_mask.fpn_mask.mask_conv{number + 1}" for number in range(4)}
    names |= {
        "mask_head.deconv": "rcnn_mask.fpn_mask.mask_deconv5",
        "mask_head.classes": "rcnn_mask.fpn_mask.mask_conv6",
    }
    renamed = {}
    for name, value in weights.items():
        if name == "box_head.fc1.weight":
            value = value.reshape(-1, 7, 7, 16).transpose(0, 3, 1, 2).reshape(len(value), -1)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        renamed[name] = value.T if name.startswith(f"{head}.") else value
    return renamed


@pytest.fixture(scope="module")
def original(tiny_detector):
    """The weights of the tiny detector."""
    return read_weights(tiny_detector)


@pytest.fixture
def foreign(original, tmp_path):
    """The tiny detector in a file of the model zoo's names."""
    np.savez(tmp_path / "zoo.npz", **zoo_names(original), **{"moments.rcnn.cls_scores.weight": np.zeros(3)})
    return tmp_path / "zoo.npz"


def convert(file, *words) -> None:
    main(["--ckpt_file", str(file), *map(str, words)])


def test_a_detector_comes_back_with_recipe_and_classes(original, foreign, tiny_config, tiny_data, capsys):
    convert(foreign, "--config_path", tiny_config, "--ann_file", tiny_data.val_file, "--test_score_thr", "0.2")
    said = capsys.readouterr().out
    assert "rcnn.shared_fc_0.weight -> box_head.fc1.weight, transposed" in said
    assert "backbone 60 of 60, fpn 16 of 16, rpn 6 of 6, box_head 8 of 8" in said
    output = foreign.with_suffix(".ckpt")
    config = load_config("", ["--checkpoint_path", str(output)], saved_settings)
    assert (config.test_score_thr, config.backbone, config.fpn_out_channels) == (0.2, "resnet_v1_10", 16)
    network, metadata = restore_detector(output, lambda count: build_network(config, count))
    assert (metadata.class_names, metadata.category_ids, metadata.step) == (["square", "circle"], [4, 5], 0)
    for name, parameter in network.parameters_and_names():
        np.testing.assert_array_equal(parameter.asnumpy(), original[name], name)


def test_settings_that_agree_with_the_weights_may_be_given(foreign, tiny_config):
    convert(foreign, "--config_path", tiny_config, "--system", "faster_rcnn", "--backbone", "resnet_v1_10")
    assert saved_settings(foreign.with_suffix(".ckpt"))["backbone"] == "resnet_v1_10"


def test_a_file_with_fewer_categories_picks_classes_by_id(foreign, tiny_config, tmp_path, capsys):
    content = {"images": [], "annotations": [], "categories": [{"id": 2, "name": "circle"}]}
    (tmp_path / "ann.json").write_text(json.dumps(content))
    convert(foreign, "--config_path", tiny_config, "--ann_file", tmp_path / "ann.json")
    assert (
        "its 1 category ids are taken as labels of the detector; its other 1 classes are removed"
        in capsys.readouterr().out
    )
    weights = read_weights(foreign.with_suffix(".ckpt"))
    assert len(weights["box_head.classes.weight"]) == 2 and len(weights["box_head.offsets.weight"]) == 8


def test_other_classes_drop_exactly_the_layers_that_depend_on_them(foreign, tiny_config):
    convert(foreign, "--config_path", tiny_config)
    config = load_config("", ["--config_path", str(tiny_config)])
    network = build_network(config, class_count=3)
    report = load_pretrained(network, foreign.with_suffix(".ckpt"))
    parameters = [name for name, _ in network.parameters_and_names()]
    assert set(report.other_classes) == {name for name in parameters if name.startswith(CLASS_LAYERS)}
    assert set(report.missing) == set(report.other_classes) and not report.unused
    assert "for another number of classes, randomly initialised: box_head.classes.weight" in str(report)


def test_a_mask_rcnn_comes_back_as_one_and_its_masks_depend_on_the_classes(tiny_config, tmp_path, capsys):
    words = ["--config_path", str(tiny_config), "--rcnn_mask_out_channels", "8"]
    config = load_config("", [*words, "--system", "mask_rcnn"])
    weights = {name: value.asnumpy() for name, value in build_network(config, 2).parameters_and_names()}
    np.savez(tmp_path / "zoo.npz", **zoo_names(weights, "rcnn_cls.fpn_cls"))
    convert(tmp_path / "zoo.npz", "--config_path", tiny_config)
    assert "rcnn_mask.fpn_mask.mask_conv6.weight -> mask_head.classes.weight" in capsys.readouterr().out
    output = tmp_path / "zoo.ckpt"
    recipe = saved_settings(output)
    assert (recipe["system"], recipe["rcnn_mask_out_channels"]) == ("mask_rcnn", 8)
    converted = read_weights(output)
    assert converted.keys() == weights.keys()
    assert all((converted[name] == value).all() for name, value in weights.items())
    report = load_pretrained(build_network(config, class_count=3), output)
    assert {"mask_head.classes.weight", "mask_head.classes.bias"} < set(report.other_classes)
    assert set(report.missing) == set(report.other_classes) and report.loaded["mask_head"] == (10, 12)


@pytest.mark.parametrize(
    ("categories", "words", "message"),
    [
        ([4, 5, 6], [], "the detector has 2 classes, and the file 3 categories with ids 4 to 6"),
        ([7], [], "the detector has 2 classes, and the file 1 categories with ids 7 to 7"),
        (None, ["--resolution", "3"], "unknown key 'resolution'"),
        (
            None,
            ["--backbone", "resnet_v1_50"],
            "--backbone resnet_v1_50: its weights are of resnet_v1_10; leave --backbone out",
        ),
        (None, ["--system=mask_rcnn"], "--system mask_rcnn: its weights are of faster_rcnn; leave --system out"),
        (None, ["--system", "ssd", "--fpn_out_channels", "32"], "2 faults"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_written(foreign, tiny_config, capsys, categories, words, message):
    if categories:
        rows = [{"id": number, "name": f"class {number}"} for number in categories]
        file = foreign.with_name("ann.json")
        file.write_text(json.dumps({"images": [], "annotations": [], "categories": rows}))
        words = ["--ann_file", file]
    with pytest.raises(SystemExit) as ended:
        convert(foreign, "--config_path", tiny_config, *words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not foreign.with_suffix(".ckpt").exists()


def refused(capsys, file, *words) -> str:
    with pytest.raises(SystemExit) as ended:
        convert(file, *words)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["U5", "V4", "M8[s]", "i4", "c8"])
@pytest.mark.parametrize("name", ["gamma", "moving_variance"])
def test_batch_norm_of_other_types_is_refused_with_any_epsilon(original, tiny_config, tmp_path, capsys, name, dtype):
    weights = zoo_names(original)
    key = next(key for key in weights if key.endswith(f"bn1.{name}"))
    np.savez(tmp_path / "zoo.npz", **weights | {key: np.zeros(weights[key].shape, dtype)})
    told = refused(capsys, tmp_path / "zoo.npz", "--config_path", tiny_config, "--batch_norm_eps", "0")
    assert f"{key}: expected floating-point numbers" in told


def test_inputs_are_not_replaced_and_two_networks_are_refused(
    original, foreign, tiny_config, tiny_data, tmp_path, capsys
):
    labels, config = tmp_path / "labels.ckpt", tmp_path / "config.ckpt"
    labels.write_bytes(tiny_data.val_file.read_bytes())
    config.write_bytes(tiny_config.read_bytes())
    for words, option in (
        (["--ann_file", labels, "--config_path", tiny_config, "--output", labels], "ann_file"),
        ([f"--config_path={config}", "--output", config], "config_path"),
    ):
        assert f"is the file of --{option}, which would be replaced" in refused(capsys, foreign, *words, "--overwrite")
    weights = zoo_names(original)
    name = next(name for name in weights if name.endswith("bn1.gamma"))
    np.savez(tmp_path / "two.npz", **weights, **{f"module.{name}": weights[name]})
    told = refused(capsys, tmp_path / "two.npz", "--config_path", tiny_config)
    assert f"{name} and module.{name} are both" in told


def test_names_of_weights_reach_the_terminal_without_control_characters(original, tiny_config, tmp_path, capsys):
    np.savez(tmp_path / "zoo.npz", **zoo_names(original), **{"zz\x1b[31m": np.zeros(1, np.float32)})
    convert(tmp_path / "zoo.npz", "--config_path", tiny_config)
    said = capsys.readouterr().out
    assert "not used: zz\\x1b[31m" in said and "\x1b" not in said
