"""Which of our images the annotated images of an export are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from src.data.formats.tools.annotated import AnnotatedImage
from src.data.formats.tools.image_names import (
    AmbiguousName,
    ImageNames,
    UnknownName,
    augmented,
    roboflow_originals,
)
from src.errors import DataError
from src.labelling.answers.answer import Asked, NotUsed
from src.labelling.returned import Export


@dataclass
class Matches:
    """The images that were found, in the order of the exports.

    Attributes:
        found: (annotated image, our name); not_used: those that are none of ours.
        by_end: name in the tool -> our name, where only the end of the name was found.
    """

    found: list[tuple[AnnotatedImage, str]] = field(default_factory=list)
    not_used: list[NotUsed] = field(default_factory=list)
    by_end: dict[str, str] = field(default_factory=dict)


def match(exports: Sequence[Export], asked: Asked) -> Matches:
    """Find the images of all exports.

    Raises:
        DataError: names that may be any of several images.
    """
    matches, ambiguous = Matches(), []
    for export in exports:
        _match_one(export, asked, matches, ambiguous)
    if ambiguous:
        raise DataError(
            "names of images that the labelling tool has cut off; give only exports with whole names", ambiguous
        )
    return matches


def _match_one(export: Export, asked: Asked, matches: Matches, ambiguous: list[str]) -> None:
    """Add the images of one export; a name of which only the end is known stands back behind a whole one."""
    found = []
    for image in export.images:
        try:
            found.append((image, *_key_of(image, asked.names)))
        except AmbiguousName as error:
            ambiguous.append(f"{image.place}: {error}")
        except UnknownName as error:
            matches.not_used.append(NotUsed(image.key or image.name, image.place, _why_unknown(image, asked, error)))
    exact = {key for _, key, end in found if end is None}
    versions = Counter(key for _, key, end in found if end and roboflow_originals(end))
    for image, key, end in found:
        if end is not None and versions[key] > 1:
            matches.not_used.append(NotUsed(key, image.place, augmented(versions[key])))
        elif end is not None and key in exact:
            reason = f"is none of the images: {key} has labels of its own here"
            matches.not_used.append(NotUsed(end, image.place, reason))
        else:
            matches.found.append((image, key))
            if end is not None:
                matches.by_end[end] = key


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
