"""Outlines become cells of a box: against COCO's own masks, exactly where that is possible, and whatever is wrong is named."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from src.data.formats.outlines import as_outline, outline_fault, rasterise, whole_mask
from tests.hostile import JUNK

SIZE = (120, 90)  # width, height
QUICK = settings(max_examples=40)


def outline(value) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def star(rng: np.random.Generator, centre=(60, 45), radius=40, corners=12) -> list[float]:
    """A polygon around a centre, of random radii."""
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    reach = radius * (0.3 + 0.7 * rng.random(corners))
    points = np.array(centre) + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points.ravel().tolist()


def box_of(*polygons: list[float]) -> tuple[float, ...]:
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in polygons])
    return (*points.min(0).tolist(), *points.max(0).tolist())


def inside(x: float, y: float, polygon: list[float]) -> bool:
    """The even-odd rule, edge by edge."""
    points, odd = np.reshape(polygon, (-1, 2)).tolist(), False
    for (xa, ya), (xb, yb) in zip(points, points[1:] + points[:1], strict=True):
        if (ya <= y) != (yb <= y) and x < xa + (y - ya) / (yb - ya) * (xb - xa):
            odd = not odd
    return odd


def by_hand(polygons: list[list[float]], box: tuple, cells: int) -> np.ndarray:
    mask = np.zeros((cells, cells), np.uint8)
    for i in range(cells):
        for j in range(cells):
            x, y = box[0] + (j + 0.5) / cells * (box[2] - box[0]), box[1] + (i + 0.5) / cells * (box[3] - box[1])
            mask[i, j] = any(inside(x, y, polygon) for polygon in polygons)
    return mask


@pytest.mark.parametrize("seed", range(6))
def test_polygons_follow_the_even_odd_rule_at_the_centres_of_cells(seed):
    rng = np.random.default_rng(seed)
    crossing = rng.uniform(10, 80, 14).tolist()  # its edges cross one another
    polygons = [star(rng), star(rng, (40, 30), 15)] if seed % 2 else [crossing]
    for box in (box_of(*polygons), (20.5, 10.25, 63, 70)):
        np.testing.assert_array_equal(rasterise(outline(polygons), box, SIZE, 14), by_hand(polygons, box, 14))


def test_parts_are_joined_where_they_overlap():
    parts = [[0, 0, 6, 0, 6, 4, 0, 4], [4, 0, 10, 0, 10, 4, 4, 4]]
    assert rasterise(outline(parts), (0, 0, 10, 4), SIZE, 10).all()


def test_rectangles_are_exact():
    rectangle = [[12, 20, 24, 20, 24, 36, 12, 36]]
    np.testing.assert_array_equal(rasterise(outline(rectangle), (12, 20, 24, 36), SIZE, 8), np.ones((8, 8)))
    expected = np.zeros((8, 8))
    expected[4:, :4] = 1
    np.testing.assert_array_equal(rasterise(outline(rectangle), (12, 4, 36, 36), SIZE, 8), expected)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_mask_that_the_coco_tools_make(seed):
    polygon = star(np.random.default_rng(seed))
    whole = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects([polygon], SIZE[1], SIZE[0])))
    whole_pixels = (20, 5, 100, 85)
    crop = whole[5:85, 20:100]
    mask = rasterise(outline([polygon]), whole_pixels, SIZE, 80)
    assert (mask & crop).sum() / (mask | crop).sum() > 0.97  # theirs rounds corners to a fifth of a pixel
    np.testing.assert_array_equal(coco_masks.decode(whole_mask(outline([polygon]), SIZE)), whole)


@pytest.mark.parametrize("compressed", [False, True])
def test_run_lengths_are_read_pixel_by_pixel(compressed):
    mask = np.asfortranarray((np.random.default_rng(3).random((90, 120)) < 0.4).astype(np.uint8))
    rle = {"size": [90, 120], "counts": coco_masks.encode(mask)["counts"].decode()}
    if not compressed:
        flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
        rle["counts"] = np.diff(np.flatnonzero(np.diff(flat)), prepend=0).tolist()
    np.testing.assert_array_equal(rasterise(outline(rle), (30, 10, 70, 50), SIZE, 40), mask[10:50, 30:70])
    np.testing.assert_array_equal(rasterise(outline(rle), (30, 10, 70, 50), SIZE, 20), mask[11:51:2, 31:71:2])
    np.testing.assert_array_equal(
        rasterise(outline(rle), (119.5, 89.5, 120, 90), SIZE, 2), np.full((2, 2), mask[-1, -1])
    )
    np.testing.assert_array_equal(coco_masks.decode(whole_mask(outline(rle), SIZE)), mask)


@QUICK
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 9), st.floats(0.1, 9))
def test_scaling_image_and_outline_together_changes_nothing(seed, across, down):
    polygon = star(np.random.default_rng(seed))
    scaled = (np.reshape(polygon, (-1, 2)) * (across, down)).ravel().tolist()
    mask, again = (rasterise(outline([part]), box_of(part), SIZE, 28) for part in (polygon, scaled))
    assert np.abs(mask.astype(int) - again).sum() <= 2  # a centre may lie on an edge within rounding


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_a_mirrored_outline_has_the_mirrored_mask(seed):
    polygon = star(np.random.default_rng(seed))
    mirrored = (np.reshape(polygon, (-1, 2)) * (-1, 1) + (SIZE[0], 0)).ravel().tolist()
    mask, again = (rasterise(outline([part]), box_of(part), SIZE, 28) for part in (polygon, mirrored))
    assert np.abs(mask[:, ::-1].astype(int) - again).sum() <= 2


@pytest.mark.parametrize(
    "value, words",
    [
        ([[1, 2, 3, 4, 5]], "polygon 0: has an odd number of coordinates, 5"),
        ([[10, 10, 50, 10, 50, 50], [1, 2, 3, 4]], "polygon 1: has 2 points; at least 3"),
        ([[]], "polygon 0: has 0 points"),
        ([[10, 10, 1e300, 10, 50, 50]], "lies far outside its image of 120 x 90 pixels"),
        ([[10, 10, 50, -91, 50, 50]], "lies far outside its image of 120 x 90 pixels"),
        ([[10, 10, None, 10, 50, 50]], "segmentation must be polygons"),
        ([1, 2, 3, 4, 5, 6], "segmentation must be polygons"),
        ("polygon", "segmentation must be polygons"),
        ({"size": [90, 120]}, "missing required field `counts`"),
        ({"size": [120, 90], "counts": [10800]}, "its size [height, width] is [120, 90], its image is [90, 120]"),
        ({"size": [90, 120], "counts": [1, 2, 3]}, "sum up to 10800"),
        ({"size": [90, 120], "counts": "\x00\x01"}, "no compressed text"),
        ({"size": [90, 120], "counts": [10800]}, "covers nothing of bbox (10, 10, 60, 60)"),
        ({"size": [90, 120], "counts": [0, 90, 10710]}, "covers nothing of bbox (10, 10, 60, 60)"),
        ({"size": [90, 120], "counts": [990, 3, 9807]}, "covers nothing of bbox (10, 10, 60, 60)"),
        ([[70, 10, 90, 10, 90, 50]], "covers nothing of bbox (10, 10, 60, 60)"),
        ([[58, 5, 75, 5, 75, 22]], "covers nothing of bbox"),  # only the box around it overlaps
        ([[10, 10, 60, 10, 30, 10]], "covers nothing of bbox"),
    ],
)
def test_faults_are_named(value, words):
    assert words in outline_fault(outline(value), (10, 10, 60, 60), SIZE)


@pytest.mark.parametrize("parts", [1, 5])
def test_polygons_that_would_take_gigabytes_are_refused_before_the_coco_tools_see_them(parts):
    """The tools keep every pixel along a polygon, and do not look whether there was memory for them."""
    width, height = size = 2**20, 2**10
    turns = [(0 if number % 2 else width, number % height) for number in range(60 // parts)]
    polygons = [[float(number) for point in turns for number in point]] * parts
    box = (0, 0, width, height)
    assert "pixels long, expected at most 10,000,000" in outline_fault(outline(polygons), box, size)
    with pytest.raises(ValueError, match="pixels long"):
        whole_mask(outline(polygons), size)


def test_long_outlines_of_large_images_are_read():
    size = 2**15, 2**15
    frame = [0.0, 0.0, size[0], 0.0, size[0], size[1], 0.0, size[1]]
    assert outline_fault(outline([frame]), (0, 0, *size), size) is None
    assert coco_masks.area(whole_mask(outline([frame]), size)) == size[0] * size[1]
    wave = [part for x in range(0, 20_000, 2) for part in (x, 50 + x % 3)] + [20_000, 9_000, 0, 9_000]
    assert outline_fault(outline([wave]), (0, 0, 20_000, 9_000), size) is None


GOOD = [
    [[5, 5, 30, 5, 30, 30]],
    {"size": [90, 120], "counts": [905, 200, 9695]},
    {"size": [90, 120], "counts": [1830, 1, 8969]},  # one pixel
]


@pytest.mark.parametrize("value", GOOD)
def test_a_good_outline_has_no_fault(value):
    assert outline_fault(outline(value), (10, 10, 60, 60), SIZE) is None


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_run_lengths_that_touch_their_box_are_told_from_others_to_the_pixel(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((90, 120), np.uint8)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.integers(0, 110), rng.integers(0, 80)
        mask[y : y + rng.integers(1, 90), x : x + rng.integers(1, 4)] = 1
    x1, y1 = rng.integers(0, (100, 80)).tolist()
    box = (x1, y1, x1 + 15, y1 + 8)
    rle = {"size": [90, 120], "counts": coco_masks.encode(np.asfortranarray(mask))["counts"].decode()}
    touches = mask[y1 : y1 + 8, x1 : x1 + 15].any()
    assert (outline_fault(outline(rle), box, SIZE) is None) == touches


def test_a_box_that_single_precision_leaves_without_size_is_a_point():
    point = np.array([30, 20, 30, 20], np.float32)
    assert rasterise(outline([[10, 10, 60, 10, 60, 60, 10, 60]]), point, SIZE, 4).all()


def test_no_mask_is_none_and_a_value_becomes_json():
    assert all(as_outline(value) is None for value in (None, [], outline(None), outline([])))
    assert bytes(as_outline([[1, 2, 3, 4, 5, 6]])) == b"[[1, 2, 3, 4, 5, 6]]"


RLES = st.fixed_dictionaries(
    {
        "size": st.just([90, 120]) | st.lists(st.integers(-1, 200), max_size=3),
        "counts": st.lists(st.integers(-5, 10800), max_size=5) | st.text(max_size=20) | JUNK,
    }
)
POLYGONS = st.lists(
    st.lists(st.floats(-50, 200) | st.integers(-(10**12), 10**12) | st.integers(-50, 200) | JUNK, max_size=10),
    max_size=3,
)


@settings(max_examples=300)
@given(st.one_of(RLES, POLYGONS, JUNK))
def test_whatever_has_no_fault_can_be_read(value):
    raw = as_outline(value)
    if raw is not None and outline_fault(raw, (10, 10, 60, 60), SIZE) is None:
        assert set(np.unique(rasterise(raw, (10, 10, 60, 60), SIZE, 7)).tolist()) <= {0, 1}
        assert coco_masks.decode(whole_mask(raw, SIZE)).shape == (90, 120)
