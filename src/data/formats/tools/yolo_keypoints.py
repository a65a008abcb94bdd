"""Keypoints in label files of YOLO where data.yaml does not say with "kpt_shape" that there are any.

A line of keypoints is `class xc yc w h x1 y1 x2 y2 ...` or, with three numbers each, `class xc yc w h x1 y1 v1 x2 y2 v2 ...`; many
of both have as many numbers as an outline, which would be drawn through the centre and the size of the box.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.data.formats.tools.annotated import Shape
from src.wording import counted

_VISIBILITIES = (0.0, 1.0, 2.0)  # third number of a keypoint: not labelled, hidden, visible
_FEW_VISIBILITIES = 4  # fewer of them may be corners of an outline at the border of the image
_FEW_LINES = 10  # fewer outlines may lie like two keypoints in a box by chance
_SLACK = 0.01  # share of the image by which a keypoint may lie outside its box


@dataclass(frozen=True)
class Unstated:
    """Lines that read as another thing than the names say, such as a box with keypoints: a sentence, and whether nothing else can be meant."""

    sentence: str
    certain: bool


def unstated_keypoints(shapes: Iterable[Shape], path: Path) -> Unstated | None:
    """Whether what was read as outlines is boxes with keypoints; None: it is not.

    Lines of keypoints are all of one length, and none is of a box alone. With three numbers per keypoint every third says whether
    it is visible, which no outline does; with two all keypoints lie in their box, as those of a few outlines do, too.

    Args:
        shapes: all objects of the data set, read with ``keypoints=0``. path: the file of the names.
    """
    lines = [shape.polygons and shape.polygons[0] for shape in shapes]
    if not lines or None in lines or len({len(line) for line in lines}) > 1:
        return None
    count, per = len(lines[0]) - 4, 0
    marks = [mark for line in lines for mark in line[6::3]]
    if count % 3 == 0 and all(_is_box_with(line, 3) for line in lines):
        per = 3 if len(marks) >= _FEW_VISIBILITIES or 2.0 in marks else 0
    elif count % 2 == 0 and len(lines) >= _FEW_LINES and all(_is_box_with(line, 2) for line in lines):
        per = 2
    if not per:
        return None
    layout = f"{counted(count // per, 'keypoint')} of {per} numbers"
    remedy = f'write "kpt_shape: [{count // per}, {per}]" into {_yaml_beside(path)}, and the boxes are read'
    if per == 3:
        return Unstated(f"the lines are of a box and {layout}, not outlines; {remedy}", True)
    sentence = (
        f"all {len(lines)} lines are read as outlines, and could be of a box and {layout}, too; if they are, {remedy}"
    )
    return Unstated(sentence, False)


def keypoints_hint(numbers: Sequence[float]) -> str:
    """What a line may be whose numbers are neither a box nor an outline, as the end of a message; empty: not that."""
    count = (len(numbers) - 4) // 3
    if count < 1 or len(numbers) != 4 + 3 * count or any(mark not in _VISIBILITIES for mark in numbers[6::3]):
        return ""
    return f'; of a box and {counted(count, "keypoint")}? Then write "kpt_shape: [{count}, 3]" into data.yaml'


def _yaml_beside(path: Path) -> str:
    """Where to state more than the names of the classes."""
    return (
        path.name
        if path.suffix.lower() in (".yaml", ".yml")
        else f"a data.yaml that names the classes in place of {path.name}"
    )


def reads_as_box(line: Sequence[float]) -> bool:
    """Whether the first four numbers of a line are a box in the image, as shares of it."""
    x, y, width, height = line[:4]
    low, high = min(x - width / 2, y - height / 2), max(x + width / 2, y + height / 2)
    return min(width, height) > 0 and low >= -_SLACK and high <= 1 + _SLACK


def _is_box_with(line: Sequence[float], per: int) -> bool:
    """Whether the numbers of an outline read as a box in the image, and keypoints of ``per`` numbers in this box."""
    x, y, width, height = line[:4]
    if not reads_as_box(line):
        return False
    points = [line[place : place + per] for place in range(4, len(line), per)]
    if per == 3 and any(point[2] not in _VISIBILITIES for point in points):
        return False
    labelled = [point for point in points if any(point[:2]) and not (per == 3 and point[2] == 0)]
    return all(
        abs(point[0] - x) <= width / 2 + _SLACK and abs(point[1] - y) <= height / 2 + _SLACK for point in labelled
    )
