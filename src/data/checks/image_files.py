"""Check that the image files of a data set exist, can be read, and have the size of their entries."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image
from tqdm import tqdm

from src.data.annotations import Annotations, ImageEntry, image_path
from src.data.checks.left_out import LeftOut
from src.data.images import image_size, is_turned, list_images, read_image
from src.errors import DataError, UserError
from src.files import is_regular, open_regular

ImageCheck = Callable[[Path, ImageEntry], None]  # raises a UserError that says what is wrong with the file of an entry

_HEAD = 4096  # bytes of an image file that are hashed
_CHUNK = 32  # files of one task: few enough for a smooth progress bar, many enough that scheduling costs little
_THREADS = min(8, 2 * (os.cpu_count() or 1))  # disks and networks answer several at a time


def check_exists(path: Path, entry: ImageEntry) -> None:
    """Check nothing but that the file exists; 100,000 take about a second."""


def check_header(path: Path, entry: ImageEntry) -> None:
    """Compare the size in the file's header with its entry; nothing is decoded (0.7 ms per image, measured on JPEG).

    Raises:
        UserError: the header is broken, or the size differs.
    """
    size = image_size(path)
    if size == (entry.width, entry.height):
        return
    turned = ""
    if size == (entry.height, entry.width) and is_turned(path):
        turned = " Its EXIF data rotate it by 90 degrees, and training sees it as shown: draw its boxes on the rotated picture,"
        turned += " or save it without EXIF data."
    raise UserError(
        f"{path}: the image is {size[0]}x{size[1]} (as shown) but its entry says {entry.width}x{entry.height}; "
        f"correct width, height and boxes of the annotation file, or put the right image there.{turned}"
    )


def check_pixels(path: Path, entry: ImageEntry) -> None:
    """Decode the whole file too. OpenCV fills a truncated file with grey; Pillow raises.

    Raises:
        UserError: as ``check_header``, or the picture is truncated or broken.
    """
    check_header(path, entry)
    read_whole_image(path)


def read_whole_image(path: Path) -> None:
    """Decode a file to its end.

    Raises:
        UserError: the picture is truncated or broken.
    """
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(
            f"{path}: the picture is truncated or broken ({error}); copy it again, or remove its entry"
        ) from None
    read_image(path)


def files_hash(files: Iterable[tuple[str, Path]]) -> str:
    """A SHA-256 over names, sizes and first 4 KiB of image files: another picture under an old name differs in these.

    Whole files are not read, which would take minutes for large data sets.

    Raises:
        DataError: files that cannot be read.
    """
    digest, faults = hashlib.sha256(), []
    for name, path in files:
        try:
            with open_regular(path) as file:
                digest.update(f"{os.fstat(file.fileno()).st_size} {name}\n".encode() + file.read(_HEAD))
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror or error}")
    if faults:
        raise DataError("image files", faults)
    return digest.hexdigest()


def check_images(annotations: Annotations, img_dir: str | Path, check: ImageCheck = check_header) -> None:
    """Check the image file of every entry, several at a time, with a progress bar on a terminal.

    Raises:
        DataError: listing every file that is missing, or in which ``check`` found something.
    """
    paths = [image_path(entry, img_dir) for entry in annotations.images]
    pairs = list(zip(paths, annotations.images, strict=True))
    chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    faults: list[str] = []
    missing: list[Path] = []
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(desc=f"images of {img_dir}", total=len(pairs), unit="image", disable=None, leave=False) as bar,
    ):
        for lost, found in pool.map(lambda chunk: _check_files(chunk, check), chunks):
            missing += lost
            faults += found
            bar.update(_CHUNK)
    faults = _missing_faults(missing, len(pairs), Path(img_dir)) + faults
    if faults:
        raise DataError(f"image files of {img_dir}", faults)


def without_broken(
    annotations: Annotations, img_dir: str | Path, left_out: LeftOut, check: ImageCheck = check_pixels
) -> Annotations:
    """The images whose files are there, can be decoded and are of the size that their entries say; the others are noted."""
    pairs = [(image_path(entry, img_dir), entry) for entry in annotations.images]
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(desc=f"images of {img_dir}", total=len(pairs), unit="image", disable=None, leave=False) as bar,
    ):
        kept = []
        for (path, entry), (lost, found) in zip(
            pairs, pool.map(lambda pair: _check_files([pair], check), pairs), strict=True
        ):
            if lost or found:
                left_out.image(entry.file_name, found or [f"{path}: no such image file"])
            else:
                kept.append(entry)
            bar.update()
    return replace(annotations, images=tuple(kept))


def _check_files(pairs: Iterable[tuple[Path, ImageEntry]], check: ImageCheck) -> tuple[list[Path], list[str]]:
    missing, faults = [], []
    for path, entry in pairs:
        try:
            if is_regular(path):
                check(path, entry)
            elif os.path.lexists(path):
                faults.append(f"{path}: not a regular file, but a folder, FIFO, device or link to nothing")
            else:
                missing.append(path)
        except (UserError, OSError) as error:  # OSError: a folder that may not be entered, a name too long
            faults.append(str(error))
    return missing, faults


def _missing_faults(missing: Sequence[Path], count: int, img_dir: Path) -> list[str]:
    """One sentence for each missing file, with the file that is probably meant; one for all if there is none at all."""
    if not missing:
        return []
    if not img_dir.is_dir():
        return [f"{img_dir}: no such folder of images"]
    names = list_images(img_dir)
    if len(missing) == count > 1:
        there = f"it holds {len(names)} images, such as {names[0]}" if names else "it holds no images"
        remedy = "give the folder that the file names of the annotation file start from"
        return [f"none of the {count} image files is there, such as {missing[0]}; {there}; {remedy}"]
    by_key: dict[str, str] = {}
    for name in names:
        for key in _keys(name):
            by_key.setdefault(key, name)
    faults = []
    for path in missing:
        name = os.path.relpath(path, img_dir)
        meant = next((by_key[key] for key in _keys(name) if key in by_key), None)
        remedy = f"is {meant} meant? Correct its file_name" if meant else "put it there, or remove its entry"
        faults.append(f"{path}: no such image file; {remedy}")
    return faults


def _keys(name: str) -> tuple[str, str, str]:
    """Keys for finding a similar name: other case or slashes, another suffix, another folder; the nearest first."""
    posix = PurePosixPath(name.replace("\\", "/").casefold())
    return f"case {posix}", f"stem {posix.with_suffix('')}", f"base {posix.name}"
