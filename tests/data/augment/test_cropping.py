"""Crops: what stays of an image is promised to hold its objects, and boxes are promised to stay on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.augment.cropping import cut_boxes, draw_region

WHOLE = (0, 0, 100, 80)


def iou(one, other) -> float:
    """Of two boxes, in plain steps."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def centre_is_inside(box, region) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return region[0] < x < region[2] and region[1] < y < region[3]


@st.composite
def scenes(draw) -> tuple[int, int, np.ndarray]:
    """An image of any size and up to five boxes inside it, some as large as it, some less than a pixel."""
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    share = st.floats(0, 1, width=32)
    corners = [sorted((draw(share), draw(share))) for _ in range(2 * draw(st.integers(0, 5)))]
    boxes = [
        (x1 * width, y1 * height, x2 * width, y2 * height) for (x1, x2), (y1, y2) in zip(corners[::2], corners[1::2])
    ]
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return width, height, boxes[(boxes[:, 2:] - boxes[:, :2] > 1e-3).all(1)]


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=300)
def test_what_every_crop_promises(scene, seed):
    width, height, boxes = scene
    region = draw_region(width, height, boxes, np.random.default_rng(seed))
    assert region == draw_region(width, height, boxes, np.random.default_rng(seed))

    x1, y1, x2, y2 = region
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    if region != (0, 0, width, height):
        assert (x2 - x1) >= 0.3 * width and (y2 - y1) >= 0.3 * height
        assert 0.5 <= (x2 - x1) / (y2 - y1) <= 2

    kept, stays = cut_boxes(boxes, np.zeros(len(boxes), bool), region)
    assert kept.dtype == np.float32 and len(kept) == stays.sum()
    assert len(kept) > 0 or len(boxes) == 0, "no image loses all its objects"
    assert stays.tolist() == [centre_is_inside(box, region) for box in boxes]
    for old, new in zip(boxes[stays], kept, strict=True):
        assert x1 <= new[0] < new[2] <= x2 and y1 <= new[1] < new[3] <= y2
        assert new.tolist() == np.clip(old, [x1, y1, x1, y1], [x2, y2, x2, y2]).tolist()


@pytest.mark.parametrize("least", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_one_object_that_stays_reaches_the_minimum_that_was_drawn(least):
    class Drawn:
        """A generator that draws this minimum."""

        def __init__(self, seed: int) -> None:
            self.rng = np.random.default_rng(seed)

        def choice(self, values):
            assert least in values and len(values) == 6
            return least

        def __getattr__(self, name):
            return getattr(self.rng, name)

    objects = np.array([[20, 15, 80, 70], [5, 60, 25, 78], [0, 0, 100, 80]], np.float32)
    best = []
    for seed in range(60):
        region = draw_region(100, 80, objects, Drawn(seed))
        best.append(max(iou(box, region) for box in objects if centre_is_inside(box, region)))
        assert region == WHOLE or best[-1] >= least
    assert min(best) < least + 0.25, "the minimum is a minimum, no more"


def test_all_minima_are_drawn():
    """One object that fills the image: its IoU with a region is the region's area, and each minimum leaves its trace."""
    whole = np.array([WHOLE], np.float32)
    regions = [draw_region(100, 80, whole, np.random.default_rng(seed)) for seed in range(600)]
    shares = np.array([(x2 - x1) * (y2 - y1) / 8000 for x1, y1, x2, y2 in regions])
    assert shares.min() >= 0.09
    counts, _ = np.histogram(shares, [0.09, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01])
    assert (counts[1:] > 8).all()


def test_where_no_crop_will_do_the_image_stays_whole():
    thin = np.array([[0, 0, 1000, 10]], np.float32)
    assert draw_region(1000, 10, thin, np.random.default_rng(0)) == (0, 0, 1000, 10), "no ratio of 2 in it"
    tiny = np.array([[50, 50, 52, 52]], np.float32)
    regions = [draw_region(100, 100, tiny, np.random.default_rng(seed)) for seed in range(300)]
    whole = sum(region == (0, 0, 100, 100) for region in regions)
    assert 200 < whole < 280, "five of six minima cannot be reached by so small an object"


def test_an_image_without_objects_is_cropped_anywhere():
    none = np.zeros((0, 4), np.float32)
    regions = np.array([draw_region(100, 80, none, np.random.default_rng(seed)) for seed in range(300)])
    assert (regions != WHOLE).any(1).mean() > 0.95
    assert np.ptp(regions[:, 0]) > 55 and np.ptp(regions[:, 1]) > 45
    assert cut_boxes(none, np.zeros(0, bool), (10, 10, 60, 60))[0].shape == (0, 4)


def test_boxes_by_hand():
    boxes = [
        (10, 10, 30, 30),  # inside
        (0, 10, 20, 20),  # half of it outside, its centre on the border
        (35, 35, 65, 45),  # clipped at the right
        (70, 70, 90, 90),  # outside
        (0, 0, 15, 80),  # a crowd, centre outside
        (70, 0, 90, 80),  # a crowd outside
    ]
    kept, stays = cut_boxes(np.array(boxes, np.float32), np.array([0, 0, 0, 0, 1, 1], bool), (10, 5, 60, 50))
    assert stays.tolist() == [True, False, True, False, True, False]
    assert kept.tolist() == [[10, 10, 30, 30], [35, 35, 60, 45], [10, 5, 15, 50]]
