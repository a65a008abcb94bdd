"""Ultralytics YOLO and Darknet: a text file per image, names of classes in data.yaml, obj.names or classes.txt.

A line is `class xc yc w h`, with a sixth number the confidence, or `class x1 y1 x2 y2 x3 y3 ...`, a polygon; all but the class
are shares of the image's width and height. The class is a place in the list of names, from 0. A label file lies where its
image does, with the last folder called images replaced by labels, or beside it. An empty or a missing one is background.
"""

from pathlib import Path

from src.data.checks.row_marks import marks_of
from src.data.formats.tools.annotated import Shape, box_around, numbers_of
from src.errors import DataError, UserError
from src.files import read_regular_text
from src.yaml_file import read_yaml

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "obj.names", "classes.txt")
_LISTS = ("train.txt", "valid.txt", "val.txt", "test.txt", "README.txt", "README.roboflow.txt", "README.dataset.txt")


def names_file(folder: Path) -> Path | None:
    """The file of a data set folder that names the classes; None: it is no such folder."""
    return next((folder / name for name in NAME_FILES if (folder / name).is_file()), None)


def read_names(path: Path) -> list[str]:
    """The classes in the order of their numbers.

    Raises:
        UserError: the file cannot be read. DataError: it has no names, or numbers are missing.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        names = read_yaml(path).get("names")
        if isinstance(names, dict):
            wanted = list(range(len(names)))
            if set(names) != set(wanted):
                raise DataError(str(path), [f'"names" must number the classes {wanted}, found {list(names)}'])
            names = [names[number] for number in wanted]
    else:
        try:
            names = [line.strip() for line in read_regular_text(path).split("\n") if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str | int | float) for name in names):
        raise DataError(str(path), ['"names" must list the classes, each a text'])
    return [str(name) for name in names]


def read_labels(path: Path, names: list[str]) -> tuple[Shape, ...]:
    """The objects of one label file; coordinates are shares of the image.

    Raises:
        DataError: every line that is no object.
    """
    try:
        lines = read_regular_text(path).split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), [f"cannot be read: {error}"]) from None
    shapes, faults = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            shapes.append(parse_line(line, names))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise DataError(str(path), faults)
    return tuple(shapes)


def parse_line(line: str, names: list[str]) -> Shape:
    """One object; a ValueError says what is wrong with the line."""
    words = line.split()
    if not words[0].isdecimal():
        raise ValueError(f"the class must be a whole number from 0 up, found {words[0]!r}")
    place, numbers = int(words[0]), numbers_of(words[1:], "coordinates")
    if place >= len(names):
        raise ValueError(f"class {place} is none of the {len(names)} names: {', '.join(names)}")
    if len(numbers) in (4, 5):
        x, y, width, height = numbers[:4]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        polygons, score = None, numbers[4] if len(numbers) == 5 else None
    elif len(numbers) >= 6 and len(numbers) % 2 == 0:
        box, polygons, score = box_around(numbers), (numbers,), None
    else:
        raise ValueError(f"expected `class xc yc w h` or `class x1 y1 x2 y2 x3 y3 ...`, found {len(words)} numbers")
    if min(numbers) < -1 or max(numbers) > 2:
        raise ValueError(
            f"{max(numbers, key=abs):g} is no share of an image (0 to 1); divide pixels by its width or height"
        )
    marks = marks_of({"confidence": score})
    return Shape(names[place], box, polygons, score=score, marks=marks)


def label_files(root: Path) -> list[str]:
    """Names of the label files under a folder, relative to it, sorted.

    Left out are classes.txt, lists and notes at the top of the data set, and hidden files.
    """
    found = (path.relative_to(root) for path in root.rglob("*.txt") if path.name != "classes.txt")
    chosen = (path for path in found if len(path.parts) > 1 or path.name not in _LISTS)
    return sorted(path.as_posix() for path in chosen if not any(part.startswith(".") for part in path.parts))


def labels_of(image: Path, labels: Path | None, relative: str) -> Path | None:
    """The label file of an image; None where there is none.

    Args:
        image: its absolute path; labels: a folder of label files, or None; relative: the image's name in its own folder.
    """
    places = [labels / relative] if labels else []
    parts = list(image.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("images")
        places.append(Path(*parts[:last], "labels", *parts[last + 1 :]))
    places.append(image)
    return next((file for place in places if (file := place.with_suffix(".txt")).is_file()), None)
