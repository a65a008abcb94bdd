"""Read text annotations, one line per image: `path x1,y1,x2,y2,class[,iscrowd] ...`, the model zoo's form for own data.

Corners are in pixels of the image. ``class`` is an index into the list of class names, from 0; the model zoo's lists begin
with "background", so its classes start at 1. A line without boxes is a reviewed, empty image. A path may contain spaces:
it ends with the first word that has the suffix of an image.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.data.annotations import Annotations, ImageEntry
from src.data.checks.box_faults import all_fractions, all_outside, outside_fault
from src.data.checks.files.missing_images import missing_faults
from src.data.checks.left_out import LeftOut, note_image
from src.data.classes import foreground
from src.data.image_listing import IMAGE_SUFFIXES
from src.data.images import image_size
from src.errors import DataError, UserError
from src.files import read_text

_NUMBER = re.compile(r"[-+]?(\d{1,9}(\.\d*)?|\.\d+)", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_EXPECTED = "x1,y1,x2,y2,class or x1,y1,x2,y2,class,iscrowd"


@dataclass(frozen=True)
class TxtBox:
    """One box of a line: corners (x1, y1, x2, y2) in pixels, index of its class in the list of names, crowd or not."""

    corners: tuple[float, float, float, float]
    place: int
    crowd: bool


class _Line(NamedTuple):
    """Number of a line, and the name and the boxes of its image."""

    number: int
    name: str
    boxes: tuple[TxtBox, ...]


def read_txt(
    path: str | Path, img_dir: str | Path, class_names: Sequence[str], left_out: LeftOut | None = None
) -> Annotations:
    """Read and check a text file; images keep the order of the lines, sizes come from the image files.

    Args:
        class_names: class n is class_names[n].
        left_out: takes images and boxes that cannot be used, which are faults without it.

    Raises:
        UserError: there is no such file, or no class names.
        DataError: every fault of the file, with its line number.
    """
    lines = [(number, line) for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
    faults: list[str] = []
    images = list(_parsed(lines, faults, left_out))
    entries = _entries(images, Path(img_dir), class_names, faults, left_out) if class_names else []
    if faults:
        raise DataError(str(path), faults)
    if not class_names:
        raise UserError(
            f"{path}: its lines give classes as numbers; say what they mean with --class_names, the name of class 0 "
            'first. Where numbers count from 1 the list begins with background: --class_names "background,cat,dog"'
        )
    names = foreground(class_names)
    meaning = ", ".join(f"{number} is {name}" for number, name in enumerate(class_names))
    form = f"text, a line per image; of its class numbers {meaning}"
    mark = "1 as the sixth number of a box"
    return Annotations(names, tuple(range(1, len(names) + 1)), tuple(entries), form, mark)


def _parsed(lines: Sequence[tuple[int, str]], faults: list[str], left_out: LeftOut | None) -> Iterator[_Line]:
    """Each line without fault."""
    first_line: dict[str, int] = {}
    for number, line in lines:
        try:
            if left_out is not None:
                line = _without_empty_boxes(line, number, left_out)
            name, boxes = parse_line(line)
            if first_line.setdefault(name, number) != number:
                raise ValueError(f"{name} stands in line {first_line[name]} already; write all its boxes into one line")
            yield _Line(number, name, boxes)
        except DataError as error:
            note_image(left_out, faults, f"line {number}", [f"line {number}: {fault}" for fault in error.faults])
        except ValueError as error:
            note_image(left_out, faults, f"line {number}", [f"line {number}: {error}"])


def parse_line(line: str) -> tuple[str, tuple[TxtBox, ...]]:
    """The image's name and its boxes.

    Raises:
        ValueError: no word with the suffix of an image, or a name outside the image folder.
        DataError: every word that is not a box.
    """
    words = line.split()
    end = next((i for i, word in enumerate(words) if PurePosixPath(word).suffix.lower() in IMAGE_SUFFIXES), None)
    if end is None:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise ValueError(
            f"expected the path of an image ({kinds}) and its boxes, found {line.strip()[:60]!r}; a list of names alone belongs "
            "into ImageSets/Main/ of a Pascal VOC folder"
        )
    name = line.strip().rsplit(maxsplit=len(words) - end - 1)[0]
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name!r} must be a path inside the image folder; write it from that folder on")
    if not name.isprintable():
        raise ValueError(f"{name!r} holds a character that cannot be printed; rename the image")
    boxes, faults = [], []
    for word in words[end + 1 :]:
        try:
            boxes.append(parse_box(word))
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise DataError(name, faults)
    return PurePosixPath(name).as_posix(), tuple(boxes)


def _without_empty_boxes(line: str, number: int, left_out: LeftOut) -> str:
    """A line without its boxes that have no area; what else is wrong stays."""
    kept = []
    for word in line.split(" "):
        corners = word.split(",")[:4]
        if len(corners) == 4 and all(map(_NUMBER.fullmatch, corners)):
            x1, y1, x2, y2 = map(float, corners)
            if x2 <= x1 or y2 <= y1:
                left_out.box(f"line {number}", word)
                continue
        kept.append(word)
    return " ".join(kept)


def parse_box(word: str) -> TxtBox:
    """Parse one box; a ValueError if it is invalid."""
    fields = word.split(",")
    if len(fields) not in (5, 6):
        raise ValueError(f"expected {_EXPECTED} without spaces, found {word[:60]!r}")
    bad = [text for text in fields[:4] if not _NUMBER.fullmatch(text)]
    if bad:
        raise ValueError(f"{word[:60]!r}: expected numbers of pixels, found {bad[0]!r}")
    if not _WHOLE.fullmatch(fields[4]):
        raise ValueError(f"{word[:60]!r}: the class must be a whole number from 0 up, found {fields[4]!r}")
    if len(fields) == 6 and fields[5] not in ("0", "1"):
        raise ValueError(f"{word[:60]!r}: iscrowd must be 0 or 1, found {fields[5]!r}")
    x1, y1, x2, y2 = map(float, fields[:4])
    if x2 <= x1 or y2 <= y1:
        raise ValueError(
            f"{word[:60]!r} has no size; the first four numbers are corners x1,y1,x2,y2 with x2 > x1 and y2 > y1. If they are "
            "x,y,width,height, write x + width and y + height for the last two"
        )
    return TxtBox((x1, y1, x2, y2), int(fields[4]), fields[5:] == ["1"])


def _entries(
    images: Sequence[_Line], img_dir: Path, class_names: Sequence[str], faults: list[str], left_out: LeftOut | None
) -> list[ImageEntry]:
    """The images whose files and boxes are right; faults are appended, or noted in `left_out`."""
    sized, missing = [], []
    for line in images:
        try:
            sized.append((line, image_size(img_dir / line.name)))
        except UserError as error:
            if os.path.lexists(img_dir / line.name) or left_out is not None:
                note_image(left_out, faults, f"line {line.number}", [f"line {line.number}: {error}"])
            else:
                missing.append(line.name)
    lines = {line.name: f"line {line.number}: " for line in images}
    faults += missing_faults(missing, len(images), img_dir, lines, taken=lines)
    boxes = [(box.corners, size) for line, size in sized for box in line.boxes]
    corners = [box for box, _ in boxes]
    common = all_fractions(corners, "x1,y1,x2,y2", "x1 and x2, y1 and y2") or all_outside(
        corners, [s for _, s in boxes]
    )
    if common:
        faults.append(common)
        return []
    entries = []
    for line, size in sized:
        try:
            entries.append(_entry(len(entries) + 1, line, size, class_names))
        except DataError as error:
            note_image(
                left_out, faults, f"line {line.number}", [f"line {line.number}: {fault}" for fault in error.faults]
            )
    return entries


def _entry(image_id: int, line: _Line, size: tuple[int, int], class_names: Sequence[str]) -> ImageEntry:
    width, height = size
    shift = len(class_names) - len(foreground(class_names))  # 1 where the background is in the list
    corners = np.array([box.corners for box in line.boxes], np.float64).reshape(-1, 4)
    inside = np.clip(corners, 0, (width, height, width, height)).astype(np.float32)
    faults = []
    for box, (left, top, right, bottom) in zip(line.boxes, inside, strict=True):
        shown = f"{line.name}: box {','.join(f'{value:g}' for value in box.corners)}"
        if fault := outside_fault(box.corners, size):
            faults.append(f"{shown} {fault}")
        elif right <= left or bottom <= top:
            faults.append(f"{shown} has no size in its image of {width} x {height} pixels; draw it anew")
        if not shift <= box.place < len(class_names):
            faults.append(f"{shown}: class {box.place} {_no_class(class_names, shift)}")
    if faults:
        raise DataError(line.name, faults)
    return ImageEntry(
        image_id=image_id,
        file_name=line.name,
        width=width,
        height=height,
        labelled=True,
        boxes=inside,
        labels=np.array([box.place + 1 - shift for box in line.boxes], np.int32),
        crowd=np.array([box.crowd for box in line.boxes], bool),
    )


def _no_class(class_names: Sequence[str], shift: int) -> str:
    last = len(class_names) - 1
    listed = f"is none of --class_names: {shift} is {class_names[shift] if shift <= last else 'missing'}"
    listed += f", {last} is {class_names[last]}"
    if shift:
        return f"{listed}, 0 the background; if your numbers count from 0, leave background out of the list"
    return f"{listed}; if your numbers count from 1, put background before the first name"
