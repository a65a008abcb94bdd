"""The assembled detector: what must hold for every detector, whatever its weights, and for both of its losses."""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype
from mindspore.nn.utils import no_init_parameters

from src.config.load import CONFIG_FOLDER, load_config
from src.parts import box_coder
from src.parts.pixels import normalise
from src.Ssd.loss import STDS
from src.systems import build_network
from tests import oracles
from tests.detectors import (
    IMAGES,
    SIZES,
    assert_graph_mode_is_pynative,
    assert_known_sizes_replace_the_guess,
    assert_same_detections,
    assert_two_images_are_one_and_one,
    detections,
    ground_truth,
    losses,
)

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.fixture(scope="module", params=["focal", "hard_negative"])
def network(build_ssd, request):
    """For two classes, with either loss."""
    return build_ssd(2, "--ssd_loss", request.param)


@pytest.fixture(scope="module")
def knows_padding(build_ssd, network):
    """The weights and the loss of `network`, and padding becomes the mean colour."""
    return build_ssd(2, "--ssd_loss", network.loss.kind, "--black_is_padding", "true")


def test_an_empty_image_is_background_without_a_regression_loss(network):
    classification, regression = losses(network, IMAGES, ground_truth(objects=0))
    assert classification.shape == (2,) and np.isfinite(classification).all()
    assert (classification > 0).all() and not regression.any()


def test_objects_give_every_term(network):
    terms = losses(network, IMAGES, ground_truth())
    assert len(terms) == len(network.loss_terms)
    assert all((term > 0).all() and np.isfinite(term).all() for term in terms)


def test_under_a_crowd_there_is_no_background(network):
    assert not np.any(losses(network, IMAGES, ground_truth(objects=0, crowds=1)))


def test_encoded_boxes_decode_to_themselves_on_the_default_boxes_of_the_network(network):
    boxes = oracles.random_boxes(np.random.default_rng(5), len(network.default_boxes), "random")
    deltas = box_coder.encode(Tensor(boxes), network.default_boxes, STDS)
    np.testing.assert_allclose(box_coder.decode(deltas, network.default_boxes, STDS).asnumpy(), boxes, atol=1e-2)
    assert len(boxes) == 4 * 64 + 6 * 16 + 6 * 4 + 6 * 1 + 4 * 1 + 4 * 1


def test_two_images_are_one_and_one(network):
    assert_two_images_are_one_and_one(network)


def test_detections_are_sorted_inside_the_image_and_named(network):
    boxes, scores, labels, probabilities, valid = detections(network, IMAGES)
    assert boxes.shape == (2, 8, 4) and probabilities.shape == (2, 8, 3) and valid.any(1).all()
    assert boxes.min() >= 0 and boxes.max() <= 64 and (boxes[valid][:, 2:] > boxes[valid][:, :2]).all()
    assert (np.diff(scores) <= 0).all() and set(labels[valid]) <= {1, 2}
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    picked = np.take_along_axis(probabilities, labels[..., None], 2)[..., 0]
    if network.is_focal:
        assert (picked[valid] <= scores[valid] + 1e-6).all()
    else:
        np.testing.assert_allclose(picked[valid], scores[valid], atol=1e-6)


def test_detections_are_those_of_a_loop(network):
    boxes, scores, labels, _, valid = detections(network, IMAGES)
    logits, deltas = (part.asnumpy().astype(np.float64) for part in network._predictions(normalise(Tensor(IMAGES))))
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


def test_the_probability_of_a_lone_class_is_its_score(build_ssd):
    network = build_ssd(1, "--ssd_loss", "focal")
    _, scores, labels, probabilities, valid = detections(network, IMAGES)
    assert valid.any() and set(labels[valid]) == {1}
    np.testing.assert_allclose(probabilities[valid][:, 1], scores[valid], atol=1e-5)
    assert all((term > 0).all() for term in losses(network, IMAGES, ground_truth(classes=1)))


def test_pixels_are_raw_rgb_of_any_type(network):
    assert_same_detections(detections(network, IMAGES), detections(network, IMAGES.astype(np.float32)))


def test_batch_norm_of_the_backbone_is_frozen_or_trained_and_that_of_the_heads_is_trained(build_ssd):
    for frozen in (True, False):
        network = build_ssd(2, "--frozen_batch_norm", str(frozen)).set_train(True)
        before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
        losses(network, IMAGES, ground_truth())
        moved = {
            row.name.split(".")[0] for row in network.get_parameters() if (before[row.name] != row.asnumpy()).any()
        }
        assert moved == ({"multi_box"} if frozen else {"backbone", "multi_box"})


def test_mixed_precision_computes_in_float16_and_answers_in_float32(ssd_config):
    network = build_network(ssd_config(), 2, mixed_precision=True).set_train(False)
    assert {parameter.dtype for parameter in network.get_parameters()} == {mstype.float32}
    features = network.backbone(normalise(Tensor(IMAGES)))[-1]
    assert features.dtype == mstype.float16 and network.extra_layers(features)[-1].dtype == mstype.float16
    terms = losses(network, IMAGES, ground_truth())
    assert all(term.dtype == np.float32 and np.isfinite(term).all() for term in terms)
    found = detections(network, IMAGES)
    assert found[0].dtype == found[1].dtype == np.float32 and np.isfinite(found[0]).all()


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


def test_known_sizes_replace_the_guess(knows_padding, network):
    assert_known_sizes_replace_the_guess(knows_padding, network)


def test_two_images_of_known_size_are_one_and_one(knows_padding):
    assert_two_images_are_one_and_one(knows_padding, SIZES)


def test_graph_mode_is_pynative(knows_padding):
    assert_graph_mode_is_pynative(knows_padding)
