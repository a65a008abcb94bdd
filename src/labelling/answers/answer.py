"""What the labellers say about each image: one answer, in one of the states below, from any number of exports.

| state | becomes |
|---|---|
| labelled; reviewed and empty | a label |
| skipped; not done; cannot be used | nothing: the image stays unlabelled |

A form without a mark for reviewed images leaves this open; then boxes that differ from the pre-labels count as labelled. An image
that came back as it was sent, or without boxes, counts as not done, unless the user says that all were reviewed: tools that take
pre-labels as predictions give an image that nobody has opened without boxes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from src.data.formats.tools.annotated import Shape
from src.data.formats.tools.image_names import ImageNames
from src.labelling.task import Manifest

LEFT_UNLABELLED = "image left unlabelled: "  # begins the reason why nothing of an annotation is used


class State(Enum):
    """Of an image that was sent."""

    LABELLED = "labelled"
    EMPTY = "reviewed and empty"
    SKIPPED = "skipped"
    NOT_DONE = "not done"
    UNUSABLE = "cannot be used"  # somebody labelled it, with a class or in a place that is wrong
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
