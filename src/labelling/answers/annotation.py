"""The answer of one annotation of an image: its state, and its objects in pixels, as far as they can be used."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from src.data.checks.box_faults import OUTSIDE_TOLERANCE
from src.data.classes import unknown_classes
from src.data.formats.outlines import as_outline, outline_fault
from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape, clipped, in_pixels, inside, reach
from src.data.images import LARGEST_SIDE
from src.labelling.answers.answer import LEFT_UNLABELLED, Answer, Asked, State
from src.labelling.difference import is_untouched

_SAME_FORM = 0.02  # by which the ratio of width to height may differ when a tool has shown a smaller picture
_LEAST_INSIDE = 0.5  # share of its area by which a box must lie inside its image; a hand that slips over the border draws less outside
_CLIPPED = "boxes that reached over the border of their image and were clipped to it: {}"
_TINY = "boxes smaller than a pixel, perhaps shares of 0 to 1 where the form has percent or pixels: {}"


def answer_of(
    image: AnnotatedImage, key: str, asked: Asked, sent: Mapping[str, Sequence[Shape]] | None, counts: Counter
) -> tuple[Answer, list[str]]:
    """The answer of one annotation, and what of it cannot be used."""
    origin = {"seconds": image.seconds, "annotator": image.annotator, "when": image.when, "place": image.place}
    size = asked.sizes[key]
    blocked = [*image.blocked, *_size_faults(image, size)]
    unknown = Counter(shape.label for shape in image.shapes if shape.label not in asked.classes)
    blocked += unknown_classes(sorted(unknown.items()), list(asked.classes))
    left_out = list(image.unused)
    shapes = []
    for shape in in_pixels(image, size) if not blocked else ():
        if not all(map(math.isfinite, shape.box)):
            blocked.append(f"{shape.label}: its coordinates are beyond all images; draw it anew")
            continue
        if min(shape.box[2] - shape.box[0], shape.box[3] - shape.box[1]) <= 0:
            left_out.append(f"{_shown(shape)} has no area; left out")
            continue
        if fault := _place_fault(shape, size):
            blocked.append(f"{_shown(shape)} {fault}")
            continue
        within = clipped(shape, size)
        counts[_CLIPPED] += not shape.rotated and reach(shape, size) > OUTSIDE_TOLERANCE
        counts[_TINY] += max(shape.box[2] - shape.box[0], shape.box[3] - shape.box[1]) < 1
        outline = None if within.segmentation is None else as_outline(within.segmentation)
        if outline is not None and (fault := outline_fault(outline, within.box, size)):
            blocked.append(f"{within.label}: {fault}")
        shapes.append(within)
        counts["rotated boxes and ellipses that became the upright boxes around them: {}"] += shape.rotated
    left_out += [f"{LEFT_UNLABELLED}{reason}" for reason in blocked]
    if blocked:
        return Answer(State.UNUSABLE, **origin), left_out
    if image.mark is Mark.UNTICKED and not asked.all_reviewed and shapes:
        changed = sent is None or not is_untouched(sent.get(key, ()), shapes)
        counts["images that were changed but not marked as reviewed, which count as labelled: {}"] += changed
    state = _state(image.mark, tuple(shapes), None if sent is None else sent.get(key, ()), asked.all_reviewed)
    if left_out and state is State.EMPTY and (image.shapes or image.drawn_unused):  # what is left out was an object
        left_out.append(f"{LEFT_UNLABELLED}nothing of what was drawn can be used")
        return Answer(State.UNUSABLE, **origin), left_out
    return Answer(state, tuple(shapes), **origin), left_out


def _state(mark: Mark, shapes: Sequence[Shape], sent: Sequence[Shape] | None, all_reviewed: bool) -> State:
    known = State.LABELLED if shapes else State.EMPTY
    if mark is Mark.DONE:
        return known
    if mark is Mark.SKIPPED:
        return State.SKIPPED
    if mark is Mark.NOT_DONE:
        return State.NOT_DONE
    if all_reviewed:
        return known
    if not shapes or is_untouched(sent or (), shapes):
        return State.UNCLEAR
    return known


def _size_faults(image: AnnotatedImage, size: tuple[int, int]) -> list[str]:
    """Why the objects may lie elsewhere in our image than in the tool's."""
    if not image.shapes or image.size in (None, size):
        return []
    possible = max(image.size) <= LARGEST_SIDE  # a file may state any number
    alike = possible and abs(image.size[0] * size[1] / (image.size[1] * size[0]) - 1) <= _SAME_FORM
    if image.relative and alike and not any(shape.rle for shape in image.shapes):
        return []
    turned = "; one of the two ignores the EXIF orientation" if image.size == size[::-1] else ""
    there, here = (f"{width} x {height}" for width, height in (image.size, size))
    return [
        f"it was drawn on a picture of {there} pixels, the image has {here}{turned}; label the image itself, and export it without resizing"
    ]


def _shown(shape: Shape) -> str:
    return f"{shape.label} ({', '.join(f'{value:g}' for value in shape.box)})"


def _place_fault(shape: Shape, size: tuple[int, int]) -> str | None:
    """Why a box cannot belong to its image: it lies outside, or reaches so far that it was drawn on another picture.

    People draw over the border by mistake, so what reaches over it less is clipped, unlike in data that programs wrote
    (``outside_fault``). The upright box around a rotated one may reach farther than the object.
    """
    (x1, y1, x2, y2), box = inside(shape, size), shape.box
    share = max(x2 - x1, 0) / (box[2] - box[0]) * max(y2 - y1, 0) / (box[3] - box[1])
    few_pixels = share > 0 and reach(shape, size) <= OUTSIDE_TOLERANCE
    if few_pixels or share >= _LEAST_INSIDE or share > 0 and shape.rotated:
        return None
    where = "outside" if share == 0 else f"to {100 * (1 - share):.0f} % outside"
    return (
        f"lies {where} its image of {size[0]} x {size[1]} pixels; was it drawn on another image, or on this one in another size? "
        "Draw it anew, or delete it"
    )
