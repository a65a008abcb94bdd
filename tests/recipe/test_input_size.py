"""Input sizes for hand-made data sets."""

import numpy as np
import pytest

from src.config.load import default_settings
from src.recipe.choice import Settings
from src.recipe.compute_cost import Machine
from src.recipe.input_size import candidate_sizes
from tests.recipe.situations import SETS, decided, facts, values


def size_of(data, **options) -> tuple[int, int]:
    """Width and height that are chosen."""
    chosen = values(decided(data, **options))
    return chosen["img_width"], chosen["img_height"]


@pytest.mark.parametrize("name", SETS)
def test_sides_are_multiples_of_32_and_no_larger_than_the_images(name):
    width, height = size_of(SETS[name], hours=100.0)
    assert width % 32 == height % 32 == 0
    assert width * height <= SETS[name].image_sizes[0].prod() + 32 * (width + height)


def test_panoramas_get_a_wide_input_and_portraits_a_tall_one():
    width, height = size_of(SETS["panoramas"])
    assert width / height == pytest.approx(8, rel=0.3)
    width, height = size_of(facts(size=(480, 640)))
    assert height > width


def test_huge_objects_need_few_pixels_and_tiny_ones_all():
    assert max(size_of(SETS["all huge"], hours=1000.0)) < 500
    assert size_of(SETS["all tiny"], hours=1000.0) == (640, 480)


def test_less_time_never_gives_a_larger_input_and_says_what_is_lost():
    data = facts(size=(1280, 960), side=(12, 60), images=200)
    pixels = [np.prod(size_of(data, hours=hours)) for hours in (50, 10, 3, 1, 0.3, 0.05)]
    assert pixels == sorted(pixels, reverse=True) and pixels[0] > pixels[-1]
    width, height = size_of(data, hours=1)
    scale = min(width / 1280, height / 960)
    sides = np.sqrt(((data.boxes[:, 2:] - data.boxes[:, :2]) * scale).prod(1))
    share = f"{100 * np.mean([side < 8 for side in sides]):.0f} % of the objects are under 8 px"
    assert share in decided(data, hours=1)["img_width"].reason


def test_little_memory_makes_the_input_smaller():
    data = facts(size=(1280, 768), side=(8, 30))
    little = Machine("CPU", cores=2, memory=6.0, gflops=100.0)
    assert np.prod(size_of(data, hours=1000.0, machine=little)) < np.prod(size_of(data, hours=1000.0))


def test_the_ratio_is_that_of_most_images():
    mixed = np.array([(400.0, 300.0)] * 90 + [(300.0, 400.0)] * 10)
    width, height = candidate_sizes(mixed, Settings(default_settings(), set()))[0]
    assert width > height


def test_crops_are_for_small_objects_in_images_that_are_shrunk():
    assert values(decided(facts(size=(3000, 2000), side=(20, 60)), hours=0.5))["crop_ratio"] == 0.5
    assert values(decided(SETS["all huge"]))["crop_ratio"] == 0.0
    assert values(decided(SETS["usual"]))["crop_ratio"] == 0.0
