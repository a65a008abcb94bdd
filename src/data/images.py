"""Image files of any common kind as RGB arrays, the way a viewer shows them."""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from src.errors import UserError, reason_of
from src.files import open_regular, read_regular

LARGEST_SIDE, MOST_PIXELS = 2**20, 2**30  # OpenCV's limits; those of ascend310_infer
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is lower, 2^28 / 1.5
# On metadata such as "Corrupt EXIF data", without the name of the file: but for the orientation, they change nothing here.
warnings.filterwarnings("ignore", module="PIL")


def _pass_over(stream: PngImagePlugin.PngStream, _: int, length: int) -> bytes:
    """Read a chunk, which Pillow needs for its checksum, and nothing of its content."""
    return stream.fp.read(length)


# Text and colour profiles of PNG files: Pillow refuses a picture with large ones, OpenCV takes it, and so does ascend310_infer.
for _chunk in ("tEXt", "zTXt", "iTXt", "iCCP"):
    setattr(PngImagePlugin.PngStream, f"chunk_{_chunk}", _pass_over)

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
_EXIF = b"Exif\0\0"
_BYTE_ORDERS = {b"II": "little", b"MM": "big"}
_WHOLE_NUMBERS = {3: 2, 8: 2, 4: 4, 9: 4}  # types of them, TIFF 6.0, section 2 -> bytes
_PNG = b"\x89PNG\r\n\x1a\n"
_BROKEN = (OSError, ValueError, SyntaxError)  # what Pillow raises on a bad header
_REMEDY = "copy it again, or save it as PNG or JPEG"
_DEEP_FORMATS = frozenset(("JPEG2000", "PNG", "PPM", "TIFF"))  # that may have 16 bits per sample
_decoded: set[tuple[str, ...]] = set()  # kinds of images of which one was decoded


class _Header(NamedTuple):
    """Width and height as stored, EXIF orientation, and the kind of the file."""

    size: tuple[int, int]
    orientation: int
    kind: tuple[str, ...]


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
    image = _decode(data)
    if image is None:
        raise UserError(f"{path}: not a readable image (broken, or of a kind OpenCV does not know); {_REMEDY}")
    # OpenCV turns JPEG and PNG but not WebP; turning here keeps read_image and image_size consistent.
    orientation = _header(path, io.BytesIO(data)).orientation
    swap, up_down, left_right = _TURNS.get(orientation, (False, False, False))
    if swap:
        image = image.transpose(1, 0, 2)
    image = image[:: -1 if up_down else 1, :: -1 if left_right else 1, ::-1]
    return np.ascontiguousarray(image)


def image_size(path: str | Path) -> tuple[int, int]:
    """(width, height) in pixels as ``read_image`` gives them, from the file's header.

    The headers of some kinds can be read, their pixels cannot: the first image of each kind that a process meets is decoded.

    Raises:
        UserError: the file is missing, its header is broken, it is too large, or OpenCV does not decode its kind.
    """
    header = _header(path, path)
    if header.kind not in _decoded:
        decode_to_end(path)
        _decoded.add(header.kind)
    width, height = header.size
    return (height, width) if _TURNS.get(header.orientation, (False,))[0] else (width, height)


def is_turned(path: str | Path) -> bool:
    """Whether the file's EXIF data swap its width and height; raises as ``image_size``."""
    return _TURNS.get(_header(path, path).orientation, (False,))[0]


def decode_to_end(path: str | Path) -> None:
    """Decode a file to its end.

    Raises:
        UserError: the picture is truncated or broken, or OpenCV does not decode its kind.
    """
    data = _read_bytes(path)
    try:
        with Image.open(io.BytesIO(data)) as image:
            _refuse_animated(path, image)
            kind = f"{image.format} of mode {image.mode}"
            image.load()
        if _is_cut_png(data):  # behind the pixels
            raise EOFError("it ends before its IEND chunk")
    except (*_BROKEN, EOFError) as error:
        raise UserError(
            f"{path}: the picture is truncated or broken ({reason_of(error, path)}); copy it again, or remove it, with its labels if it has any"
        ) from None
    _header(path, io.BytesIO(data))  # it may be too large
    if _decode(data) is None:
        raise UserError(
            f"{path}: not a readable image: it is {kind}, whatever its name says, which OpenCV does not decode; save it as PNG "
            "or JPEG"
        )


def largest_deep_value(path: str | Path) -> int | None:
    """The largest sample of a picture with 16 bits per sample; None if it has 8. Raises as ``read_image``."""
    if _header(path, path).kind[0] not in _DEEP_FORMATS:
        return None
    image = cv2.imdecode(np.frombuffer(_read_bytes(path), np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    return int(image.max()) if image is not None and image.dtype == np.uint16 else None


def _decode(data: bytes) -> np.ndarray | None:
    """Pixels of a picture as they are stored, uint8 [H, W, 3], BGR; None if OpenCV does not decode it."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not _is_cut_png(data) else None
    except cv2.error:  # a header that claims more pixels than memory
        return None


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


def _read_bytes(path: str | Path) -> bytes:
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such image file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _header(path: str | Path, source: str | Path | io.BytesIO) -> _Header:
    """What the header says, without decoding; ``path`` is for the message only."""
    try:
        if not isinstance(source, io.BytesIO):
            open_regular(source).close()  # Pillow would wait for the writer of a FIFO
        with Image.open(source) as image:
            _refuse_animated(path, image)
            header = _Header(image.size, _orientation(image), _kind(image))
    except FileNotFoundError:
        raise UserError(f"{path}: no such image file") from None
    except _BROKEN as error:
        raise UserError(
            f"{path}: not a readable image (broken, or of a kind that is not known: {reason_of(error, path)}); {_REMEDY}"
        ) from error
    width, height = header.size
    if max(width, height) > LARGEST_SIDE or width * height > MOST_PIXELS:
        raise UserError(
            f"{path}: the image has {width}x{height} pixels, expected at most {LARGEST_SIDE} a side and {MOST_PIXELS} together; "
            "cut it into several"
        )
    return header


def _refuse_animated(path: str | Path, image: Image.Image) -> None:
    """Refuse an animated WebP file, which OpenCV 4.11 decodes and that of Debian, for C++, does not."""
    if image.format == "WEBP" and image.is_animated:
        raise UserError(
            f"{path}: an animated WebP picture, expected a still one; save one of its pictures as PNG or JPEG"
        )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, by the rule of ascend310_infer/src/exif.cc. Pillow's own ``getexif`` takes one from XMP as well,
    which browsers and viewers pass over, and raises for damaged EXIF data."""
    # OpenCV and Pillow both turn TIFF pictures by themselves.
    data = b"" if image.format == "TIFF" else image.info.get("exif", b"")
    while data.startswith(_EXIF):
        data = data.removeprefix(_EXIF)
    order = _BYTE_ORDERS.get(data[:2])

    def number(at: int, length: int) -> int:
        """A number of the data; beyond their end 0."""
        return int.from_bytes(data[at : at + length], order) if at + length <= len(data) else 0

    if order is None:
        return 1
    directory = number(4, 4)
    end = min(directory + 2 + 12 * number(directory, 2), len(data))
    for entry in range(directory + 2, end, 12):  # tag, type, count, value
        if number(entry, 2) == _ORIENTATION_TAG:
            length = _WHOLE_NUMBERS.get(number(entry + 2, 2), 0)
            value = number(entry + 8, length) if number(entry + 4, 4) == 1 else 1
            return value if 1 <= value <= 8 else 1
    return 1


def _kind(image: Image.Image) -> tuple[str, ...]:
    """Whatever of a header decides whether OpenCV decodes the picture: format, mode, compression, how samples are stored."""
    codec, _, _, detail = image.tile[0] if image.tile else ("", None, None, "")
    stored = detail[0] if isinstance(detail, tuple) and detail else detail
    more = image.info.get("compression"), image.info.get("progressive")
    return tuple(map(str, (image.format, image.mode, codec, stored, *more)))
