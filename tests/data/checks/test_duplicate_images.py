import cv2
import numpy as np
import pytest
from PIL import Image

from src.data.checks.duplicate_images import group_same_pictures
from src.errors import DataError


def picture(seed, width=96, height=64):
    """A smooth random landscape: structure at the scale of real photographs."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def save(folder, pictures):
    paths = []
    for index, pixels in enumerate(pictures):
        paths.append(folder / f"{index}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def test_equal_pixels_and_edited_copies_are_found_and_others_are_not(tmp_path):
    base = picture(0)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", base, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    brighter = np.clip(base * 0.7 + 60, 0, 255).astype(np.uint8)
    smaller = cv2.resize(base, (72, 48), interpolation=cv2.INTER_AREA)
    paths = save(tmp_path, [base, picture(1), base, jpeg, picture(2), brighter, smaller, picture(3)])
    assert group_same_pictures(paths) == [[0, 2, 3, 5, 6], [1], [4], [7]]
    assert group_same_pictures(paths, same_from=2) == [[0, 2], [1], [3], [4], [5], [6], [7]]


def test_sameness_is_carried_on_in_any_order(tmp_path):
    a, b = picture(1), picture(2)
    assert group_same_pictures(save(tmp_path, [a, b, a, b, a])) == [[0, 2, 4], [1, 3]]


def test_flat_pictures_are_the_same_only_if_equal(tmp_path):
    flat = [np.full((8, 8, 3), value, np.uint8) for value in (0, 0, 9)] + [np.zeros((4, 16, 3), np.uint8)]
    assert group_same_pictures(save(tmp_path, flat)) == [[0, 1], [2], [3]]


def test_all_broken_images_are_reported(tmp_path):
    paths = [*save(tmp_path, [picture(0)]), tmp_path / "x.png", tmp_path / "y.png"]
    with pytest.raises(DataError) as error:
        group_same_pictures(paths)
    assert len(error.value.faults) == 2
