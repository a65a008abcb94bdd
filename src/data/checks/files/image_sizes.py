"""Images of another size than their annotations say: the likely cause, said once for all images that share it."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.data.images import is_turned
from src.errors import Summary, UserError

Size = tuple[int, int]  # width and height in pixels

_ROUNDING = 2  # pixels by which tools may count another size
_SAME_SHAPE = 0.02  # largest relative difference of width / height
_CORRECT = "correct width and height in the annotation file"


class WrongSize(UserError):
    """The image has another size than its annotations say.

    Args:
        path: the image. stated, real: width and height as the annotations and as the image have it (shown upright).
        fits: whether all boxes lie inside the image nevertheless. source: what states the size.
    """

    def __init__(self, path: Path, stated: Size, real: Size, fits: bool, source: str = "its entry"):
        self.cause, self.remedy = _cause(path, stated, real, fits)
        self.found = f"the image is {real[0]}x{real[1]} (as shown) but {source} says {stated[0]}x{stated[1]}"
        self.path = path
        super().__init__(f"{path}: {self.found}; {self.cause}: {self.remedy}")


def boxes_fit(boxes: np.ndarray, size: Size) -> bool:
    """Whether boxes [N, 4], corners in pixels, lie within an image of ``size``, but for a pixel."""
    return not len(boxes) or bool((np.asarray(boxes)[:, 2:] <= np.array(size) + 1).all())


def merged_messages(errors: Sequence[UserError], count: int) -> list[str]:
    """The messages of errors, with all wrong sizes of one cause merged into one message.

    Args:
        count: number of all images.
    """
    alike = defaultdict(list)
    for error in errors:
        if isinstance(error, WrongSize):
            alike[_key(error)].append(error)
    merged, sentences = set(), []
    for error in errors:
        if not isinstance(error, WrongSize) or len(alike[_key(error)]) == 1:
            sentences.append(str(error))
        elif _key(error) not in merged:
            merged.add(_key(error))
            same = alike[_key(error)]
            sentence = (
                f"{len(same)} of the {count} images: {error.cause}, such as {error.path}: {error.found}; {error.remedy}"
            )
            sentences.append(Summary(sentence, (f"{each.path}: {each.found}" for each in same)))
    return sentences


def _key(error: WrongSize) -> tuple[str, str]:
    return error.cause, error.remedy


def _cause(path: Path, stated: Size, real: Size, fits: bool) -> tuple[str, str]:
    """What is probably wrong, and what helps."""
    if stated == real[::-1] and is_turned(path):
        return (
            "its EXIF data rotate it by 90 degrees, and it is trained on as shown",
            "draw its boxes on the rotated picture, or save it without EXIF data",
        )
    if stated == real[::-1]:
        return "width and height are swapped", _CORRECT if fits else f"{_CORRECT}, and exchange x and y of the boxes"
    if fits and max(abs(stated[0] - real[0]), abs(stated[1] - real[1])) <= _ROUNDING:
        return "the size is wrong by a pixel or two, and all boxes fit into the image", _CORRECT
    if abs(stated[0] * real[1] / (stated[1] * real[0]) - 1) <= _SAME_SHAPE:
        return (
            "the image was probably resized since it was labelled",
            "put the picture of that size there, or multiply width, height and boxes by the factor",
        )
    return "the size or the image is wrong", "correct width, height and boxes, or put the right image there"
