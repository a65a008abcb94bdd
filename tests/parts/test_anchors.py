"""Anchors by hand: area, ratio, order and place."""

import numpy as np

from src.parts.anchors import AnchorConfig, cell_anchors, grid_anchors, inside_image, pyramid_anchors


def test_area_and_ratio():
    cell = cell_anchors(8, (2.0, 4.0), (0.5, 1.0, 2.0))
    sides = cell[:, 2:] - cell[:, :2]
    assert cell.dtype == np.float32
    np.testing.assert_allclose(cell[:, :2], -cell[:, 2:])
    np.testing.assert_allclose(sides.prod(1), [16**2, 32**2] * 3, rtol=1e-5)
    np.testing.assert_allclose(sides[:, 1] / sides[:, 0], np.repeat([0.5, 1.0, 2.0], 2), rtol=1e-5)
    np.testing.assert_array_equal(cell[2], [-8, -8, 8, 8])


def test_centres_go_row_by_row_with_the_anchors_of_a_cell_adjacent():
    cell = np.array([[-2, -1, 2, 1], [-1, -1, 1, 1]], np.float32)
    grid = grid_anchors(2, 3, 4, cell)
    assert grid.shape == (12, 4) and grid.dtype == np.float32
    np.testing.assert_array_equal(grid[0], [0, 1, 4, 3])
    np.testing.assert_array_equal(grid[1], [1, 1, 3, 3])
    np.testing.assert_array_equal(
        (grid[::2, :2] + grid[::2, 2:]) / 2, [[2, 2], [6, 2], [10, 2], [2, 6], [6, 6], [10, 6]]
    )


def test_inside_counts_the_border_and_takes_height_and_width_apart():
    anchors = np.array([[0, 0, 20, 10], [0, 0, 10, 20], [-1, 0, 5, 5], [0, -0.5, 5, 5], [1, 1, 20.5, 5]], np.float32)
    assert inside_image(anchors, height=10, width=20).tolist() == [True, False, False, False, False]


def test_levels_are_grids_of_their_strides():
    levels = pyramid_anchors(AnchorConfig((2.0,), (0.5, 1.0), "centred", inside_only=True), 40, 64, (8, 16))
    for level, (rows, columns, stride) in zip(levels, ((5, 8, 8), (3, 4, 16)), strict=True):
        np.testing.assert_array_equal(
            level, grid_anchors(rows, columns, stride, cell_anchors(stride, (2.0,), (0.5, 1.0)))
        )


def test_torchvision_rounds_corners_starts_at_the_corner_of_a_cell_and_fits_the_cells_into_the_input():
    fine, coarse = pyramid_anchors(
        AnchorConfig((8.0,), (0.5, 1.0), "torchvision", inside_only=False), 224, 320, (4, 64)
    )
    np.testing.assert_array_equal(fine[:3], [[-23, -11, 23, 11], [-16, -16, 16, 16], [4 - 23, -11, 4 + 23, 11]])
    assert len(coarse) == 4 * 5 * 2  # 224 pixels are three and a half cells of 64, so they count as four of 56
    np.testing.assert_array_equal(coarse[-1], [256 - 256, 168 - 256, 256 + 256, 168 + 256])
