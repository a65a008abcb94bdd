import os

import pytest

from src.data.image_listing import list_images
from src.errors import DataError


def test_list_images_is_sorted_recursive_and_leaves_out_the_rest(tmp_path):
    for name in ("b.JPG", "sub/a.png", "sub/b.jpg", "notes.txt", ".hidden.png", ".cache/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    assert list_images(tmp_path) == ["b.JPG", "sub/a.png", "sub/b.jpg"]


def test_file_names_that_no_list_could_hold_are_refused(tmp_path):
    for name in (b"good.png", "Bild_ä口.png".encode(), b"latin_\xe4.png", b"two\nlines.png"):
        (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(DataError) as error:
        list_images(tmp_path)
    assert len(error.value.faults) == 2 and "rename" in str(error.value)
