"""The assembled detector with either of its losses; what holds for every detector stands in tests/contracts."""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore.nn.utils import no_init_parameters

from src.config.load import CONFIG_FOLDER, load_config
from src.parts import box_coder
from src.parts.pixels import normalise
from src.Ssd.loss import STDS
from src.systems import build_network
from tests import oracles
from tests.detectors import IMAGES, detections, ground_truth, losses

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.fixture(scope="module", params=["focal", "hard_negative"])
def network(build_ssd, request):
    """For two classes, with either loss."""
    return build_ssd(2, "--ssd_loss", request.param)


def test_encoded_boxes_decode_to_themselves_on_the_default_boxes_of_the_network(network):
    boxes = oracles.random_boxes(np.random.default_rng(5), len(network.default_boxes), "random")
    deltas = box_coder.encode(Tensor(boxes), network.default_boxes, STDS)
    np.testing.assert_allclose(box_coder.decode(deltas, network.default_boxes, STDS).asnumpy(), boxes, atol=1e-2)
    assert len(boxes) == 4 * 64 + 6 * 16 + 6 * 4 + 6 * 1 + 4 * 1 + 4 * 1


def test_detections_are_those_of_a_loop(network):
    boxes, scores, labels, _, valid = detections(network, IMAGES)
    logits, deltas = (
        part.asnumpy().astype(np.float64)
        for part in network._predictions(network.backbone(normalise(Tensor(IMAGES)))[-1])
    )
    if network.is_focal:
        chances = 1 / (1 + np.exp(-logits))
    else:
        chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    anchors = network.default_boxes.asnumpy()
    for image in range(2):
        rows = []
        for label in (1, 2):
            order = [number for number in np.argsort(-chances[image, :, label]) if chances[image, number, label] > 0.05]
            decoded = [oracles.clip(oracles.decode(deltas[image, n], anchors[n], STDS), 64, 64) for n in order]
            kept = oracles.suppress(decoded, 0.5)
            rows += [
                (chances[image, n, label], label, box)
                for n, box, keep in zip(order, decoded, kept, strict=True)
                if keep
            ]
        rows = sorted(rows, key=lambda row: -row[0])[:8]
        assert valid[image].sum() == len(rows)
        np.testing.assert_allclose(scores[image, : len(rows)], [row[0] for row in rows], atol=1e-4)
        assert list(labels[image, : len(rows)]) == [row[1] for row in rows]
        np.testing.assert_allclose(boxes[image, : len(rows)], [row[2] for row in rows], atol=1e-2)


def test_batch_norm_of_the_backbone_is_frozen_or_trained_and_that_of_the_heads_is_trained(build_ssd):
    for frozen in (True, False):
        network = build_ssd(2, "--frozen_batch_norm", str(frozen)).set_train(True)
        before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
        losses(network, IMAGES, ground_truth())
        moved = {
            row.name.split(".")[0] for row in network.get_parameters() if (before[row.name] != row.asnumpy()).any()
        }
        assert moved == ({"multi_box"} if frozen else {"backbone", "multi_box"})


def test_the_network_of_the_model_zoo_has_so_many_parameters():
    config = load_config("", ["--config_path", str(CONFIG_FOLDER / "ssd_resnet34.yaml")])
    with no_init_parameters():
        network = build_network(config, 80)
    counts = {}
    for parameter in network.trainable_params():
        part = parameter.name.split(".")[0]
        counts[part] = counts.get(part, 0) + int(np.prod(parameter.shape))
    # Weights and two numbers of batch norm for each channel, stage by stage.
    stem, first = 3 * 49 * 64 + 128, 3 * (2 * 9 * 64 * 64 + 4 * 64)
    second = 9 * 64 * 128 + 7 * 9 * 128 * 128 + 64 * 128 + 9 * 2 * 128
    third = 9 * 128 * 256 + 11 * 9 * 256 * 256 + 128 * 256 + 13 * 2 * 256
    assert counts["backbone"] == stem + first + second + third == 8_170_304
    assert counts["extra_layers"] == 3_571_712
    # Depthwise weights and batch norm of two heads a map, then the 1x1 convolutions of 85 numbers for each default box.
    channels, boxes = (256, 512, 512, 256, 256, 256), (4, 6, 6, 6, 4, 4)
    heads = sum(2 * 11 * width + 85 * count * (width + 1) for width, count in zip(channels, boxes, strict=True))
    assert counts["multi_box"] == heads == 961_526
    assert len(network.default_boxes) == 8732
