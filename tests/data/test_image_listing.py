import os

import pytest

from src.data.formats.reading import read_data
from src.data.image_listing import check_outside, list_images
from src.errors import DataError, UserError


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


def test_the_root_of_the_file_system_is_refused_not_searched(tmp_path):
    (tmp_path / "link").symlink_to("/")
    for folder in ("/", tmp_path / "link"):
        with pytest.raises(UserError, match="is the root of the file system"):
            list_images(folder)
        with pytest.raises(UserError, match="is the root of the file system"):
            read_data(folder, tmp_path)


def test_pictures_are_not_written_among_images(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "link").symlink_to(photos)
    for place in (photos, photos / "found" / "pictures", tmp_path / "link" / "x"):
        with pytest.raises(UserError, match="lies in the folder of --infer_img_dir"):
            check_outside(place, {"infer_img_dir": photos, "unlabelled_img_dir": None})
    check_outside(tmp_path / "photos_found", {"infer_img_dir": photos, "unlabelled_img_dir": None})
