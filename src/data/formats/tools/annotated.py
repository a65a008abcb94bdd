"""One image as a labelling tool writes it: its name there, and the objects in it; the same for every tool.

Coordinates are pixels of the image as it is shown, or shares of its width and height (0 to 1), which become pixels as soon
as the size is known (``in_pixels``).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from src.data.checks.box_faults import OUTSIDE_TOLERANCE
from src.data.checks.row_marks import RowMark, finite_number

Box = tuple[float, float, float, float]  # x1, y1, x2, y2


class Mark(Enum):
    """What the file says about the work on an image. Most forms say nothing (UNKNOWN).

    UNTICKED: it has a mark for reviewed images, and this image has none.
    """

    DONE = "done"
    SKIPPED = "skipped"
    NOT_DONE = "not done"
    UNTICKED = "not ticked as reviewed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Shape:
    """One object.

    Attributes:
        label: name of its class.
        box: upright, around the object.
        polygons: outline [[x1, y1, x2, y2, ...], ...]; None where there is only a box.
        rle: outline as COCO's run-length encoding of the whole image {"size": [height, width], "counts": ...}, or None.
        rotated: the tool has a rotated box, of which ``box`` is the upright one around.
        crowd: stands for a group; neither object nor background.
        score: of a detection, 0 to 1; None for what a human drew.
        marks: fields of the tool that change what the object means and are not used.
    """

    label: str
    box: Box
    polygons: tuple[tuple[float, ...], ...] | None = None
    rle: dict[str, Any] | None = None
    rotated: bool = False
    crowd: bool = False
    score: float | None = None
    marks: tuple[RowMark, ...] = ()

    @property
    def segmentation(self) -> Any:
        """The outline in COCO's form; None where there is only a box."""
        return self.rle if self.polygons is None else [list(polygon) for polygon in self.polygons]


@dataclass(frozen=True)
class AnnotatedImage:
    """What one file, or one entry of a file, says of one image.

    Attributes:
        name: as the tool calls it, with forward slashes; without the suffix if not ``has_suffix``.
        shapes: the objects.
        size: (width, height) in pixels as the tool knows them; None where it does not say.
        relative: coordinates are shares of width and height.
        mark: what the file says about the work on it.
        key: our own name of the image, which some tools carry along; None where they do not.
        place: where it stands, for messages.
        unused: what stands there and is no object that can be used, each with its reason.
        drawn_unused: some of this was drawn, so without ``shapes`` the image is not empty.
        blocked: reasons why the image cannot be used at all.
        seconds: time that a human has spent on it; annotator: who; when: as the tool spells the time; each None if unknown.
        has_suffix: the name ends with the suffix of the image file.
    """

    name: str
    shapes: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    relative: bool = False
    mark: Mark = Mark.UNKNOWN
    key: str | None = None
    place: str = ""
    unused: tuple[str, ...] = ()
    drawn_unused: bool = False
    blocked: tuple[str, ...] = ()
    seconds: float | None = None
    annotator: str | None = None
    when: str | None = None
    has_suffix: bool = True


def in_pixels(image: AnnotatedImage, size: tuple[int, int]) -> tuple[Shape, ...]:
    """The objects in pixels of an image of ``size`` (width, height)."""
    return tuple(scaled(shape, *size) for shape in image.shapes) if image.relative else image.shapes


def scaled(shape: Shape, across: float, down: float) -> Shape:
    """A shape with all x times ``across`` and all y times ``down``; a run-length encoding stays as it is."""
    factors = (across, down)
    box = tuple(value * factors[index % 2] for index, value in enumerate(shape.box))
    polygons = shape.polygons and tuple(
        tuple(value * factors[index % 2] for index, value in enumerate(polygon)) for polygon in shape.polygons
    )
    return replace(shape, box=box, polygons=polygons)


def join_groups(shapes: Iterable[tuple[Shape, Any]]) -> tuple[Shape, ...]:
    """One object of all polygons that a tool has put into one group.

    Args:
        shapes: each with its group; None or 0: it is in no group.
    """
    joined: list[Shape] = []
    place_of: dict[Any, int] = {}
    for shape, group in shapes:
        place = place_of.get((group, shape.label)) if group and shape.polygons else None
        if place is None:
            if group and shape.polygons:
                place_of[group, shape.label] = len(joined)
            joined.append(shape)
            continue
        polygons = (*joined[place].polygons, *shape.polygons)
        joined[place] = replace(
            shape, box=box_around(number for polygon in polygons for number in polygon), polygons=polygons
        )
    return tuple(joined)


def box_around(points: Iterable[float]) -> Box:
    """The upright box around points x1, y1, x2, y2, ..."""
    numbers = list(points)
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def rotated_corners(box: Box, degrees: float, pivot: tuple[float, float]) -> tuple[float, ...]:
    """Corners x1, y1, ... of a box that is turned clockwise, as seen on the screen, about ``pivot``; all in pixels."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x1, y1, x2, y2 = box
    points = []
    for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)):
        across, down = x - pivot[0], y - pivot[1]
        points += [pivot[0] + across * cosine - down * sine, pivot[1] + across * sine + down * cosine]
    return tuple(points)


def numbers_of(values: Sequence[Any], what: str) -> tuple[float, ...]:
    """Finite numbers from what a file holds.

    Raises:
        ValueError: naming the first one that is none.
    """
    found = []
    for value in values:
        number = finite_number(value)
        if number is None:
            raise ValueError(f"{what}: expected a finite number, found {_shown(value)}")
        found.append(number)
    return tuple(found)


def whole_numbers_of(values: Sequence[Any], what: str) -> tuple[int, ...]:
    """As ``numbers_of``, without fractions."""
    found = numbers_of(values, what)
    for value, number in zip(values, found, strict=True):
        if not number.is_integer():
            raise ValueError(f"{what}: expected a whole number, found {_shown(value)}")
    return tuple(map(int, found))


def _shown(value: Any) -> str:
    try:
        return repr(str(value)[:40])
    except ValueError:  # more digits than Python spells
        return "a number of thousands of digits"


def inside(shape: Shape, size: tuple[int, int]) -> Box:
    """The part of a box in its image; of no area where they do not meet."""
    x1, y1, x2, y2 = shape.box
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))


def reach(shape: Shape, size: tuple[int, int]) -> float:
    """By how many pixels a box reaches over the border of its image at most; negative inside."""
    x1, y1, x2, y2 = shape.box
    return max(-x1, -y1, x2 - size[0], y2 - size[1])


def clipped(shape: Shape, size: tuple[int, int]) -> Shape:
    """The object as far as it lies in its image."""
    if reach(shape, size) > OUTSIDE_TOLERANCE and shape.polygons:  # no outline may reach far outside
        polygons = tuple(
            tuple(min(max(value, 0.0), float(size[place % 2])) for place, value in enumerate(polygon))
            for polygon in shape.polygons
        )
        shape = replace(shape, polygons=polygons)
    return replace(shape, box=inside(shape, size))
