"""Arithmetic of the network, against what benchmarks/README.md measured of it (GFLOP/s times seconds)."""

import pytest

from src.config.load import default_settings
from src.recipe.compute_cost import detection, memory_gb, step_seconds, this_machine, trained

NOW = default_settings()  # ResNet-50, 256 channels, two images per step in two views


def test_operations_are_those_that_were_measured():
    assert detection(NOW, 640, 384) == pytest.approx(0.809 * 148, rel=0.1)
    assert detection(NOW, 1280, 768) == pytest.approx(2.29 * 173, rel=0.1)
    assert 2 * trained(NOW, 640, 384) == pytest.approx(3.86 * 157, rel=0.1)
    assert 2 * trained(NOW, 1280, 768) == pytest.approx(12.7 * 171, rel=0.1)


def test_a_semi_supervised_step_costs_what_was_measured():
    seconds = step_seconds(NOW, 168, True, 640, 384)
    assert seconds == pytest.approx(13.0, rel=0.15)
    one_view = NOW | {"batch_size": 1}
    assert step_seconds(one_view, 168, False, 640, 384) == pytest.approx(3.86, rel=0.15)


def test_ssd_costs_what_was_measured():
    ssd = NOW | {"system": "ssd", "backbone": "resnet_v1_34", "frozen_stages": 0}
    assert 32 * trained(ssd, 300, 300) == pytest.approx(25.5 * 103, rel=0.1)


def test_frozen_parts_smaller_inputs_and_fewer_rois_cost_less():
    whole = trained(NOW | {"frozen_stages": 0}, 640, 384)
    assert trained(NOW | {"frozen_stages": 5}, 640, 384) < trained(NOW, 640, 384) < whole
    assert trained(NOW, 320, 192) < trained(NOW, 640, 384) / 2
    assert trained(NOW | {"system": "mask_rcnn"}, 640, 384) > trained(NOW, 640, 384)


def test_memory_is_at_least_what_was_measured():
    one = NOW | {"batch_size": 1}
    for settings, width, height, semi, measured in (
        (one, 640, 384, False, 3.6),
        (one, 1280, 768, False, 6.8),
        (NOW, 640, 384, True, 7.1),
    ):
        assert measured * 0.95 <= memory_gb(settings, width, height, semi) <= 1.5 * measured


@pytest.mark.parametrize(
    ("usable", "words"), [({0}, "1 of 2 cores (this process may use no others)"), ({0, 1}, "2 cores")]
)
def test_cores_that_a_process_may_not_use_are_said(usable, words, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: usable)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert this_machine("GPU").counted_cores == words
