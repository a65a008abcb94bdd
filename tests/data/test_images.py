import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from src.data.images import decode_to_end, image_size, is_turned, read_image
from src.errors import UserError

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_rgb_is_unchanged_in_every_lossless_format(tmp_path, suffix):
    path = tmp_path / f"Bild_ä口.{suffix}"
    Image.fromarray(PICTURE).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_image(path), PICTURE)
    assert image_size(path) == (10, 6)


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA", "P", "1"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_odd_modes_become_rgb(tmp_path, mode, suffix):
    image = Image.fromarray(PICTURE).convert(mode)
    image.save(tmp_path / f"a.{suffix}")
    read = read_image(tmp_path / f"a.{suffix}")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.asarray(image.convert("RGB")))


def test_alpha_is_dropped_not_blended(tmp_path):
    Image.fromarray(np.dstack([PICTURE, np.zeros((6, 10), np.uint8)])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PICTURE)


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    deep = np.arange(60, dtype=np.uint16).reshape(6, 10) * 1000
    Image.fromarray(deep).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.repeat(deep[..., None] >> 8, 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_exif_rotation_is_as_pillow_shows_it(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.kron(PICTURE, np.ones((16, 16, 1), np.uint8))).save(path, exif=exif, quality=95)
    shown = ImageOps.exif_transpose(Image.open(path))
    assert image_size(path) == shown.size
    difference = read_image(path).astype(int) - np.asarray(shown.convert("RGB"))
    assert np.abs(difference).max() <= 3  # two JPEG decoders may round differently


@pytest.mark.parametrize("exif_beside", [False, True])
def test_an_orientation_in_xmp_is_ignored(tmp_path, exif_beside):
    """As in browsers, and in ascend310_infer (tests/ascend310_infer/test_pixels.py)."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
    )
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    Image.fromarray(PICTURE).save(tmp_path / "plain.jpg", quality=95)
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", quality=95, xmp=xmp, **({"exif": exif} if exif_beside else {}))
    assert Image.open(tmp_path / "a.jpg").getexif()[0x0112] == 6  # Pillow reports the orientation of XMP
    assert image_size(tmp_path / "a.jpg") == (10, 6) and not is_turned(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), read_image(tmp_path / "plain.jpg"))


@pytest.mark.parametrize(
    ("size", "is_accepted"),
    [((20000, 20000), True), ((2**20, 1024), True), ((2**20 + 1, 1), False), ((32768, 32769), False)],
)
def test_the_largest_size_is_that_of_the_decoder(tmp_path, size, is_accepted):
    Image.fromarray(PICTURE).save(tmp_path / "small.png")
    content = bytearray((tmp_path / "small.png").read_bytes())
    content[16:24] = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "large.png").write_bytes(content)
    image_size(tmp_path / "small.png")  # of the same format; the first image of a format is decoded
    if is_accepted:
        assert image_size(tmp_path / "large.png") == size
    else:
        with pytest.raises(UserError, match=r"expected at most 1048576 a side and 1073741824 together; cut it"):
            image_size(tmp_path / "large.png")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    Image.fromarray(PICTURE).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:20])
    for name in ("text.png", "empty.jpg", "cut.png", "missing.png"):
        with pytest.raises(UserError, match=name):
            read_image(tmp_path / name)
        with pytest.raises(UserError, match=name):
            image_size(tmp_path / name)


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFF7F, 0x00010000])
def test_a_png_whose_chunks_reach_beyond_its_end_is_refused(tmp_path, length):
    """OpenCV 4.11 never returns from the second one."""
    path = tmp_path / "a.png"
    Image.new("RGB", (12, 9)).save(path)
    content = path.read_bytes()
    place = content.index(b"IDAT") - 4
    path.write_bytes(content[:place] + length.to_bytes(4, "big") + content[place + 4 :])
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        read_image(path)
    path.write_bytes(content + b"what follows its end does not matter")
    assert read_image(path).shape == (9, 12, 3)


@pytest.mark.parametrize("name", [b"zTXt", b"tEXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("after_pixels", [False, True])
def test_large_metadata_do_not_make_a_png_unreadable(tmp_path, name, after_pixels):
    """As in ascend310_infer (tests/ascend310_infer/test_pixels.py); Pillow alone refuses it."""
    long = b"A" * (70 << 20)
    content = {"zTXt": b"a\0\0" + zlib.compress(long), "tEXt": b"a\0" + long}.get(name.decode())
    content = content or {b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[name] + zlib.compress(long)
    chunk = len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    png = (tmp_path / "a.png").read_bytes()
    place = png.index(b"IEND" if after_pixels else b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(png[:place] + chunk + png[place:])
    assert image_size(tmp_path / "a.png") == (10, 6)
    decode_to_end(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PICTURE)


CORRUPT_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x03\0\x10\x01\x02\0"


def test_corrupt_exif_data_are_passed_over_without_a_warning(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", exif=CORRUPT_EXIF)
    assert image_size(tmp_path / "a.jpg") == (10, 6)
    program = "import sys\nfrom src.data.images import *\nimage_size(sys.argv[1]), decode_to_end(sys.argv[1])"
    words = [sys.executable, "-c", program, str(tmp_path / "a.jpg")]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_picture_with_damaged_exif_data_is_taken_as_it_is_stored(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    intact = exif.tobytes()
    value_end = intact.index(b"\x01\x12") + 12
    cut = [intact[:length] for length in range(7, value_end - 2)]
    for content in [b"Exif\0\0garbage", b"Exif\0\0XX" + intact[8:], *cut]:
        Image.fromarray(PICTURE).save(tmp_path / f"a.{suffix}", exif=content)
        assert image_size(tmp_path / f"a.{suffix}") == (10, 6), content
        assert read_image(tmp_path / f"a.{suffix}").shape == (6, 10, 3)
        decode_to_end(tmp_path / f"a.{suffix}")
    Image.fromarray(PICTURE).save(tmp_path / f"a.{suffix}", exif=intact[:value_end])
    assert image_size(tmp_path / f"a.{suffix}") == (6, 10)


def test_an_animated_webp_is_refused_by_every_reader(tmp_path):
    """OpenCV 4.11 would take its first picture, that of Debian none, so Python and C++ would see other data."""
    path = tmp_path / "moving.webp"
    picture = Image.fromarray(PICTURE)
    picture.save(path, save_all=True, append_images=[picture.rotate(90)])
    for read in (read_image, image_size, decode_to_end):
        with pytest.raises(UserError, match="an animated WebP picture, expected a still one"):
            read(path)
