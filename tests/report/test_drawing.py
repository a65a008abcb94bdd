"""Pictures: where boxes are drawn, colours, and odd inputs that must not crash."""

import numpy as np
import pytest

from src.evaluation.masks import encode_patch
from src.report.drawing import class_colour, draw

NAMES = ("with_mask", "ohne Maske", "口罩")


def _image(height=100, width=200) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def _has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour)).all(axis=-1).any())


def test_a_box_is_drawn_at_its_place_in_the_colour_of_its_class():
    boxes = np.array([[20.0, 30.0, 60.0, 80.0]])
    picture = draw(_image(500, 1000), boxes, np.array([2]), np.array([0.9]), NAMES)
    line = np.argwhere((picture[:500] == class_colour(1)).all(axis=-1))
    assert line[:, 0].max() == 80 and line[:, 1].min() == 20
    assert (picture[40:70, 30:50] == 128).all(), "the object itself is not painted over"


def test_boxes_of_any_numbers_are_drawn_as_far_as_they_are_in_the_picture():
    """Records of another program may hold 1e300, and Pillow draws a line of 2**62 pixels for minutes."""
    boxes = np.array([[-1e300, 30, 1e300, 80], [1e300, 1e300, 2e300, 2e300], [0, -1e18, 60, 1e18]])
    picture = draw(_image(500, 1000), boxes, np.array([1, 2, 3]), np.array([0.9, 0.8, 0.7]), NAMES)[:500]
    rows, columns = np.nonzero((picture == class_colour(0)).all(axis=-1))
    assert rows.max() == 80 and columns.min() == 0 and columns.max() == 999
    assert not _has(picture, class_colour(1)) and _has(picture, class_colour(2))


@pytest.mark.parametrize(
    ("size", "long_side"), [((100, 200), 800), ((30, 300), 1000), ((1200, 900), 1200), ((3000, 4000), 1600)]
)
def test_small_images_are_enlarged_and_big_ones_shrunk(size, long_side):
    picture = draw(_image(*size), np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), NAMES)
    zoom = long_side / max(size)
    assert picture.shape[1] == round(size[1] * zoom)
    assert round(size[0] * zoom) < picture.shape[0] < round(size[0] * zoom) + 40, "one line of legend"


def test_ground_truth_stands_to_the_left_of_the_detections():
    nothing = np.zeros((0, 4)), np.zeros(0, int)
    truth = np.array([[20.0, 30.0, 60.0, 80.0]]), np.array([1])
    picture = draw(_image(), *nothing, np.zeros(0), NAMES, truth)
    half = picture.shape[1] // 2
    assert _has(picture[:, :half], class_colour(0)) and not _has(picture[:, half:], class_colour(0))


def test_colours_differ():
    colours = [class_colour(index) for index in range(300)]
    assert len(set(colours)) == 300
    distances = [np.abs(np.subtract(first, second)).sum() for first in colours[:8] for second in colours[:8]]
    assert min(distance for distance in distances if distance) > 60


def test_any_names_any_number_of_boxes_any_size():
    rng = np.random.default_rng(0)
    names = tuple(f"класс {index} 类 \N{GRINNING FACE}" for index in range(80))
    corner = rng.uniform(0, 90, (150, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 10, (150, 2))], axis=1)
    labels = rng.integers(1, 81, 150)
    for image in (_image(100, 100), _image(1, 1), _image(2, 900)):
        picture = draw(image, boxes, labels, rng.random(150), names, (boxes, labels))
        assert picture.dtype == np.uint8 and picture.ndim == 3


def test_marked_boxes_have_thick_lines_and_a_name():
    boxes, labels = np.array([[20.0, 30.0, 60.0, 80.0]]), np.array([1])

    def coloured(*marks: bool) -> tuple[int, int]:
        marked = tuple(np.array([mark]) for mark in marks)
        picture = draw(_image(), boxes, labels, np.array([0.9]), NAMES, (boxes, labels), marked)[:400]
        same = (picture == class_colour(0)).all(axis=-1)
        half = picture.shape[1] // 2
        return int(same[:, :half].sum()), int(same[:, half:].sum())

    thin, thick = coloured(False, False), coloured(True, True)
    assert coloured(True, False) == (thick[0], thin[1]) and coloured(False, True) == (thin[0], thick[1])
    assert thick[0] > 4 * thin[0] and thick[1] > 4 * thin[1]


def test_a_mask_has_the_colour_of_its_class_and_an_outline():
    image = np.full((400, 1000, 3), 100, np.uint8)
    square = np.zeros((400, 1000), np.uint8)
    square[100:200, 300:500] = 1
    mask = encode_patch(square[100:200].astype(bool), (0, 100), (1000, 400))
    nothing = encode_patch(np.zeros((1, 1), bool), (0, 0), (1000, 400))
    boxes, labels = np.array([[290, 90, 510, 210], [0, 0, 9, 9]]), np.array([2, 1])
    plain = draw(image, boxes, labels, np.array([0.9, 0.8]), NAMES)
    veiled = draw(image, boxes, labels, np.array([0.9, 0.8]), NAMES, masks=((), [mask, nothing]))
    changed = (plain != veiled).any(axis=2)
    np.testing.assert_array_equal(np.argwhere(changed).min(0), [100, 300])
    np.testing.assert_array_equal(np.argwhere(changed).max(0), [199, 499])
    assert changed[100:200, 300:500].all()
    colour = np.array(class_colour(1))
    assert np.abs(veiled[150, 400] - (0.6 * 100 + 0.4 * colour)).max() < 1
    np.testing.assert_array_equal(veiled[101, 400], colour)


def test_ground_truth_has_masks_of_its_own():
    image, box = np.full((400, 1000, 3), 100, np.uint8), np.array([[300, 100, 500, 200]])
    mask = encode_patch(np.ones((100, 200), bool), (300, 100), (1000, 400))
    both = draw(image, box, np.array([1]), np.array([0.9]), NAMES, (box, np.array([1])), masks=([mask], [mask]))
    assert (both[150, 400] == both[150, 400 + 1006]).all() and (both[150, 400] != 100).all()
