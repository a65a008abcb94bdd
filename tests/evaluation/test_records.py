"""From the network's fixed-size output to records in original pixels."""

import json

import numpy as np
import pytest

from src.data.annotations import ImageEntry
from src.data.augment import transforms
from src.evaluation.masks import Pasting, decode_mask
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
    def network(images, image_sizes):
        level = images[:, 0, 0, 0].astype(np.float32)
        np.testing.assert_array_equal(image_sizes[:, 0], level)
        boxes = np.stack([level * 0, level * 0, level, level], axis=1)[:, None]
        one = np.ones((len(images), 1))
        return boxes, one * 0.5, one.astype(int), np.ones((len(images), 1, 2)), one > 0

    images = np.arange(1, 5, dtype=np.uint8).reshape(4, 1, 1, 1)
    sizes = np.arange(1, 5, dtype=np.float32).repeat(2).reshape(4, 2)
    batches = [
        (images[:2], sizes[:2], [(_entry(1), (1.0, 1.0)), (_entry(2), (1.0, 0.5))]),
        (images[2:], sizes[2:], [(_entry(3), (1.0, 1.0))]),
    ]
    found = {entry.image_id: result.boxes.tolist() for entry, result in detect(network, batches)}
    assert found == {1: [[0, 0, 1, 1]], 2: [[0, 0, 2, 4]], 3: [[0, 0, 3, 3]]}


def _masks(count):
    """Full masks but for the last, which is the left half of its box."""
    masks = np.ones((count, 28, 28), np.float32)
    masks[-1, :, 14:] = 0
    return masks


def test_masks_follow_their_boxes_and_are_measured_in_the_whole_box():
    boxes = [(0, 0, 40, 20), (150, 10, 190, 110), (210, 10, 230, 50), (-40, 20, 40, 80)]
    output = _output(boxes, [0.3, 0.8, 0.9, 0.5], [1, 2, 1, 1], [1, 0, 1, 1])
    found = in_original_pixels(_entry(), (2.0, 2.0), *output, _masks(4))
    assert found.boxes.tolist() == [[0, 10, 20, 40], [0, 0, 20, 10]] and len(found.masks) == 2
    cut, full = map(decode_mask, found.masks)
    assert cut.shape == (60, 100) and not cut[:, 1:].any(), "the left half of the whole box lies outside of the image"
    assert full[:10, :20].mean() > 0.97 and not full[10:].any() and not full[:, 20:].any()
    assert found.masks[1]["size"] == [60, 100] and isinstance(found.masks[1]["counts"], str)


def test_records_carry_masks_where_the_network_has_them():
    output = _output([(1, 2, 4, 8), (0, 0, 5, 5)], [0.25, 0.5], [1, 2])
    found = in_original_pixels(_entry(), (1.0, 1.0), *output, _masks(2))
    rows = json.loads(json.dumps([coco_records(_entry(), found, (30, 70)), inference_records(_entry(), found)]))
    assert [row["segmentation"] for row in rows[0]] == [row["pred mask"] for row in rows[1]] == list(found.masks)
    bare = in_original_pixels(_entry(), (1.0, 1.0), *output)
    assert [{k: v for k, v in row.items() if k != "segmentation"} for row in rows[0]] == coco_records(
        _entry(), bare, (30, 70)
    )


def test_the_sixth_output_of_a_network_is_its_masks():
    def network(images, image_sizes):
        one = np.ones((len(images), 1))
        boxes = np.tile(np.array([10.0, 10, 50, 50]), (len(images), 1, 1))
        return (
            boxes,
            one * 0.5,
            one.astype(int),
            np.ones((len(images), 1, 2)),
            one > 0,
            np.full((len(images), 1, 4, 4), 0.4),
        )

    batches = [(np.zeros((2, 3, 60, 100), np.uint8), np.ones((2, 2), np.float32), [(_entry(1), (1.0, 1.0))])]
    ((_, found),) = detect(network, batches, Pasting(0.3))
    assert decode_mask(found.masks[0])[15:45, 15:45].all()
    ((_, found),) = detect(network, batches)
    assert not decode_mask(found.masks[0]).any()
