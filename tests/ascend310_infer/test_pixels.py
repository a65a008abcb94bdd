"""What the C++ program gives to a network is what Python gives to it, pixel by pixel."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.augment.transforms import fit_to_input
from src.data.image_listing import list_images
from src.data.images import read_image
from src.errors import UserError


@pytest.mark.both_builds
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


def odd_pictures(folder: Path) -> None:
    """Files that are cut off, of kinds that not every library decodes, under names that say something else."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
    for kind in ("jpg", "png", "webp", "tif", "bmp"):
        picture.save(folder / f"whole.{kind}")
        content = (folder / f"whole.{kind}").read_bytes()
        (folder / f"half.{kind}").write_bytes(content[: len(content) // 2])
        (folder / f"most.{kind}").write_bytes(content[:-2])
        (folder / f"more.{kind}").write_bytes(content + b"more")
    picture.save(folder / "moving.webp", save_all=True, append_images=[picture.rotate(90)])
    picture.save(folder / "progressive.jpg", progressive=True)
    content = (folder / "progressive.jpg").read_bytes()
    (folder / "half_progressive.jpg").write_bytes(content[: len(content) // 2])
    picture.save(folder / "thumbnail.jpg", exif=_exif_with_thumbnail())
    for kind in ("AVIF", "GIF", "ICO", "JPEG2000", "PPM", "TGA"):
        picture.save(folder / f"{kind}.jpg", format=kind)
    for suffix, kind in (
        ("jfif", "JPEG"),
        ("JPE", "JPEG"),
        ("dib", "BMP"),
        ("ppm", "PPM"),
        ("jp2", "JPEG2000"),
        ("gif", "GIF"),
    ):
        picture.save(folder / f"other.{suffix}", format=kind)
    Image.fromarray(np.linspace(0, 1, 4800, dtype=np.float32).reshape(60, 80)).save(folder / "float.tif")
    Image.fromarray(np.arange(4800, dtype=np.int32).reshape(60, 80)).save(folder / "int32.tif")
    content = bytearray((folder / "whole.png").read_bytes())
    place = content.index(b"IDAT") - 4
    content[place : place + 4] = b"\x7f\xff\xff\xff"
    (folder / "huge_chunk.png").write_bytes(content)
    text = b"zTXtComment\0\0" + zlib.compress(b"A" * (70 << 20))  # Pillow's own limit is lower
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    content = (folder / "whole.png").read_bytes()
    (folder / "long_text.png").write_bytes(content[:33] + chunk + content[33:])
    header = b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    (folder / "pam.pnm").write_bytes(header + bytes(12))
    (folder / "pfm.pnm").write_bytes(b"PF\n2 2\n-1.0\n" + bytes(48))


def _exif_with_thumbnail() -> bytes:
    """EXIF data that end as a JPEG does, as those with a thumbnail."""
    exif = Image.Exif()
    exif[0x10F] = "Maker \xff\xd9"
    return exif.tobytes() + b"\xff\xd9"


def test_both_languages_refuse_the_same_pictures(program, toy, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    odd_pictures(folder)
    done = program.run("--model", toy, "--images", folder, "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    # Warnings of OpenCV may come in the middle of a line.
    skipped = {Path(path).name for path in re.findall("skipped: (.+?): ", done.stderr)}
    refused = {name for name in list_images(folder) if not _is_read(folder / name)}
    assert skipped == refused
    assert {"half.jpg", "most.jpg", "half_progressive.jpg", "huge_chunk.png", "AVIF.jpg", "half.png"} < skipped
    assert sum(map(int, re.match(r"(\d+) images, (\d+) skipped", done.stdout).groups())) == len(list_images(folder))
    assert not {"thumbnail.jpg", "progressive.jpg", "whole.jpg", "more.jpg", "whole.png", "long_text.png"} & skipped


def _is_read(path: Path) -> bool:
    try:
        read_image(path)
    except UserError:
        return False
    return True


def test_orientation_of_xmp_does_not_turn(program, tmp_path):
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40], pixels[30:, 40:] = (220, 30, 30), (30, 40, 210)
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description tiff:Orientation="3" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
    )
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    Image.fromarray(pixels).save(tmp_path / "alone.jpg", xmp=xmp, quality=95)
    Image.fromarray(pixels).save(tmp_path / "beside_exif.jpg", xmp=xmp, exif=exif, quality=95)
    files = [tmp_path / "alone.jpg", tmp_path / "beside_exif.jpg"]
    done = program.run(60, 80, 1, 0, 0, tmp_path / "pixels", *files, program="fitted_pixels")
    assert done.returncode == 0, done.stderr
    found = np.fromfile(tmp_path / "pixels", np.dtype([("scale", "f8", 2), ("planes", "f4", (3, 60, 80))]))["planes"]
    for file, planes in zip(files, found, strict=True):
        np.testing.assert_array_equal(planes.transpose(1, 2, 0), read_image(file))
        assert np.abs(planes.transpose(1, 2, 0) - pixels).mean() < 3


TYPES = {
    1: "B",
    3: "H",
    4: "I",
    5: "II",
    8: "h",
    9: "i",
    11: "f",
}  # of TIFF 6.0: whole numbers but for the fraction and the float


@pytest.mark.parametrize("order", ["little", "big"])
def test_an_orientation_is_a_whole_number_of_two_or_four_bytes(program, tmp_path, order):
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40], pixels[30:, 40:] = (220, 30, 30), (30, 40, 210)
    sign, mark = ("<", b"II*\0") if order == "little" else (">", b"MM\0*")
    files = []
    for kind, letters in TYPES.items():
        value = struct.pack(f"{sign}{letters}", *((3, 1) if kind == 5 else (3,)))
        stored, behind = (struct.pack(f"{sign}I", 26), value) if len(value) > 4 else (value.ljust(4, b"\0"), b"")
        entry = struct.pack(f"{sign}HHI", 0x112, kind, 1) + stored
        exif = mark + struct.pack(f"{sign}IH", 8, 1) + entry + bytes(4) + behind
        files.append(tmp_path / f"{kind}.jpg")
        Image.fromarray(pixels).save(files[-1], exif=b"Exif\0\0" + exif, quality=95)
    done = program.run(60, 80, 1, 0, 0, tmp_path / "pixels", *files, program="fitted_pixels")
    assert done.returncode == 0, done.stderr
    found = np.fromfile(tmp_path / "pixels", np.dtype([("scale", "f8", 2), ("planes", "f4", (3, 60, 80))]))["planes"]
    for file, planes in zip(files, found, strict=True):
        np.testing.assert_array_equal(planes.transpose(1, 2, 0), read_image(file), err_msg=file.name)
        turned = file.stem in ("3", "4", "8", "9")
        assert (np.abs(planes.transpose(1, 2, 0) - pixels).mean() < 3) != turned, file.name


def _damaged_exif(draw: np.random.Generator) -> bytes:
    """EXIF data of a few entries, with some numbers, bytes or the end wrong."""
    sign, mark = ("<", b"II*\0") if draw.random() < 0.5 else (">", b"MM\0*")
    rows = draw.integers(1, 4)
    exif = mark + struct.pack(f"{sign}IH", draw.choice([8, 8, 8, 9, 2**31]), draw.choice([rows, rows, 65535]))
    for _ in range(rows):
        tag, kind, count = (
            draw.choice([0x112, 0x112, 0x10F]),
            draw.choice([3, 3, 4, 1, 13]),
            draw.choice([1, 1, 1, 0, 2]),
        )
        exif += struct.pack(f"{sign}HHIHH", tag, kind, count, draw.choice([3, 6, 8, 0, 9]), 0)
    exif = bytearray(exif + bytes(4))
    for _ in range(draw.choice([0, 0, 1, 2])):
        exif[draw.integers(len(exif))] = draw.integers(256)
    start = [b"Exif\0\0", b"Exif\0\0Exif\0\0"][int(draw.random() < 0.1)]
    return start + bytes(exif[: len(exif) if draw.random() < 0.7 else draw.integers(len(exif))])


@pytest.mark.both_builds
def test_damaged_exif_data_are_read_as_in_python(program, tmp_path):
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40], pixels[30:, 40:] = (220, 30, 30), (30, 40, 210)
    draw = np.random.default_rng(0)
    files = [tmp_path / f"{number}.{('jpg', 'png', 'webp')[number % 3]}" for number in range(200)]
    for file in files:
        Image.fromarray(pixels).save(file, exif=_damaged_exif(draw))
    done = program.run(80, 80, 1, 0, 0, tmp_path / "pixels", *files, program="fitted_pixels")
    assert done.returncode == 0, done.stderr
    found = np.fromfile(tmp_path / "pixels", np.dtype([("scale", "f8", 2), ("planes", "f4", (3, 80, 80))]))["planes"]
    for file, planes in zip(files, found, strict=True):
        wanted = fit_to_input(read_image(file), 80, 80, True, None)[0]
        np.testing.assert_array_equal(planes.transpose(1, 2, 0), wanted, err_msg=file.name)
