"""Image files of any common kind as RGB arrays, the way a viewer shows them."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from src.errors import DataError, UserError
from src.files import open_regular, read_regular

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_ORIENTATION_TAG = 0x0112  # EXIF 2.3, table 4: how the stored rows and columns are to be shown
# EXIF orientation -> (swap rows and columns first, flip up-down, flip left-right)
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_PNG = b"\x89PNG\r\n\x1a\n"
_BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises on a bad header


def read_image(path: str | Path, data: bytes | None = None) -> np.ndarray:
    """Read an image file as it is shown: EXIF rotation applied, greyscale and palette expanded, alpha dropped.

    Args:
        data: content of the file, if it was read already; ``path`` is then used in messages only.

    Returns:
        uint8 [H, W, 3], RGB. 16-bit pictures keep their upper 8 bits.

    Raises:
        UserError: the file is missing, broken or of a kind OpenCV does not read.
    """
    # OpenCV's own opening of files fails on non-ASCII names on some systems, so it gets the bytes.
    data = _read_bytes(path) if data is None else data
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not _is_cut_png(data) else None
    except cv2.error:  # a header that claims more pixels than memory
        image = None
    if image is None:
        raise UserError(f"{path}: not a readable image (broken, or of a kind OpenCV does not know)")
    # OpenCV turns JPEG and PNG but not WebP; turning here keeps read_image and image_size consistent.
    swap, up_down, left_right = _TURNS.get(_header(path, io.BytesIO(data))[2], (False, False, False))
    if swap:
        image = image.transpose(1, 0, 2)
    image = image[:: -1 if up_down else 1, :: -1 if left_right else 1, ::-1]
    return np.ascontiguousarray(image)


def image_size(path: str | Path) -> tuple[int, int]:
    """(width, height) in pixels as ``read_image`` gives them, from the file's header alone.

    Raises:
        UserError: the file is missing or its header is broken.
    """
    width, height, orientation = _header(path, path)
    return (height, width) if _TURNS.get(orientation, (False,))[0] else (width, height)


def is_turned(path: str | Path) -> bool:
    """Whether the file's EXIF data swap its width and height; raises as ``image_size``."""
    return _TURNS.get(_header(path, path)[2], (False,))[0]


def list_images(folder: str | Path) -> list[str]:
    """Names of all image files under ``folder``, relative to it with forward slashes, sorted.

    Sub-folders and linked folders are followed; hidden files and folders are left out.

    Raises:
        DataError: names that are not UTF-8, or of several lines: no list or JSON file could hold them.
    """
    names, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        if real not in seen:
            relative = Path(place).relative_to(folder)
            chosen = (name for name in files if not name.startswith("."))
            names += [(relative / name).as_posix() for name in chosen if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        seen.add(real)
    unusable = [name for name in names if "\n" in name or not _is_utf8(name)]
    if unusable:
        raise DataError(
            f"file names in {folder} that are not UTF-8 text of one line; rename them",
            [repr(name) for name in unusable],
        )
    return sorted(names)


def _is_cut_png(data: bytes) -> bool:
    """Whether a PNG ends within a chunk: OpenCV 4.11 hangs on such a file if the length of a chunk is far too large."""
    if not data.startswith(_PNG):
        return False
    place, name = len(_PNG), b""
    while name != b"IEND":  # what follows is not checked
        name = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")  # length, name and checksum
        if place > len(data):
            return True
    return False


def _is_utf8(name: str) -> bool:
    """Whether a name from the system is text; undecodable bytes become lone surrogates (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _read_bytes(path: str | Path) -> bytes:
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such image file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _header(path: str | Path, source: str | Path | io.BytesIO) -> tuple[int, int, int]:
    """(width, height, EXIF orientation) as stored, without decoding; ``path`` is for the message only."""
    try:
        if not isinstance(source, io.BytesIO):
            open_regular(source).close()  # Pillow would wait for the writer of a FIFO
        with Image.open(source) as image:
            # OpenCV and Pillow both turn TIFF pictures by themselves.
            turned = image.format != "TIFF" and "exif" in image.info
            orientation = image.getexif().get(_ORIENTATION_TAG, 1) if turned else 1
            return image.width, image.height, orientation
    except FileNotFoundError:
        raise UserError(f"{path}: no such image file") from None
    except _BROKEN as error:
        raise UserError(f"{path}: not a readable image: {error}") from error
