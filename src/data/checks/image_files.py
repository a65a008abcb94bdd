"""Check that the image files of a data set exist, can be read, and have the size of their entries."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from src.data.annotations import Annotations, ImageEntry, image_path
from src.data.checks.files.image_sizes import WrongSize, boxes_fit, merged_messages
from src.data.checks.files.missing_images import missing_faults
from src.data.checks.left_out import LeftOut
from src.data.images import decode_to_end, image_size
from src.errors import DataError, UserError
from src.files import is_regular, open_regular

ImageCheck = Callable[[Path, ImageEntry], None]  # raises a UserError that says what is wrong with the file of an entry

_HEAD = 4096  # bytes of an image file that are hashed
_CHUNK = 32  # files of one task: few enough for a smooth progress bar, many enough that scheduling costs little
_THREADS = min(8, 2 * (os.cpu_count() or 1))  # disks and networks answer several at a time


def check_header(path: Path, entry: ImageEntry) -> None:
    """Compare the size in the header of a file with that of its entry. Pixels are decoded only of the first image of each format.

    Raises:
        UserError: the header is broken, or the size differs.
    """
    stated, size = (entry.width, entry.height), image_size(path)
    if size != stated:
        raise WrongSize(path, stated, size, boxes_fit(entry.boxes, size))


def check_pixels(path: Path, entry: ImageEntry) -> None:
    """Check the header, and decode the whole file with Pillow, which raises where OpenCV fills a truncated file with grey.

    Raises:
        UserError: as ``check_header``, or the file is truncated or damaged.
    """
    check_header(path, entry)
    decode_to_end(path)


def files_hash(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names, sizes and first 4 KiB of image files: these differ if a file was replaced by another picture.

    Whole files are not read, because that takes minutes for large data sets.

    Args:
        files: (name, path) of each.

    Raises:
        DataError: lists every file that cannot be read.
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
        DataError: lists every file that is missing or in which ``check`` found a fault.
    """
    paths = [image_path(entry, img_dir) for entry in annotations.images]
    pairs = list(zip(paths, annotations.images, strict=True))
    chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    errors: list[UserError] = []
    missing: list[str] = []
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(desc=f"images of {img_dir}", total=len(pairs), unit="image", disable=None, leave=False) as bar,
    ):
        for missing_here, errors_here in pool.map(lambda chunk: _check_files(chunk, check), chunks):
            missing += missing_here
            errors += errors_here
            bar.update(_CHUNK)
    taken = {entry.file_name for entry in annotations.images}
    faults = missing_faults(missing, len(pairs), Path(img_dir), taken=taken) + merged_messages(errors, len(pairs))
    if faults:
        raise DataError(f"image files of {img_dir}", faults)


def without_broken(
    annotations: Annotations, img_dir: str | Path, left_out: LeftOut, check: ImageCheck = check_pixels
) -> Annotations:
    """The annotations without images whose file is missing, cannot be decoded or has another size than its entry; ``left_out`` records
    these."""
    pairs = [(image_path(entry, img_dir), entry) for entry in annotations.images]
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(desc=f"images of {img_dir}", total=len(pairs), unit="image", disable=None, leave=False) as bar,
    ):
        kept = []
        for (path, entry), (missing, errors) in zip(
            pairs, pool.map(lambda pair: _check_files([pair], check), pairs), strict=True
        ):
            if missing or errors:
                left_out.image(entry.file_name, [str(error) for error in errors] or [f"{path}: no such image file"])
            else:
                kept.append(entry)
            bar.update()
    return replace(annotations, images=tuple(kept))


def _check_files(pairs: Iterable[tuple[Path, ImageEntry]], check: ImageCheck) -> tuple[list[str], list[UserError]]:
    """Names of missing files, and the errors of others."""
    missing, errors = [], []
    for path, entry in pairs:
        try:
            if is_regular(path):
                check(path, entry)
            elif os.path.lexists(path):
                errors.append(
                    UserError(f"{path}: not a regular file, but a folder, FIFO, device or broken symbolic link")
                )
            else:
                missing.append(entry.file_name)
        except UserError as error:
            errors.append(error)
        except OSError as error:  # such as a folder without permission, or a name that is too long
            errors.append(UserError(str(error)))
    return missing, errors
