"""From a configuration to a network."""

import re
from dataclasses import replace

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype
from mindspore.nn.utils import no_init_parameters

from src.checkpoint.detector_file import copy_weights
from src.config.load import load_config
from src.parts.backbones.table import BACKBONES
from src.systems import build_network, loss_weights

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.fixture
def config(tiny_config):
    """That of the tiny network."""
    return load_config("", ["--config_path", str(tiny_config)])


def test_settings_reach_the_network(config):
    config = replace(config, frozen_stages=3, anchor_scales=(2.0, 4.0), roi_out_size=5, bbox_threshold=0.1)
    network = build_network(config, class_count=3)
    shapes = {parameter.name: parameter.shape for parameter in network.get_parameters()}
    assert shapes["box_head.classes.weight"] == (4, 32) and shapes["box_head.offsets.weight"] == (16, 32)
    assert shapes["box_head.fc1.weight"] == (32, 16 * 5 * 5)
    assert shapes["rpn.objectness.weight"] == (6, 16, 1, 1)
    assert shapes["fpn.lateral.3.weight"] == (16, 512, 1, 1)
    trained = {parameter.name for parameter in network.trainable_params()}
    assert "backbone.layer3.0.conv1.weight" in trained and "backbone.layer2.0.conv1.weight" not in trained
    assert (
        network.detection.count == 8
        and network.rpn_config.train_proposals.count == 30
        and network.rpn_config.sampling.size == 32
    )


@pytest.mark.parametrize("system", ["faster_rcnn", "mask_rcnn", "ssd"])
def test_each_loss_term_has_a_weight_of_labels_and_one_of_pseudo_labels(config, system):
    weights = {key: float(number) for number, key in enumerate(config.as_dict()) if "_weight" in key}
    labelled, pseudo = loss_weights(replace(config, system=system, **weights))
    assert list(labelled) == list(pseudo) and not set(labelled.values()) & set(pseudo.values())
    keys = {value: key for key, value in weights.items()}
    for term, value in labelled.items():
        part, kind, _ = term.split("_")
        assert re.match(f"{part}_loss_{kind}", keys[value]) and re.match(f"{part}_pseudo_{kind}", keys[pseudo[term]])


def test_anchors_that_cross_the_border_are_not_trained_on_unless_asked(config):
    everywhere = build_network(config, 1).allowed.asnumpy()
    inside = build_network(replace(config, anchors_inside_only=True), 1).allowed.asnumpy()
    assert everywhere.all() and 0 < inside.sum() < len(inside)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_makes_a_student_and_a_teacher_that_can_follow_it(config, name):
    config = replace(config, backbone=name, frozen_stages=2, frozen_batch_norm=True)
    with no_init_parameters():
        student, teacher = (build_network(config, 2) for _ in range(2))
    teacher.update_parameters_name("teacher.")
    pairs = list(zip(student.get_parameters(), teacher.get_parameters(), strict=True))
    assert all(theirs.name == f"teacher.{ours.name}" and theirs.shape == ours.shape for ours, theirs in pairs)
    trained = {parameter.name.split(".")[1] for parameter in student.trainable_params() if "backbone" in parameter.name}
    assert trained == {"layer2", "layer3", "layer4"}


def test_a_bottleneck_student_has_losses_and_a_teacher_of_the_same_weights_its_detections(config):
    student, teacher = (
        build_network(replace(config, backbone="resnet_v1_50", frozen_batch_norm=True), 2) for _ in range(2)
    )
    copy_weights(student, teacher)
    images = Tensor(np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8))
    boxes = np.zeros((1, 8, 4), np.float32)
    boxes[0, 0] = (10, 10, 30, 30)
    truth = (boxes, np.ones((1, 8), np.int32), np.arange(8)[None] < 1, np.zeros((1, 8), bool))
    student.set_train(True)
    terms = student.losses(images, *map(Tensor, truth), Tensor(0, mstype.int32))
    assert all(term.shape == (1,) and np.isfinite(term.asnumpy()).all() for term in terms)
    student.set_train(False)
    teacher.set_train(False)
    for ours, theirs in zip(student(images), teacher(images), strict=True):
        assert np.isfinite(ours.asnumpy()).all()
        np.testing.assert_array_equal(ours.asnumpy(), theirs.asnumpy())
