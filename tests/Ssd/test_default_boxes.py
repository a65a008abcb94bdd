"""Default boxes: the paper's number and sizes, where they lie, and a loop that writes them down one by one."""

import math

import numpy as np
import pytest

from src.Ssd.default_boxes import DefaultBoxConfig, cell_sizes, default_boxes

MAPS = ((38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1))
RATIOS = ((2.0,), (2.0, 3.0), (2.0, 3.0), (2.0, 3.0), (2.0,), (2.0,))
CONFIG = DefaultBoxConfig(RATIOS, 0.2, 0.95)


def test_an_input_of_300_pixels_has_8732():
    levels = default_boxes(CONFIG, 300, 300, MAPS)
    assert [len(level) for level in levels] == [5776, 2166, 600, 150, 36, 4]
    assert sum(map(len, levels)) == 8732
    assert {level.dtype for level in levels} == {np.dtype(np.float32)}


def test_a_cell_has_two_squares_and_two_rectangles_a_ratio():
    shares = np.array(cell_sizes(0.2, 0.5, (2.0, 3.0)))
    np.testing.assert_allclose(shares[0], 0.2)
    np.testing.assert_allclose(shares[-1], math.sqrt(0.1))
    np.testing.assert_allclose(shares[1:-1, 0] / shares[1:-1, 1], [2, 1 / 2, 3, 1 / 3])
    np.testing.assert_allclose(shares[1:-1].prod(1), 0.04)


@pytest.mark.parametrize(("height", "width"), [(300, 300), (200, 328)])
def test_a_loop_writes_the_same_boxes(height, width):
    maps, ratios = ((6, 9), (3, 4), (1, 1)), ((2.0,), (2.0, 3.0), ())
    sizes = [0.1, 0.35, 0.6, 1.0]
    for level, found in enumerate(default_boxes(DefaultBoxConfig(ratios, 0.1, 0.6), height, width, maps)):
        wanted = []
        rows, columns = maps[level]
        for i in range(rows):
            for j in range(columns):
                sides = [(sizes[level], sizes[level])]
                for ratio in ratios[level]:
                    root = math.sqrt(ratio)
                    sides += [(sizes[level] * root, sizes[level] / root), (sizes[level] / root, sizes[level] * root)]
                sides.append((math.sqrt(sizes[level] * sizes[level + 1]),) * 2)
                for w, h in sides:
                    x, y = (j + 0.5) / columns, (i + 0.5) / rows
                    wanted.append(
                        ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
                    )
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_centres_fill_the_input_evenly():
    finest = default_boxes(CONFIG, 300, 300, MAPS)[0]
    centres = np.unique(np.round((finest[:, 0] + finest[:, 2]) / 2, 2))
    assert len(centres) == 38
    np.testing.assert_allclose(centres[0], 300 - centres[-1], atol=0.02)
    np.testing.assert_allclose(np.diff(centres), 300 / 38, atol=0.02)
