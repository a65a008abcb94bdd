"""Properties of the network of every detector, for any weights: losses, detections, graph and PyNative mode."""

import numpy as np
import pytest
from mindspore import dtype as mstype

from src.checkpoint.detector_file import copy_weights
from src.network_define import WithFeatures
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


def test_objects_give_every_loss_term(network):
    terms = losses(network, IMAGES, ground_truth(masks=network.has_masks))
    assert len(terms) == len(network.loss_terms)
    assert all(term.shape == (2,) and (term > 0).all() and np.isfinite(term).all() for term in terms)


def test_an_image_without_objects_has_classification_losses_alone(network):
    terms = losses(network, IMAGES, ground_truth(objects=0, masks=network.has_masks))
    assert all(term.shape == (2,) and np.isfinite(term).all() for term in terms)
    for name, term in zip(network.loss_terms, terms, strict=True):
        assert (term > 0).all() if name.endswith("cls_loss") else not term.any(), name


def test_a_crowd_is_neither_object_nor_background(network):
    assert not np.any(losses(network, IMAGES, ground_truth(objects=0, crowds=1, masks=network.has_masks)))


def test_a_batch_of_two_images_is_one_and_one(network, finds_padding):
    assert_two_images_are_one_and_one(network)
    assert_two_images_are_one_and_one(finds_padding, SIZES)


def test_detections_are_sorted_within_the_image_and_of_known_classes(network):
    boxes, scores, labels, probabilities, valid, *masks = detections(network, IMAGES)
    assert boxes.shape == (2, 8, 4) and probabilities.shape == (2, 8, 3) and valid.any(1).all()
    assert boxes.min() >= 0 and boxes.max() <= 64 and (boxes[valid][:, 2:] > boxes[valid][:, :2]).all()
    assert (np.diff(scores) <= 0).all() and set(labels[valid]) <= {1, 2}
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    assert len(masks) == network.has_masks
    assert all(each.shape[:2] == (2, 8) and 0 <= each.min() < each.max() <= 1 for each in masks)


def test_features_are_a_further_output_of_each_detection(network):
    plain, (*outputs, features) = detections(network, IMAGES), detections(WithFeatures(network), IMAGES)
    assert_same_detections(plain, outputs)
    valid = outputs[4]
    assert features.shape[:2] == (2, 8) and np.isfinite(features).all() and features[valid].std(axis=0).any()
    alone = detections(WithFeatures(network), IMAGES[1:])[-1]
    np.testing.assert_allclose(alone[0][valid[1]], features[1][valid[1]], rtol=1e-3, atol=1e-3)


def test_the_score_is_the_probability_of_the_label(network, detector):
    _, scores, labels, probabilities, valid = detections(network, IMAGES)[:5]
    of_label = np.take_along_axis(probabilities, labels[..., None], 2)[..., 0]
    if detector.name == "ssd_focal":  # independent sigmoids are normalised to a distribution
        assert (of_label[valid] <= scores[valid] + 1e-6).all()
    else:
        np.testing.assert_allclose(of_label[valid], scores[valid], atol=1e-6)


def test_one_class_is_enough(detector):
    lone = detector.build(1)
    assert all((term > 0).all() for term in losses(lone, IMAGES, ground_truth(classes=1, masks=lone.has_masks)))
    _, scores, labels, probabilities, valid = detections(lone, IMAGES)[:5]
    assert valid.any() and set(labels[valid]) == {1}
    np.testing.assert_allclose(probabilities[valid][:, 1], scores[valid], atol=1e-5)


def test_pixels_are_raw_rgb_of_any_type(network):
    assert_same_detections(detections(network, IMAGES), detections(network, IMAGES.astype(np.float32)))


def test_known_sizes_replace_the_guess(finds_padding, network):
    assert_known_sizes_replace_the_guess(finds_padding, network)


def test_black_rows_inside_an_image_are_no_padding(finds_padding, network):
    images = IMAGES.copy()
    images[:, :, 10:20], images[:, :, :, 20:30] = 0, 0
    assert_same_detections(detections(finds_padding, images), detections(network, images))


def test_a_black_image_of_unknown_size_has_no_detections(finds_padding):
    assert not detections(finds_padding, IMAGES * 0)[4].any()
    assert detections(finds_padding, IMAGES * 0, SIZES)[4].any()


def test_equal_weights_are_equal_detections(network, detector):
    teacher = detector.build(2)
    for parameter in teacher.get_parameters():
        parameter.set_data(parameter * 0.5)
    copy_weights(network, teacher)
    for ours, theirs in zip(detections(network, IMAGES), detections(teacher, IMAGES), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_mixed_precision_computes_in_float16_and_returns_float32(detector, monkeypatch):
    network = detector.build(2, mixed_precision=True)
    assert {parameter.dtype for parameter in network.get_parameters()} == {mstype.float32}
    features = []
    convolve = type(network.backbone).construct
    monkeypatch.setattr(
        type(network.backbone), "construct", lambda cell, x: features.append(convolve(cell, x)) or features[-1]
    )
    terms = losses(network, IMAGES, ground_truth(masks=network.has_masks))
    assert {level.dtype for level in features[0]} == {mstype.float16}
    assert all(term.dtype == np.float32 and np.isfinite(term).all() for term in terms)
    boxes, scores, *_ = found = detections(network, IMAGES)
    assert boxes.dtype == scores.dtype == np.float32
    assert all(part.dtype == np.float32 and np.isfinite(part).all() for part in found[5:])


def test_graph_mode_is_pynative(finds_padding):
    assert_graph_mode_is_pynative(finds_padding)
