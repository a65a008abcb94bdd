"""Numbers behind a box or an outline in label files of YOLO: confidences and tracking ids.

A tracker writes `class xc yc w h confidence id`, which has as many numbers as a triangle. Coordinates are shares of the image, and
those of objects that reach out of it may be a little above 1: an id above 2 is none of them, ids up to 2 may be. Which it is, is
decided by all lines together.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from src.data.formats.tools.annotated import Shape
from src.data.formats.tools.yolo_keypoints import Unstated, reads_as_box, unstated_keypoints

NO_COORDINATE = "is no coordinate, but perhaps a tracking id"
_BOX_AND_TWO = 6  # numbers of a box, a confidence and an id, and of a triangle
_FEW = 10  # fewer triangles may all have a corner at the border of the image, and read as boxes, by chance
_REMEDY = "take what follows the box or the outline out of the lines"


def unstated_numbers(shapes: Iterable[Shape], path: Path) -> Unstated | None:
    """Whether what was read as outlines has other numbers than coordinates: keypoints, confidences, tracking ids; None: it has not.

    Args:
        shapes: all objects of the data set. path: the file of the names.
    """
    shapes = list(shapes)
    keypoints = unstated_keypoints(shapes, path)
    if keypoints and keypoints.certain:
        return keypoints
    return _tracking_ids([shape.polygons[0] for shape in shapes if shape.polygons]) or keypoints


def _tracking_ids(lines: Sequence[Sequence[float]]) -> Unstated | None:
    """Whether outlines are boxes with a confidence and an id, or have both behind their last point."""
    if not lines:
        return None
    boxes = all(len(line) == _BOX_AND_TWO and reads_as_box(line) and 0 <= min(line[4:]) for line in lines)
    columns = (-1, 4) if boxes else (-1,)
    ids = [values for column in columns if _whole(values := [line[column] for line in lines])]
    example = f"such as {' '.join(f'{number:g}' for number in lines[0])}"
    if boxes and ids and (max(map(max, ids)) > 1 or len(lines) >= _FEW):
        sentence = (
            f"{len(lines)} lines are boxes with a confidence and a tracking id, not triangles, {example}; {_REMEDY}"
        )
        return Unstated(sentence, True)
    if boxes and (ids or len(lines) > 1):
        what = "a box with two more numbers, such as a confidence and a tracking id"
        return Unstated(
            f"{len(lines)} lines are read as triangles and could be of {what}, {example}; if they are, {_REMEDY}", False
        )
    if len(lines) > 1 and ids and all(0 < line[-2] < 1 for line in lines):
        what = "end with a confidence and a tracking id in place of a point"
        return Unstated(f"{len(lines)} outlines could {what}, {example}; if they do, {_REMEDY}", False)
    return None


def extra_hint(numbers: Sequence[float]) -> str:
    """What the last of an odd number of values may be, as the end of a message."""
    inside = len(numbers) > _BOX_AND_TWO and min(numbers[:-1]) >= -1 and max(numbers[:-1]) <= 2
    return "; is the last one a confidence or a tracking id? Take it out" if inside else ""


def tracking_id(numbers: Sequence[float]) -> float | None:
    """A number behind a box or an outline that is an id: an integer above 2 behind plausible coordinates; None: there is none."""
    if len(numbers) == _BOX_AND_TWO and reads_as_box(numbers):
        return next((number for number in numbers[4:] if number > 2 and number.is_integer()), None)
    inside = min(numbers[:-1]) >= -1 and max(numbers[:-1]) <= 2
    return numbers[-1] if inside and numbers[-1] > 2 and numbers[-1].is_integer() else None


def _whole(values: Sequence[float]) -> bool:
    return all(value.is_integer() for value in values)
