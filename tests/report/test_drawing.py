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


def test_a_thick_line_does_not_hide_a_small_object():
    box = np.array([[50.0, 50.0, 56.0, 56.0]])
    picture = draw(_image(), box, np.array([1]), None, NAMES, marked=np.array([True]), long_side=(100, 200))
    assert (picture[52:55, 52:55] == 128).all()


@pytest.mark.parametrize("grey", [0, 60, 128, 255])
def test_a_box_stands_out_from_any_picture(grey):
    """Each box has a dark line beside a bright one, of every class, and one of them differs from what is around it."""
    image, box = np.full((160, 200, 3), grey, np.uint8), np.array([[40.0, 60.0, 80.0, 100.0]])
    names = [f"class {number}" for number in range(24)]
    for label in range(1, 25):
        row = draw(image, box, np.array([label]), None, names, long_side=(100, 200))[80, 35:45]
        contrast = np.abs(row.astype(int) - grey).sum(axis=1).max()
        assert contrast > 150, label


def test_the_legend_of_a_tiny_picture_is_not_cut_off():
    boxes, labels = np.array([[1.0, 1.0, 9.0, 9.0]]), np.array([1])
    tiny, large = (draw(_image(size, size), boxes, labels, np.array([0.9]), NAMES) for size in (20, 1000))
    lines = {"tiny": tiny[80:], "large": large[1000:]}
    dark = {name: int((part.sum(axis=2) < 150).sum()) for name, part in lines.items()}
    assert tiny.shape[1] < 400 and abs(dark["tiny"] - dark["large"]) <= 0.02 * dark["large"], "as many letters"


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
        for scores in (rng.random(150), None):
            picture = draw(image, boxes, labels, scores, names)
            assert picture.dtype == np.uint8 and picture.ndim == 3


def test_marked_boxes_have_thick_lines_and_a_name():
    def coloured(mark: bool | None, scores: np.ndarray | None) -> int:
        marked = None if mark is None else np.array([mark])
        picture = draw(_image(), np.array([[20.0, 30.0, 60.0, 80.0]]), np.array([1]), scores, NAMES, marked=marked)
        return int((picture[:400] == class_colour(0)).all(axis=-1).sum())

    for scores in (np.array([0.9]), None):
        thin, plain, thick = (coloured(mark, scores) for mark in (False, None, True))
        assert thin < plain < thick and thick > 4 * thin


def test_a_mask_has_the_colour_of_its_class_and_an_outline():
    image = np.full((400, 1000, 3), 100, np.uint8)
    square = np.zeros((400, 1000), np.uint8)
    square[100:200, 300:500] = 1
    mask = encode_patch(square[100:200].astype(bool), (0, 100), (1000, 400))
    nothing = encode_patch(np.zeros((1, 1), bool), (0, 0), (1000, 400))
    boxes, labels = np.array([[290, 90, 510, 210], [0, 0, 9, 9]]), np.array([2, 1])
    plain = draw(image, boxes, labels, np.array([0.9, 0.8]), NAMES)
    veiled = draw(image, boxes, labels, np.array([0.9, 0.8]), NAMES, masks=[mask, nothing])
    changed = (plain != veiled).any(axis=2)
    np.testing.assert_array_equal(np.argwhere(changed).min(0), [100, 300])
    np.testing.assert_array_equal(np.argwhere(changed).max(0), [199, 499])
    assert changed[100:200, 300:500].all()
    colour = np.array(class_colour(1))
    assert np.abs(veiled[150, 400] - (0.6 * 100 + 0.4 * colour)).max() < 1
    np.testing.assert_array_equal(veiled[101, 400], colour)
