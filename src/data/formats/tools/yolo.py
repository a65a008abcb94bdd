"""Ultralytics YOLO and Darknet: a text file per image, names of classes in data.yaml, obj.names or classes.txt.

A line is `class xc yc w h`, with a sixth number the confidence, or `class x1 y1 x2 y2 x3 y3 ...`, a polygon; all but the class
are shares of the image's width and height. The class is a place in the list of names, from 0. Where data.yaml has a "kpt_shape",
keypoints follow the box, which alone is read; keypoints without it are not taken for outlines (``yolo_keypoints``). A label file lies where its image does, with the last folder called images replaced
by labels, or beside it. An empty or a missing one is background.
"""

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from unicodedata import normalize

from src.data.checks.row_marks import marks_of
from src.data.formats.tools.annotated import Shape, box_around, numbers_of
from src.data.formats.tools.yolo_extras import NO_COORDINATE, extra_hint, tracking_id
from src.data.formats.tools.yolo_keypoints import keypoints_hint
from src.data.image_listing import files_with_suffix
from src.errors import DataError, Summary
from src.files import read_text
from src.wording import counted
from src.yaml_file import read_yaml

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "obj.names", "classes.txt")
_LISTS = ("train.txt", "valid.txt", "val.txt", "test.txt", "README.txt", "README.roboflow.txt", "README.dataset.txt")
_NO_SHARE = "is no share of an image (0 to 1)"
_NO_SCORE = "the sixth number must be a confidence from 0 to 1"
_NO_LINE = "expected `class xc yc w h`"
_NO_CLASS = "the class must be a whole number from 0 up"
_COMMON = (_NO_SHARE, _NO_SCORE, _NO_LINE, _NO_CLASS, NO_COORDINATE)  # faults that all lines have for one reason
_WHOLE = re.compile(r"[0-9]{1,9}")


class LineFaults(DataError):
    """Faults of the lines of one label file; ``lines`` is how many lines it has."""

    def __init__(self, title: str, faults: Sequence[str], lines: int):
        self.lines = lines
        super().__init__(title, faults)


def names_file(folder: Path) -> Path | None:
    """The file of a data set folder that names the classes, also one that cannot be read; None: it is no such folder."""
    return next((folder / name for name in NAME_FILES if os.path.lexists(folder / name)), None)


def read_names(path: Path) -> list[str]:
    """The classes in the order of their numbers, each as it is written: of YAML, too, no and 010 are names.

    Raises:
        UserError: it is no YAML. DataError: it cannot be read, it has no names, numbers are missing, or two classes have one name.
    """
    names = _names_in_yaml(path) if _is_yaml(path) else _names_in_lines(path)
    twice = [f"{name!r} is the name of {count} classes" for name, count in Counter(names).items() if count > 1]
    if faults := twice + [f"class {place} has no name" for place, name in enumerate(names) if not name.strip()]:
        raise DataError(str(path), [f"{fault}; give each class a name of its own" for fault in faults])
    return names


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def _yaml(path: Path) -> dict:
    try:
        return read_yaml(path, texts=True)
    except FileNotFoundError:
        raise DataError(str(path), ["no such file"]) from None
    except OSError as error:
        raise DataError(str(path), [f"cannot be read: {error.strerror or error}"]) from None


def _names_in_yaml(path: Path) -> list[str]:
    content = _yaml(path)
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, dict):
        wanted = [str(number) for number in range(len(names))]
        if set(names) != set(wanted):
            raise DataError(
                str(path), [f'"names" must number the classes {", ".join(wanted)}, found {", ".join(names)}']
            )
        names = [names[number] for number in wanted]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(str(path), ['"names" must list the classes, each a text'])
    if count and count != str(len(names)):
        raise DataError(str(path), [f'"nc" is {count}, but "names" lists {len(names)} classes; correct one of them'])
    return names


def _names_in_lines(path: Path) -> list[str]:
    names = [line.strip() for line in read_text(path).split("\n")]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(str(path), ["there must be a line with a name for each class, found none"])
    if "" in names:  # readers differ in whether such a line counts
        fault = f"line {names.index('') + 1} is empty, so the numbers of the classes behind it are not known; remove it, or write a name"
        raise DataError(str(path), [fault])
    return names


def keypoint_numbers(path: Path) -> int:
    """How many numbers of keypoints follow the box in each line, by "kpt_shape" in the file of the names; 0: there are none.

    Raises:
        UserError: it is no YAML. DataError: it cannot be read, or "kpt_shape" is no [number of keypoints, 2 or 3].
    """
    shape = _yaml(path).get("kpt_shape") if _is_yaml(path) else None
    if not shape:
        return 0
    if not (isinstance(shape, list) and len(shape) == 2 and all(map(_is_number, shape)) and shape[1] in ("2", "3")):
        raise DataError(str(path), [f'"kpt_shape" must be [number of keypoints, 2 or 3], found {shape}'])
    return int(shape[0]) * int(shape[1])


def _is_number(text: object) -> bool:
    return isinstance(text, str) and _WHOLE.fullmatch(text) is not None


def read_labels(path: Path, names: list[str], keypoints: int = 0) -> tuple[Shape, ...]:
    """The objects of one label file; coordinates are shares of the image. Keypoints are left out.

    Args:
        keypoints: see `keypoint_numbers`.

    Raises:
        LineFaults: every line that is no object. DataError: the file cannot be read.
    """
    shapes, faults = [], []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            shapes.append(parse_line(line, names, keypoints))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise LineFaults(str(path), faults, len(shapes) + len(faults))
    return tuple(shapes)


def merged_line_faults(faults: Sequence[str], lines: int) -> list[str]:
    """Faults of label files, with those of one kind that most of all ``lines`` have in one sentence."""
    left = list(faults)
    for kind in _COMMON:
        alike = [fault for fault in left if kind in fault]
        if len(alike) > 1 and 2 * len(alike) > lines:
            others = [fault for fault in left if kind not in fault]
            left = [Summary(f"{len(alike)} of the {counted(lines, 'line')}, such as {alike[0]}", alike), *others]
    return left


def parse_line(line: str, names: list[str], keypoints: int = 0) -> Shape:
    """One object; a ValueError says what is wrong with the line."""
    words = line.split()
    if not _is_number(words[0]):
        raise ValueError(f"{_NO_CLASS}, found {words[0][:40]!r}")
    place, numbers = int(words[0]), numbers_of(words[1:], "coordinates")
    if place >= len(names):
        raise ValueError(f"class {place} is none of the {len(names)} names: {', '.join(names)}")
    if keypoints:
        if len(numbers) != 4 + keypoints:
            raise ValueError(
                f"expected `class xc yc w h` and {keypoints} numbers of keypoints (kpt_shape), found {len(words)} numbers"
            )
        numbers = numbers[:4]
    if len(numbers) in (4, 5):
        x, y, width, height = numbers[:4]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        polygons, score = None, numbers[4] if len(numbers) == 5 else None
        if score is not None and not 0 <= score <= 1:
            meant = "is it a tracking id? Take it out" if score.is_integer() else "of rotated boxes export the corners"
            raise ValueError(f"{_NO_SCORE}, found {score:g}; {meant}")
    elif len(numbers) >= 6 and len(numbers) % 2 == 0:
        box, polygons, score = box_around(numbers), (numbers,), None
        if (extra := tracking_id(numbers)) is not None:
            raise ValueError(f"{extra:g} behind a box or an outline {NO_COORDINATE}; take it out")
    else:
        raise ValueError(
            f"{_NO_LINE} or `class x1 y1 x2 y2 x3 y3 ...`, found {len(words)} numbers"
            f"{keypoints_hint(numbers) or extra_hint(numbers)}"
        )
    if min(numbers) < -1 or max(numbers) > 2:
        raise ValueError(f"{max(numbers, key=abs):g} {_NO_SHARE}; divide pixels by its width or height")
    marks = marks_of({"confidence": score})
    return Shape(names[place], box, polygons, score=score, marks=marks)


def label_files(root: Path) -> list[str]:
    """Names of the label files under a folder, relative to it, sorted.

    Left out are classes.txt, lists and notes at the top of the data set, and hidden files.
    """
    found = (name for name in files_with_suffix(root, ".txt") if not f"/{name}".endswith("/classes.txt"))
    return [name for name in found if "/" in name or name not in _LISTS]


def labels_of(image: Path, labels: Path | None, relative: str) -> Path | None:
    """The label file of an image, also one that cannot be read, such as a FIFO; None where there is none.

    Args:
        image: its absolute path; labels: a folder of label files, or None; relative: the image's name in its own folder.
    """
    places = [(labels, relative)] if labels else []
    parts = list(image.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("images")
        places.append((Path(*parts[:last], "labels"), "/".join(parts[last + 1 :])))
    places.append((image.parent, image.name))
    for form in (None, "NFC", "NFD"):  # macOS decomposes letters in names of files
        for folder, name in places:
            file = (folder / (normalize(form, name) if form else name)).with_suffix(".txt")
            if os.path.lexists(file):
                return file
    return None


def label_files_without_image(used: Collection[Path]) -> list[Path]:
    """Label files beside the used ones that no image has, sorted."""
    found = {file for folder in {file.parent for file in used} for file in folder.glob("*.txt")}
    return sorted(file for file in found - set(used) if file.name not in ("classes.txt", *_LISTS))
