"""From the network's fixed-size output to records in original pixels."""

import json

import numpy as np
import pytest

from src.data import transforms
from src.data.annotations import ImageEntry
from src.evaluation.records import coco_records, detect, in_original_pixels, inference_records


def _entry(image_id=4, width=100, height=60) -> ImageEntry:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    return ImageEntry(image_id, f"sub/{image_id}.png", width, height, True, *nothing)


def _output(boxes, scores, labels, valid=None):
    count = len(boxes)
    probabilities = np.linspace(0, 1, count * 3).reshape(count, 3).astype(np.float32)
    valid = np.ones(count, bool) if valid is None else np.array(valid)
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels, np.int32),
        probabilities,
        valid,
    )


@pytest.mark.parametrize("keep_ratio", [True, False])
def test_boxes_return_to_where_they_came_from(keep_ratio):
    rng = np.random.default_rng(0)
    for _ in range(20):
        width, height = rng.integers(20, 300, 2)
        corners = np.sort(rng.uniform(0, (width, height), (8, 2, 2)), axis=1)
        boxes = corners.reshape(8, 4)
        _, scale = transforms.resize_to_fit(np.zeros((height, width, 3), np.uint8), 96, 128, keep_ratio)
        found = in_original_pixels(
            _entry(1, width, height),
            scale,
            *_output(transforms.scale_boxes(boxes.astype(np.float32), scale), np.linspace(0.9, 0.2, 8), [1] * 8),
        )
        assert np.abs(found.boxes - boxes).max() < 1e-3


def test_rows_that_are_not_valid_or_lie_in_the_padding_are_dropped_and_the_best_come_first():
    boxes = [(0, 0, 10, 10), (150, 10, 190, 110), (210, 10, 230, 50), (2, 2, 8, 8)]
    found = in_original_pixels(_entry(), (2.0, 2.0), *_output(boxes, [0.3, 0.8, 0.9, 0.5], [1, 2, 1, 1], [1, 1, 1, 0]))
    assert found.boxes.tolist() == [[75, 5, 95, 55], [0, 0, 5, 5]]
    assert found.labels.tolist() == [2, 1]
    assert found.scores == pytest.approx([0.8, 0.3])
    assert found.probabilities == pytest.approx(np.array([[3, 4, 5], [0, 1, 2]]) / 11)


def test_boxes_are_clipped_to_the_image():
    found = in_original_pixels(_entry(), (1.0, 1.0), *_output([(-5, 20, 120, 90)], [0.5], [1]))
    assert found.boxes.tolist() == [[0, 20, 100, 60]]


def test_coco_records_carry_the_ids_of_the_file():
    found = in_original_pixels(_entry(), (1.0, 1.0), *_output([(1, 2, 4, 8), (0, 0, 5, 5)], [0.25, 0.5], [1, 2]))
    assert json.loads(json.dumps(coco_records(_entry(), found, (30, 70)))) == [
        {"image_id": 4, "category_id": 70, "bbox": [0, 0, 5, 5], "score": 0.5},
        {"image_id": 4, "category_id": 30, "bbox": [1, 2, 3, 6], "score": 0.25},
    ]


def test_inference_records_have_the_keys_of_the_reference():
    found = in_original_pixels(_entry(), (1.0, 1.0), *_output([(1, 2, 4, 8)], [0.25], [2]))
    assert json.loads(json.dumps(inference_records(_entry(), found))) == [
        {
            "pred box": [1, 2, 3, 6],
            "confidence score": 0.25,
            "pred score": [0, 0.5, 1],
            "pred class": 1,
            "width": 100,
            "height": 60,
        }
    ]


def test_no_detections_no_records():
    found = in_original_pixels(_entry(), (1.0, 1.0), *_output([(1, 2, 4, 8)], [0.25], [2], [False]))
    assert coco_records(_entry(), found, (1, 2)) == [] and inference_records(_entry(), found) == []


def test_detect_gives_each_image_its_own_rows_and_drops_the_filling():
    def network(images):
        level = images[:, 0, 0, 0].astype(np.float32)
        boxes = np.stack([level * 0, level * 0, level, level], axis=1)[:, None]
        one = np.ones((len(images), 1))
        return boxes, one * 0.5, one.astype(int), np.ones((len(images), 1, 2)), one > 0

    images = np.arange(1, 5, dtype=np.uint8).reshape(4, 1, 1, 1)
    batches = [
        (images[:2], [(_entry(1), (1.0, 1.0)), (_entry(2), (1.0, 0.5))]),
        (images[2:], [(_entry(3), (1.0, 1.0))]),
    ]
    found = {entry.image_id: result.boxes.tolist() for entry, result in detect(network, batches)}
    assert found == {1: [[0, 0, 1, 1]], 2: [[0, 0, 2, 4]], 3: [[0, 0, 3, 3]]}
