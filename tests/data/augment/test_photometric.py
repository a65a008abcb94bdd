"""Photometric distortion: every change it promises happens, in its bounds, and about as often as not."""

import numpy as np

from src.data.augment.photometric import distort


def distorted(pixel: tuple[int, int, int], count: int = 600) -> np.ndarray:
    """[count, 3] what becomes of an image of one colour."""
    image = np.full((1, 1, 3), pixel, np.uint8)
    return np.array([distort(image, np.random.default_rng(seed))[0, 0] for seed in range(count)], int)


def test_the_same_generator_gives_the_same_image_and_the_input_stays():
    image = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    before = image.copy()
    first, second = (distort(image, np.random.default_rng(5)) for _ in range(2))
    assert first.dtype == np.uint8 and first.shape == image.shape
    assert np.array_equal(first, second) and np.array_equal(image, before)
    assert not np.array_equal(first, distort(image, np.random.default_rng(6)))


def test_no_pixel_moves_or_sees_another_so_boxes_stay():
    image = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    for seed in range(40):
        turned = distort(image[::-1, ::-1], np.random.default_rng(seed))
        assert np.array_equal(turned[::-1, ::-1], distort(image, np.random.default_rng(seed)))


def test_grey_stays_grey_and_keeps_its_brightness_within_bounds():
    found = distorted((100, 100, 100))
    assert (found.max(1) - found.min(1) <= 1).all()
    assert found.min() >= (100 - 32) * 0.5 - 1 and found.max() <= (100 + 32) * 1.5 + 1
    assert 0.15 < (found[:, 0] == 100).mean() < 0.4  # neither brightness nor contrast: a quarter


def test_channels_change_places():
    found = distorted((200, 100, 20))
    assert len({tuple(np.argsort(row)) for row in found}) == 6
    assert 0.4 < (np.argsort(found) == [2, 1, 0]).all(1).mean() < 0.75  # in place: a half, and a sixth of the others


def test_hue_and_saturation_move():
    found = distorted((200, 100, 100))
    found = found[found.argmax(1) == 0]
    assert (found[:, 1] != found[:, 2]).any()  # the hue
    saturation = 1 - found.min(1) / found.max(1)
    assert saturation.min() < 0.35 and saturation.max() > 0.65


def test_nothing_overflows():
    assert distorted((255, 255, 255)).min() >= 110 and distorted((0, 0, 0)).max() <= 49
