"""Names and layouts of detectors from elsewhere, on layers of a few numbers."""

import numpy as np
import pytest

from src.checkpoint.convert.detector_layouts import (
    change_batch_norm_epsilon,
    detector_origin,
    foreign_detector,
    keep_classes,
)
from src.errors import UserError
from tools import formula_weights

CHANNELS, SIZE, HIDDEN, CLASSES = 4, 3, 5, 3  # classes with background
MASK_CHANNELS = 6


def ours(masks: bool = False) -> dict[str, np.ndarray]:
    """A detector of ours without its backbone, every number another; no offsets for the background."""
    shapes = {f"fpn.lateral.{level}": (CHANNELS, 8 * 2**level, 1, 1) for level in range(4)}
    shapes |= {f"fpn.output.{level}": (CHANNELS, CHANNELS, 3, 3) for level in range(4)}
    shapes |= {"rpn.conv": (CHANNELS, CHANNELS, 3, 3), "rpn.objectness": (3, CHANNELS, 1, 1)}
    shapes |= {"rpn.offsets": (12, CHANNELS, 1, 1), "box_head.fc1": (HIDDEN, CHANNELS * SIZE**2)}
    shapes |= {"box_head.fc2": (HIDDEN, HIDDEN), "box_head.classes": (CLASSES, HIDDEN)}
    shapes |= {"box_head.offsets": (4 * CLASSES, HIDDEN)}
    if masks:
        shapes |= {f"mask_head.convs.{i}": (MASK_CHANNELS, MASK_CHANNELS if i else CHANNELS, 3, 3) for i in range(4)}
        shapes |= {"mask_head.deconv": (MASK_CHANNELS, MASK_CHANNELS, 2, 2)}
        shapes |= {"mask_head.classes": (CLASSES, MASK_CHANNELS, 1, 1)}
    rng = np.random.default_rng(1)
    arrays = {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": rng.normal(size=shape[0]).astype(np.float32) for name, shape in shapes.items()}
    arrays["box_head.offsets.weight"][:4] = arrays["box_head.offsets.bias"][:4] = 0
    return arrays


def channels_first(weight: np.ndarray) -> np.ndarray:
    """The first dense layer with its inputs as (channel, row, column)."""
    by_place = weight.reshape(HIDDEN, SIZE, SIZE, CHANNELS)
    return np.stack([by_place[..., channel].reshape(HIDDEN, -1) for channel in range(CHANNELS)], 1).reshape(HIDDEN, -1)


def torchvision(old_names: bool, masks: bool = False) -> dict[str, np.ndarray]:
    """`ours` as torchvision has it, before or after the layers of pyramid and RPN got numbers."""
    nested = ("", "") if old_names else (".0", ".0.0")
    names = {f"fpn.lateral.{level}": f"backbone.fpn.inner_blocks.{level}{nested[0]}" for level in range(4)}
    names |= {f"fpn.output.{level}": f"backbone.fpn.layer_blocks.{level}{nested[0]}" for level in range(4)}
    names |= {"rpn.conv": f"rpn.head.conv{nested[1]}", "rpn.objectness": "rpn.head.cls_logits"}
    names |= {"rpn.offsets": "rpn.head.bbox_pred", "box_head.fc1": "roi_heads.box_head.fc6"}
    names |= {"box_head.fc2": "roi_heads.box_head.fc7", "box_head.classes": "roi_heads.box_predictor.cls_score"}
    names |= {"box_head.offsets": "roi_heads.box_predictor.bbox_pred"}
    layer = "mask_fcn{}" if old_names else "{}.0"
    names |= {f"mask_head.convs.{i}": f"roi_heads.mask_head.{layer.format(i + old_names)}" for i in range(4)}
    names |= {"mask_head.deconv": "roi_heads.mask_predictor.conv5_mask"}
    names |= {"mask_head.classes": "roi_heads.mask_predictor.mask_fcn_logits"}
    weights = ours(masks)
    weights["box_head.fc1.weight"] = channels_first(weights["box_head.fc1.weight"])
    return {names[key.rpartition(".")[0]] + "." + key.rpartition(".")[2]: value for key, value in weights.items()}


def model_zoo(neck: str, background: bool, masks: bool = False) -> dict[str, np.ndarray]:
    """`ours` as the model zoo has it: dense weights transposed, and offsets of the background if asked for."""
    names = {f"fpn.lateral.{level}": f"{neck}.lateral_convs_list.{level}" for level in range(4)}
    names |= {f"fpn.output.{level}": f"{neck}.fpn_convs_list.{level}" for level in range(4)}
    parts = {"rpn.conv": "conv", "rpn.objectness": "cls", "rpn.offsets": "reg"}
    names |= {name: f"rpn_with_loss.rpn_convs_list.0.rpn_{part}" for name, part in parts.items()}
    dense = {"fc1": "shared_fc_0", "fc2": "shared_fc_1", "classes": "cls_scores", "offsets": "reg_scores"}
    parent = "rcnn_cls.fpn_cls" if masks else "rcnn"
    names |= {f"box_head.{layer}": f"{parent}.{theirs}" for layer, theirs in dense.items()}
    names |= {f"mask_head.convs.{i}": f"rcnn_mask.fpn_mask.mask_conv{i + 1}" for i in range(4)}
    names |= {
        "mask_head.deconv": "rcnn_mask.fpn_mask.mask_deconv5",
        "mask_head.classes": "rcnn_mask.fpn_mask.mask_conv6",
    }
    weights = ours(masks)
    weights["box_head.fc1.weight"] = channels_first(weights["box_head.fc1.weight"])
    for part in () if background else ("weight", "bias"):
        weights[f"box_head.offsets.{part}"] = weights[f"box_head.offsets.{part}"][4:]
    renamed = {names[key.rpartition(".")[0]] + "." + key.rpartition(".")[2]: value for key, value in weights.items()}
    return {name: value.T if name.startswith(f"{parent}.") else value for name, value in renamed.items()}


@pytest.mark.parametrize("masks", [False, True], ids=["faster", "mask"])
@pytest.mark.parametrize(
    ("origin", "make", "choices"),
    [("torchvision", torchvision, (old,)) for old in (True, False)]
    + [("model zoo", model_zoo, (neck, back)) for neck in ("fpn_neck", "fpn_ncek") for back in (True, False)],
)
def test_every_layer_arrives_under_our_name_in_our_layout(origin, make, choices, masks):
    weights = make(*choices, masks)
    extra = {"backbone.bn1.num_batches_tracked": np.array(3), "moments.rcnn.shared_fc_0.weight": np.zeros(3)}
    found = foreign_detector(weights | extra | {"keypoint_head.weight": np.zeros(2)}, "a file")
    assert found.origin == origin == detector_origin(list(weights))
    assert found.system == ("mask_rcnn" if masks else "faster_rcnn")
    assert found.unused == ("keypoint_head.weight",)
    assert found.class_count == CLASSES - 1
    sizes = {"fpn_out_channels": CHANNELS, "roi_out_size": SIZE, "rcnn_fc_out_channels": HIDDEN}
    assert found.sizes == sizes | ({"rcnn_mask_out_channels": MASK_CHANNELS} if masks else {})
    wanted = ours(masks)
    assert found.weights.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found.weights[name], value, name)
    for name in weights:
        assert any(move.startswith(f"{name} -> ") for move in found.moves)
    assert any("transposed" in move for move in found.moves) == (origin == "model zoo")


def test_names_of_the_backbone_become_ours():
    weights = torchvision(False) | {"backbone.body.layer1.0.downsample.1.running_var": np.ones(2, np.float32)}
    assert "backbone.layer1.0.downsample.1.moving_variance" in foreign_detector(weights, "a file").weights
    assert detector_origin(["backbone.body.conv1.weight", "fc.weight"]) is None


def test_the_formula_has_the_names_of_a_whole_detector():
    found = foreign_detector(formula_weights.weights(), "a formula")
    assert found.class_count == 90 and not found.unused
    assert found.sizes == {"fpn_out_channels": 256, "roi_out_size": 7, "rcnn_fc_out_channels": 1024}
    # torchvision's published number of parameters; its frozen batch norm, four numbers a channel, counts none.
    assert sum(array.size for array in found.weights.values()) == 41_755_286 + 4 * 26_560
    found = foreign_detector(formula_weights.weights(masks=True), "a formula")
    assert found.system == "mask_rcnn" and not found.unused
    assert sum(array.size for array in found.weights.values()) == 44_401_393 + 4 * 26_560


def test_detectors_of_another_kind_are_refused():
    weights = {name: value for name, value in torchvision(False).items() if "fc7" not in name}
    with pytest.raises(
        UserError, match="a file: a detector of torchvision, but with another architecture: .* box_head.fc2.weight"
    ):
        foreign_detector(weights, "a file")
    weights = {name: value for name, value in torchvision(False, True).items() if "conv5_mask" not in name}
    with pytest.raises(UserError, match="it has no weights for mask_head.deconv.weight$"):
        foreign_detector(weights, "a file")
    weights = torchvision(False)
    for part in ("weight", "bias"):
        name = f"roi_heads.box_predictor.bbox_pred.{part}"
        weights[name] = weights[name][:7]
    with pytest.raises(UserError, match="7 offsets, expected 4 per class for 3 classes"):
        foreign_detector(weights, "a file")


def test_classes_are_kept_with_their_offsets_and_masks():
    weights = ours(masks=True)
    keep_classes(weights, [2])
    before = ours(masks=True)
    for name in ("mask_head.classes.weight", "mask_head.classes.bias"):
        np.testing.assert_array_equal(weights[name], before[name][[0, 2]])
    np.testing.assert_array_equal(weights["box_head.classes.bias"], before["box_head.classes.bias"][[0, 2]])
    np.testing.assert_array_equal(
        weights["box_head.offsets.weight"], before["box_head.offsets.weight"][[0, 1, 2, 3, 8, 9, 10, 11]]
    )


def test_another_epsilon_computes_the_same():
    rng = np.random.default_rng(2)
    variance, gamma, x = rng.uniform(1e-6, 2, 9), rng.normal(size=9), rng.normal(size=9)
    weights = {"bn.moving_variance": variance.astype(np.float32), "bn.gamma": gamma.astype(np.float32)}
    change_batch_norm_epsilon(weights, 0.0, 1e-5)
    found = weights["bn.gamma"] * x / np.sqrt(weights["bn.moving_variance"] + 1e-5)
    np.testing.assert_allclose(found, gamma * x / np.sqrt(variance), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "backbone.fpn.inner_blocks.0.weight",
            lambda array: array[0, 0, 0, 0],
            r"fpn\.lateral\.0\.weight: expected 4 dimensions",
        ),
        (
            "backbone.fpn.inner_blocks.0.weight",
            lambda array: array[:0],
            r"fpn\.lateral\.0\.weight: .* got \(0, 8, 1, 1\)",
        ),
        ("roi_heads.box_head.fc6.weight", lambda array: array[0], r"box_head\.fc1\.weight: expected 2 dimensions"),
        ("roi_heads.box_head.fc6.weight", lambda array: array[:, :0], r"box_head\.fc1\.weight: .* got \(5, 0\)"),
        (
            "roi_heads.box_predictor.cls_score.weight",
            lambda array: array[0, 0],
            r"box_head\.classes\.weight: expected 2",
        ),
        (
            "roi_heads.box_predictor.cls_score.bias",
            lambda array: array[1:],
            r"box_head\.classes\.bias: expected shape \(3,\)",
        ),
        (
            "roi_heads.box_predictor.bbox_pred.bias",
            None,
            r"box_head\.offsets\.bias: expected shape \(12,\), got nothing",
        ),
    ],
)
def test_layers_of_another_shape_are_named(name, change, words):
    weights = torchvision(old_names=True)
    array = weights.pop(name)
    if change:
        weights[name] = change(array)
    with pytest.raises(UserError, match=words):
        foreign_detector(weights, "a.pth")


def test_batch_norm_of_contradicting_shapes_is_left_to_whoever_loads_it():
    weights = {"bn1.gamma": np.ones(3, np.float32), "bn1.moving_variance": np.ones(2, np.float32)}
    change_batch_norm_epsilon(weights, 0, 1e-5)
    np.testing.assert_array_equal(weights["bn1.gamma"], np.ones(3))
