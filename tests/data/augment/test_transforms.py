"""What each transform promises about pixels and about boxes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.augment import transforms
from src.errors import UserError


class Choices:
    """A generator whose yes-or-no draws are fixed; everything else is drawn at random."""

    def __init__(self, *draws: float) -> None:
        self.draws = list(draws)
        self.rng = np.random.default_rng(0)

    def random(self) -> float:
        return self.draws.pop(0)

    def __getattr__(self, name):
        return getattr(self.rng, name)


YES, NO = 0.0, 0.999


@pytest.fixture
def photo() -> np.ndarray:
    """A smooth coloured picture without black or white, 60 x 80."""
    y, x = np.mgrid[0:60, 0:80]
    return np.stack([60 + x, 50 + 2 * y, 200 - x], axis=-1).astype(np.uint8)


@given(st.integers(1, 400), st.integers(1, 400))
@settings(max_examples=60)
def test_fit_keeps_the_ratio_and_fills_one_side(old_height, old_width):
    image = np.full((old_height, old_width, 3), 7, np.uint8)
    fitted, (scale_x, scale_y) = transforms.fit_to_input(image, 96, 128, keep_ratio=True)
    rows, columns = np.flatnonzero(fitted.any(axis=(1, 2))), np.flatnonzero(fitted.any(axis=(0, 2)))
    expected = min(128 / old_width, 96 / old_height)
    assert fitted.shape == (96, 128, 3) and fitted.dtype == np.uint8
    assert rows.tolist() == list(range(len(rows))) and columns.tolist() == list(range(len(columns)))
    assert len(rows) == 96 or len(columns) == 128
    assert abs(len(rows) - max(expected * old_height, 1)) <= 0.5 + 1e-6
    assert abs(len(columns) - max(expected * old_width, 1)) <= 0.5 + 1e-6
    assert (scale_x * old_width, scale_y * old_height) == pytest.approx((len(columns), len(rows)))


def test_fit_without_ratio_stretches_to_the_whole_input():
    fitted, scale = transforms.fit_to_input(np.full((30, 80, 3), 9, np.uint8), 60, 40, keep_ratio=False)
    assert scale == (0.5, 2.0)
    assert (fitted == 9).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [((640, 480), (1066, 800)), ((480, 640), (800, 1066)), ((500, 375), (1066, 800)), ((640, 360), (1333, 749))],
)
def test_sides_are_those_of_torchvision(old, new):
    # What torch.nn.functional.interpolate gives for the scale factor of torchvision's GeneralizedRCNNTransform(800, 1333).
    assert transforms.resized_size(old, 1344, 1344, True, (800, 1333)) == new


def test_an_image_that_outgrows_the_input_is_an_error():
    with pytest.raises(UserError, match="640x480 becomes 1066x800 .* input of 1024x800; pass a larger --img_width"):
        transforms.resized_size((640, 480), 800, 1024, True, (800, 1333))


def test_fit_leaves_an_image_of_the_right_size_as_it_is(photo):
    fitted, scale = transforms.fit_to_input(photo, 60, 80, keep_ratio=True)
    assert scale == (1.0, 1.0)
    assert np.array_equal(fitted, photo) and fitted is not photo


@pytest.mark.parametrize("keep_ratio", [True, False])
def test_a_scaled_box_surrounds_the_same_pixels(keep_ratio):
    image = np.zeros((50, 100, 3), np.uint8)
    image[10:30, 20:60] = 255
    fitted, scale = transforms.fit_to_input(image, 200, 200, keep_ratio)
    x1, y1, x2, y2 = transforms.scale_boxes(np.array([[20, 10, 60, 30]], np.float32), scale)[0]
    bright = np.argwhere(fitted[..., 0] > 127)
    assert bright.min(axis=0).tolist() == [y1, x1]
    assert (bright.max(axis=0) + 1).tolist() == [y2, x2]


def test_flip_moves_boxes_with_their_pixels_and_leaves_the_padding():
    image = np.zeros((20, 50, 3), np.uint8)
    image[3:8, 2:12] = 200
    image[:, 40:] = 77
    box = np.array([[2, 3, 12, 8]], np.float32)
    flipped, boxes = transforms.flip_horizontal(image, box, width=40)
    bright = np.argwhere(flipped[..., 0] == 200)
    assert boxes.tolist() == [[28, 3, 38, 8]] and boxes.dtype == np.float32
    assert bright.min(axis=0).tolist() == [3, 28] and (bright.max(axis=0) + 1).tolist() == [8, 38]
    assert (flipped[:, 40:] == 77).all()
    again, boxes_again = transforms.flip_horizontal(flipped, boxes, width=40)
    assert np.array_equal(again, image) and np.array_equal(boxes_again, box)


def test_flip_of_no_boxes():
    _, boxes = transforms.flip_horizontal(np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.float32), 4)
    assert boxes.shape == (0, 4)


def test_strong_view_is_a_function_of_its_generator_and_leaves_its_input(photo):
    before = photo.copy()
    views = [transforms.strong_view(photo, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(photo, before)
    assert np.array_equal(views[0], views[1]) and not np.array_equal(views[0], views[2])
    assert all(view.shape == photo.shape and view.dtype == np.uint8 for view in views)


def test_strong_view_without_luck_is_the_image(photo):
    assert np.array_equal(transforms.strong_view(photo, Choices(NO, NO, NO, NO, NO, NO)), photo)


def test_grey_step_removes_colour(photo):
    view = transforms.strong_view(photo, Choices(NO, YES, NO, NO, NO, NO))
    assert (view == view[..., :1]).all()
    assert np.abs(view[..., 0] - photo @ [0.299, 0.587, 0.114]).max() <= 1


def test_blur_step_smooths(photo):
    noisy = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    view = transforms.strong_view(noisy, Choices(NO, NO, YES, NO, NO, NO))
    assert view.std() < noisy.std() and abs(view.mean() - noisy.mean()) < 3


@pytest.mark.parametrize(("step", "area", "ratio"), [(0, (0.05, 0.2), (0.3, 3.3)), (1, (0.02, 0.2), (0.1, 6.0))])
def test_erasing_step_changes_one_rectangle_of_the_promised_area(step, area, ratio):
    image = np.zeros((100, 150, 3), np.uint8)
    draws = [NO] * 6
    draws[3 + step] = YES
    for _ in range(20):
        view = transforms.strong_view(image, Choices(*draws))
        rows, columns = np.flatnonzero(view.any(axis=(1, 2))), np.flatnonzero(view.any(axis=(0, 2)))
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert area[0] * 0.9 < height * width / 15000 < area[1] * 1.1
        assert ratio[0] * 0.8 < height / width < ratio[1] * 1.2


def test_erasing_fills_with_noise_of_all_levels():
    image = np.zeros((200, 200, 3), np.uint8)
    transforms.erase_rectangle(image, (0.2, 0.2), (1.0, 1.0), np.random.default_rng(3))
    noise = image[image.any(axis=2)]
    assert abs(noise.mean() - 127.5) < 2 and np.unique(noise).size == 256


def test_how_often_each_step_happens():
    """Brightness-proof statistics over many draws: a step that is off leaves its trace off."""
    image = np.full((8, 8, 3), 100, np.uint8)
    image[..., 0] = 160
    rng = np.random.default_rng(0)
    unchanged = sum(np.array_equal(transforms.strong_view(image, rng), image) for _ in range(2000))
    # Nothing happens when jitter, grey and all erasings are off (a flat image shows no blur): .2 * .8 * .3 * .5 * .7.
    assert unchanged / 2000 == pytest.approx(0.2 * 0.8 * 0.3 * 0.5 * 0.7, abs=0.01)


def _oracle_hue(image: np.ndarray, shift: float) -> np.ndarray:
    """Turn hue in floating point, pixel by pixel."""
    import colorsys

    out = np.empty(image.shape)
    for index in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[index] / 255.0))
        out[index] = np.multiply(colorsys.hsv_to_rgb((hue + shift) % 1.0, saturation, value), 255)
    return out


def test_colour_changes_against_floating_point_oracles(photo):
    small = cv2.resize(photo, (16, 12), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float64)
    grey = values @ [0.299, 0.587, 0.114]
    for factor in (0.6, 1.0, 1.4):
        for name, expected in (
            ("_brightness", values * factor),
            ("_contrast", grey.mean() + (values - grey.mean()) * factor),
            ("_saturation", values * factor + grey[..., None] * (1 - factor)),
        ):
            actual = getattr(transforms, name)(small, factor)
            assert np.abs(actual - np.clip(expected, 0, 255)).max() <= 1.5, name
    for shift in (-0.1, 0.0, 0.07):
        assert np.abs(transforms._hue(small, shift) - _oracle_hue(small, shift)).max() <= 6  # hue in steps of 2 degrees
