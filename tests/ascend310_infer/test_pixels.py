"""What the C++ program gives to a network is what Python gives to it, pixel by pixel."""

import numpy as np
import pytest

from src.data.augment.transforms import fit_to_input
from src.data.images import list_images, read_image


@pytest.mark.parametrize(
    ("height", "width", "keep_ratio", "sides"),
    [(height, width, keep, None) for height, width in ((64, 96), (75, 51), (7, 300)) for keep in (True, False)]
    + [(300, 300, False, None), (80, 80, True, (35, 80))],
)
def test_pixels_are_those_of_python(program, pictures, tmp_path, height, width, keep_ratio, sides):
    names = list_images(pictures)
    files = [pictures / name for name in names]
    done = program.run(
        height, width, int(keep_ratio), *(sides or (0, 0)), tmp_path / "pixels", *files, program="fitted_pixels"
    )
    assert done.returncode == 0, done.stderr
    rows = np.dtype([("scale", "f8", 2), ("planes", "f4", (3, height, width))])
    found = np.fromfile(tmp_path / "pixels", rows)
    assert len(found) == len(names) > 50
    for name, file, row in zip(names, files, found, strict=True):
        wanted, scale = fit_to_input(read_image(file), height, width, keep_ratio, sides)
        np.testing.assert_array_equal(row["scale"], scale, name)
        np.testing.assert_array_equal(row["planes"], wanted.transpose(2, 0, 1), name)
