"""Every entry has an image file that opens, is whole and has the size it says."""

import io

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import Annotations, ImageEntry
from src.data.checks.image_files import check_header, check_images, check_pixels, files_hash
from src.errors import DataError


def annotations(*names, size=(20, 10)):
    empty = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    return Annotations(("cat",), (1,), tuple(ImageEntry(i, n, *size, True, *empty) for i, n in enumerate(names)))


def faults_of(data, folder, look=check_header):
    with pytest.raises(DataError) as error:
        check_images(data, folder, look)
    return error.value.faults


def noise(size=(20, 10)):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))


def test_lists_every_file_that_is_missing_broken_or_of_another_size(tmp_path):
    data = annotations("1.png", "2.png", "3.png", "4.png")
    noise().save(tmp_path / "2.png")
    noise((10, 20)).save(tmp_path / "3.png")
    (tmp_path / "4.png").write_bytes(b"no image")
    first, second, third = faults_of(data, tmp_path)
    assert first == f"{tmp_path / '1.png'}: no such image file; put it there, or remove its entry"
    assert second.startswith(f"{tmp_path / '3.png'}: the image is 10x20 (as shown) but its entry says 20x10")
    assert "EXIF" not in second
    assert str(tmp_path / "4.png") in third
    for name in ("1.png", "3.png", "4.png"):
        noise().save(tmp_path / name)
    for look in (check_header, check_pixels):
        check_images(data, tmp_path, look)


def test_a_rotation_by_exif_that_swaps_the_sides_is_named(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise().save(tmp_path / "a.jpg", exif=exif)
    (fault,) = faults_of(annotations("a.jpg"), tmp_path)
    assert "is 10x20 (as shown) but its entry says 20x10" in fault and "EXIF data rotate it" in fault
    check_images(annotations("a.jpg", size=(10, 20)), tmp_path, check_pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_picture_that_was_cut_off_has_a_good_header_and_is_found_by_its_pixels(tmp_path, kind):
    file = io.BytesIO()
    noise((200, 100)).save(file, kind)
    name = f"a.{kind.lower()}"
    (tmp_path / name).write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    data = annotations(name, size=(200, 100))
    (fault,) = faults_of(data, tmp_path, check_pixels)
    assert name in fault


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "LA", "1"])
def test_grey_alpha_palette_and_16_bit_are_fine(tmp_path, mode):
    Image.new(mode, (20, 10)).save(tmp_path / "a.png")
    check_images(annotations("a.png"), tmp_path, check_pixels)


@pytest.mark.parametrize(
    "there, said", [("A.PNG", "a.png"), ("a.jpg", "a.png"), ("day/a.png", "a.png"), ("day/a.png", "day\\a.png")]
)
def test_the_file_that_is_probably_meant_is_named(tmp_path, there, said):
    (tmp_path / "day").mkdir()
    for name in (there, "b.png"):
        noise().save(tmp_path / name)
    (fault,) = faults_of(annotations(said, "b.png"), tmp_path)
    assert f"is {there} meant? Correct its file_name" in fault


def test_a_file_that_another_entry_names_is_not_meant(tmp_path):
    (tmp_path / "day").mkdir()
    noise().save(tmp_path / "day/a.png")
    (fault,) = faults_of(annotations("a.png", "day/a.png"), tmp_path)
    assert "meant" not in fault and "put it there, or remove its entry" in fault


def test_a_wrong_folder_is_one_fault(tmp_path):
    (fault,) = faults_of(annotations("a.png", "b.png"), tmp_path)
    assert "none of the 2 image files is there" in fault and "it holds no images" in fault
    (tmp_path / "c.png").write_bytes(b"")
    assert "it holds 1 images, such as c.png" in faults_of(annotations("a.png", "b.png"), tmp_path)[0]
    assert faults_of(annotations("a.png"), tmp_path / "none") == (f"{tmp_path / 'none'}: no such folder of images",)


def test_order_does_not_depend_on_threads(tmp_path):
    names = [f"{i:03}.png" for i in range(100)]
    for name in names:
        (tmp_path / name).write_bytes(b"broken")
    faults = faults_of(annotations(*names), tmp_path)
    assert [fault.split(":")[0] for fault in faults] == [str(tmp_path / name) for name in names]


def test_another_picture_under_an_old_name_changes_the_hash(tmp_path):
    names = ("a.png", "b.png")
    for name in names:
        (tmp_path / name).write_bytes(bytes(10_000))

    def now() -> str:
        return files_hash((name, tmp_path / name) for name in names)

    first = now()
    for content in (bytes(9_999), b"x" + bytes(9_999), bytes(4_000) + b"x" + bytes(5_999)):
        (tmp_path / "b.png").write_bytes(content)
        assert now() != first
    (tmp_path / "b.png").write_bytes(bytes(10_000))
    assert now() == first
    (tmp_path / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: cannot be read"):
        now()


def test_a_png_that_ends_behind_its_pixels_is_truncated_and_of_no_unknown_kind(tmp_path):
    buffer = io.BytesIO()
    noise().save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue()[:-12])
    (fault,) = faults_of(annotations("a.png"), tmp_path, check_pixels)
    assert (
        "a.png: the picture is truncated or broken (it ends before its IEND chunk); copy it again, or remove it, with its labels if it has any"
        in fault
    )
