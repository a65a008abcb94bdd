"""What the labellers say about each image: one answer, in one of four states, from any number of exports.

| state | becomes |
|---|---|
| labelled; reviewed and empty | a label |
| skipped; not done | nothing: the image stays unlabelled |

A form without a mark for reviewed images leaves this open; then boxes that differ from the pre-labels count as labelled. An image
that came back as it was sent, or without boxes, counts as not done, unless the user says that all were reviewed: tools that take
pre-labels as predictions give an image that nobody has opened without boxes.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from src.data.checks.box_faults import OUTSIDE_TOLERANCE
from src.data.checks.row_marks import mark_doubts
from src.data.classes import renamed_classes, unknown_classes
from src.data.formats.outlines import as_outline, outline_fault
from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape, clipped, in_pixels, inside, reach
from src.data.formats.tools.image_names import (
    AmbiguousName,
    ImageNames,
    UnknownName,
    augmented,
    roboflow_originals,
)
from src.data.images import LARGEST_SIDE
from src.errors import DataError, UserError
from src.labelling.difference import is_untouched
from src.labelling.moments import moment
from src.labelling.returned import Export
from src.labelling.task import Manifest
from src.wording import counted

_UNLABELLED = "image left unlabelled: "
_SAME_FORM = 0.02  # by which the ratio of width to height may differ when a tool has shown a smaller picture
_LEAST_INSIDE = 0.5  # share of its area by which a box must lie inside its image; a hand that slips over the border draws less outside
_CLIPPED = "boxes that reached over the border of their image and were clipped to it: {}"

_TINY = "boxes smaller than a pixel, perhaps shares of 0 to 1 where the form has percent or pixels: {}"
_NO_TIME = "annotations whose time cannot be read, of which the later one in the files counts as the newer: {}"


class State(Enum):
    """Of an image that was sent."""

    LABELLED = "labelled"
    EMPTY = "reviewed and empty"
    SKIPPED = "skipped"
    NOT_DONE = "not done"
    UNCLEAR = "came back as sent or without boxes"  # counts as not done


_KNOWN = (State.LABELLED, State.EMPTY)


@dataclass(frozen=True)
class Answer:
    """What is known of one image: its state, objects in pixels inside the image, who said it and in how many seconds."""

    state: State
    shapes: tuple[Shape, ...] = ()
    seconds: float | None = None
    annotator: str | None = None
    when: str | None = None
    place: str = ""

    @property
    def is_label(self) -> bool:
        """Whether it becomes a label."""
        return self.state in _KNOWN


@dataclass(frozen=True)
class NotUsed:
    """Something in an export that does not become a label, with the reason."""

    file_name: str
    place: str
    reason: str


@dataclass(frozen=True)
class Answers:
    """One answer per image that was spoken of, everything that could not be used, and sentences for the user."""

    by_image: dict[str, Answer]
    not_used: list[NotUsed]
    notes: list[str]


@dataclass(frozen=True)
class Asked:
    """What the exports are read against.

    Attributes:
        names: finds the images; sizes: image -> (width, height) in pixels; classes: names of the known classes.
        manifest: what was sent; None: unknown.
        all_reviewed: the user states that every image in the exports was reviewed.
        annotator: whose annotation to take where there are several; None: the newest.
        known: finds the images of the annotation file, sent or not; None: only those that were sent are known.
        labelled: images that the annotation file has labels of.
    """

    names: ImageNames
    sizes: Mapping[str, tuple[int, int]]
    classes: Sequence[str]
    manifest: Manifest | None = None
    all_reviewed: bool = False
    annotator: str | None = None
    known: ImageNames | None = None
    labelled: Collection[str] = ()


def collect(exports: Sequence[Export], asked: Asked) -> Answers:
    """One answer per image.

    Raises:
        DataError: names that may be any of several images. UserError: nothing is of the wanted annotator, or no class is a known one.
    """
    _check_classes(exports, asked.classes)
    sent = {task.file_name: task.image.shapes for task in asked.manifest.tasks} if asked.manifest else None
    candidates: dict[str, list[Answer]] = defaultdict(list)
    not_used, notes, ambiguous, counts, marks = [], [], [], Counter(), []
    by_end: dict[str, str] = {}
    for export in exports:
        not_used += [NotUsed("", export.path, reason) for reason in export.unread]
        notes += export.doubts
        found, exact = [], set()
        for image in export.images:
            try:
                key, end = _key_of(image, asked.names)
            except AmbiguousName as error:
                ambiguous.append(f"{image.place}: {error}")
                continue
            except UnknownName as error:
                not_used.append(NotUsed(image.key or image.name, image.place, _why_unknown(image, asked, error)))
                continue
            found.append((image, key, end))
            if end is None:
                exact.add(key)
        versions = Counter(key for _, key, end in found if end and roboflow_originals(end))
        for image, key, end in found:
            if end is not None and versions[key] > 1:
                not_used.append(NotUsed(key, image.place, augmented(versions[key])))
                continue
            if end is not None and key in exact:
                not_used.append(NotUsed(end, image.place, f"is none of the images: {key} has labels of its own here"))
                continue
            if end is not None:
                by_end[end] = key
            marks += [(key, mark) for shape in image.shapes for mark in shape.marks]
            answer, left_out = _answer(image, key, asked, sent, counts)
            not_used += [NotUsed(key, image.place, reason) for reason in left_out]
            candidates[key].append(answer)
    if ambiguous:
        raise DataError(
            "names of images that the labelling tool has cut off; give only exports with whole names", ambiguous
        )
    _check_annotator(asked.annotator, candidates)
    by_image = {key: _choose(key, answers, asked, not_used, counts) for key, answers in candidates.items()}
    not_used = [
        _of_this_one(row) if row.file_name in by_image and by_image[row.file_name].is_label else row for row in not_used
    ]
    if by_end:
        name, key = next(iter(by_end.items()))
        notes.append(
            f"{counted(len(by_end), 'image', 'were')} matched by the only name that ends alike, such as {name}: {key}"
        )
    notes += [sentence.format(count) for sentence, count in counts.items() if count]
    notes += mark_doubts(marks, "take them out")
    return Answers(by_image, not_used, notes)


def _of_this_one(row: NotUsed) -> NotUsed:
    """What is not used of an image that another annotation labels."""
    if not row.reason.startswith(_UNLABELLED):
        return row
    return replace(
        row, reason=f"this annotation is not used, another one of the image is: {row.reason.removeprefix(_UNLABELLED)}"
    )


def _check_classes(exports: Sequence[Export], classes: Sequence[str]) -> None:
    """Raise a UserError if all classes of several images have other names: that is one fault, not one of each image."""
    labels = [{shape.label for shape in image.shapes} for export in exports for image in export.images]
    found = sorted(set().union(*labels))
    if sum(map(bool, labels)) < 2 or set(found) & set(classes):
        return
    meant = renamed_classes(found, classes)
    names = ", ".join(f"{name} to {known}" for name, known in meant.items()) if meant else "them"
    remedy = f"rename {names} in the labelling tool and export again, or in the exported files"
    raise UserError(
        f"{', '.join(dict.fromkeys(export.path for export in exports))}: the classes are {', '.join(found)}, and none of them is one of "
        f"{', '.join(classes)}; {remedy}"
    )


def _check_annotator(wanted: str | None, candidates: Mapping[str, Sequence[Answer]]) -> None:
    """Raise a UserError if nothing is by the ``wanted`` annotator."""
    known = {answer.annotator for answers in candidates.values() for answer in answers if answer.annotator}
    if wanted is None or wanted in known or not candidates:
        return
    there = f"there are those of {', '.join(sorted(known))}" if known else "they do not say who has labelled"
    raise UserError(f"--annotator {wanted}: these labels have no annotation of theirs; {there}")


def _key_of(image: AnnotatedImage, names: ImageNames) -> tuple[str, str | None]:
    """Our name of the image, and the name in the tool if only its end was found."""
    if image.key is not None:
        return names.find_key(image.key), None
    found = names.find(image.name, image.has_suffix)
    return found.key, found.by_end or None


def _why_unknown(image: AnnotatedImage, asked: Asked, error: UnknownName) -> str:
    """Why an image is not found, and what to do about it."""
    if asked.manifest is None or asked.known is None:
        return str(error)
    try:
        key, _ = _key_of(image, asked.known)
    except (UnknownName, AmbiguousName):
        return f"{error} that were sent; if it was renamed, give it the name in order.csv of the tasks again"
    if key in asked.labelled:
        return "an image that was not sent with these tasks and is labelled already"
    return "an image of the annotation file that was not sent with these tasks; a second command without --tasks takes its labels"


def _answer(
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
    left_out += [f"{_UNLABELLED}{reason}" for reason in blocked]
    if blocked:
        return Answer(State.NOT_DONE, **origin), left_out
    if image.mark is Mark.UNTICKED and not asked.all_reviewed and shapes:
        changed = sent is None or not is_untouched(sent.get(key, ()), shapes)
        counts["images that were changed but not marked as reviewed, which count as labelled: {}"] += changed
    state = _state(image.mark, tuple(shapes), None if sent is None else sent.get(key, ()), asked.all_reviewed)
    if left_out and state is State.EMPTY and (image.shapes or image.drawn_unused):  # what is left out was an object
        left_out.append(f"{_UNLABELLED}nothing of what was drawn can be used")
        return Answer(State.NOT_DONE, **origin), left_out
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


def _choose(key: str, answers: list[Answer], asked: Asked, not_used: list[NotUsed], counts: Counter) -> Answer:
    """The one answer of an image: a label before none, the wanted annotator's before others', then the newest."""
    labels = [answer for answer in answers if answer.is_label]
    if not labels:
        order = (State.SKIPPED, State.UNCLEAR, State.NOT_DONE)
        return min(answers, key=lambda answer: order.index(answer.state))
    wanted = [answer for answer in labels if asked.annotator and answer.annotator == asked.annotator] or labels
    chosen = _newest(wanted, counts)
    if asked.annotator and chosen.annotator != asked.annotator:
        counts["images without an annotation of --annotator, of which that of another one is taken: {}"] += 1
    others = [answer for answer in labels if answer is not chosen and not is_untouched(answer.shapes, chosen.shapes)]
    if others:
        counts["images with several annotations that differ, of which the newest is taken: {}"] += 1
        reason = "another annotation of this image is taken" + (f", {chosen.place}" if chosen.place else "")
        not_used += [NotUsed(key, answer.place, reason) for answer in others]
    return chosen


def _newest(answers: Sequence[Answer], counts: Counter) -> Answer:
    """The newest of several answers; of equal or unknown times the later one in the files."""
    moments = [None if answer.when is None else moment(answer.when) for answer in answers]
    newest = 0
    for place in range(1, len(answers)):
        if not (moments[place] and moments[newest] and moments[place] < moments[newest]):
            newest = place
    if len(answers) > 1:
        counts[_NO_TIME] += sum(not found and bool(answer.when) for answer, found in zip(answers, moments, strict=True))
    return answers[newest]
