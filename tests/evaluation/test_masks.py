"""Masks become pixels: against torchvision's rule written as loops, against the shape itself, and as COCO encodes them."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from src.evaluation.masks import Pasting, decode_mask, encode_patch, paste
from tools.formula_weights import PICTURE_SIZES

EXACT, TORCHVISION = Pasting(0.5, "exact"), Pasting(0.5, "torchvision")
SIZE = (90, 70)  # width, height
QUICK = settings(max_examples=40)


def torchvision_paste(probabilities: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """torchvision's paste_masks_in_image, pixel by pixel: pad by a cell, widen the box as much, cut it to integers, resize the
    cells to the pixels from the first to the last one included (interpolate, align_corners=False), and crop to the image."""
    cells = np.pad(probabilities, 1)
    count, scale = len(cells), len(cells) / len(probabilities)
    middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_x, half_y = (box[2] - box[0]) / 2 * scale, (box[3] - box[1]) / 2 * scale
    x1, y1, x2, y2 = (int(v) for v in (middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y))
    w, h = x2 - x1 + 1, y2 - y1 + 1
    result = np.zeros((size[1], size[0]))
    for y in range(max(y1, 0), min(y2 + 1, size[1])):
        for x in range(max(x1, 0), min(x2 + 1, size[0])):
            u = max((x - x1 + 0.5) * count / w - 0.5, 0)
            v = max((y - y1 + 0.5) * count / h - 0.5, 0)
            a, b = int(u), int(v)
            c, d = min(a + 1, count - 1), min(b + 1, count - 1)
            upper = cells[b, a] * (1 - (u - a)) + cells[b, c] * (u - a)
            lower = cells[d, a] * (1 - (u - a)) + cells[d, c] * (u - a)
            result[y, x] = upper * (1 - (v - b)) + lower * (v - b)
    return result


@QUICK
@given(st.integers(0, 2**32 - 1), st.sampled_from([7, 14, 28]))
def test_the_rule_of_torchvision_is_torchvisions_pixel_by_pixel(seed, cells):
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(-20, 70, 2), rng.uniform(0.5, 60, 2)
    box, probabilities = np.array([*corner, *(corner + side)]), rng.random((cells, cells))
    wanted = torchvision_paste(probabilities, box, SIZE)
    found = decode_mask(paste(probabilities, box, SIZE, TORCHVISION))
    assert found.shape == (70, 90)
    assert (found == (wanted > 0.5))[np.abs(wanted - 0.5) > 1e-5].all()


def test_torchvisions_own_masks_of_its_detections():
    golden = json.loads((Path(__file__).resolve().parents[1] / "golden" / "torchvision_masks.json").read_text())
    ious = []
    for size, rows, cells, pasted in zip(
        PICTURE_SIZES, *(golden[key] for key in ("detections", "cells", "pasted")), strict=True
    ):
        cells = np.frombuffer(base64.b64decode(cells), "<u2").reshape(-1, 28, 28) / 65535
        for row, probabilities, counts in zip(rows, cells, pasted, strict=False):
            found = decode_mask(paste(probabilities, np.array(row[2:]), size, TORCHVISION))
            wanted = (np.repeat(np.arange(len(counts)), counts) % 2 == 1).reshape(size).T
            ious.append((found & wanted).sum() / max((found | wanted).sum(), 1) if wanted.any() or found.any() else 1.0)
    assert len(ious) > 15 and min(ious) > 0.99, ious


@pytest.mark.parametrize("radius", [4, 8, 20, 34])
def test_the_exact_rule_gives_the_object_back_at_any_size(radius):
    x, y = np.meshgrid(np.arange(90) + 0.5, np.arange(70) + 0.5)
    disc = (x - 41.3) ** 2 + (y - 36.7) ** 2 < radius**2
    centres = (np.arange(28 * 8) + 0.5) / (28 * 8) * 2 - 1
    share = (centres[:, None] ** 2 + centres**2 < 1).reshape(28, 8, 28, 8).mean((1, 3))  # of each cell that is covered
    box = np.array([41.3 - radius, 36.7 - radius, 41.3 + radius, 36.7 + radius])
    found = decode_mask(paste(share, box, SIZE, EXACT))
    assert (found & disc).sum() / (found | disc).sum() > 0.96


def test_a_full_mask_fills_its_box_exactly():
    for box in ([10, 20, 40, 50], [0, 0, 90, 70], [-30, 5, 30, 95]):
        found = decode_mask(paste(np.ones((28, 28)), np.array(box, float), SIZE, EXACT))
        x1, y1, x2, y2 = np.clip(box, 0, 95)
        wanted = np.zeros((70, 90), bool)
        wanted[y1:y2, x1:x2] = True
        inner = np.zeros((70, 90), bool)  # at the corners of a box its ring counts twice
        inner[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] = True
        assert (found <= wanted).all() and (found >= inner & wanted).all()


@pytest.mark.parametrize(
    "box", [[200, 10, 230, 40], [-60, -60, -20, -10], [3.2, 4.1, 3.2001, 4.1001], [95, 10, 99, 90]]
)
@pytest.mark.parametrize("how", [EXACT, TORCHVISION])
def test_a_box_outside_of_the_image_or_without_a_centre_of_a_pixel_is_no_fault(box, how):
    rle = paste(np.ones((28, 28)), np.array(box), SIZE, how)
    assert decode_mask(rle).sum() <= 1 and rle["size"] == [70, 90]


def test_the_threshold_is_not_reached_by_equality():
    box = np.array([10.0, 10.0, 30.0, 30.0])
    assert not decode_mask(paste(np.full((4, 4), 0.25), box, SIZE, Pasting(0.25))).any()
    assert decode_mask(paste(np.full((4, 4), 0.25), box, SIZE, Pasting(0.2499))).any()


@QUICK
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_the_encoding_of_a_patch_is_that_of_the_whole_image(seed, high, share):
    rng = np.random.default_rng(seed)
    width, height = rng.integers(1, 40, 2).tolist()
    w, h = int(rng.integers(0, width + 1)), height if high else int(rng.integers(0, height + 1))
    left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    patch = rng.random((h, w)) < share
    whole = np.zeros((height, width), np.uint8)
    whole[top : top + h, left : left + w] = patch
    rle = encode_patch(patch, (left, top), (width, height))
    assert rle == {"size": [height, width], "counts": coco_masks.encode(np.asfortranarray(whole))["counts"].decode()}
    np.testing.assert_array_equal(decode_mask(rle), whole)


def test_no_pixel_away_from_the_box_is_looked_at(monkeypatch):
    """The image may be as large as it likes: the largest array is that of the patch."""
    seen = []
    real = np.diff
    monkeypatch.setattr(np, "diff", lambda values, **more: seen.append(np.shape(values)) or real(values, **more))
    paste(np.ones((28, 28)), np.array([3e4, 3e4, 3e4 + 20, 3e4 + 30]), (40_000, 40_000), EXACT)
    assert max(math.prod(shape) for shape in seen) < 24 * 36
