"""The images of a data set and what is known about each.

An image is in one of three states: labelled with boxes; labelled and empty (reviewed, nothing there); unlabelled. A labelled
image may join the unlabelled stream as well (policy 2 of random_select.py and pick_select.py).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from src.data.checks.left_out import LeftOut, note_image
from src.data.formats.outlines import Outline
from src.data.image_listing import check_is_folder, list_images
from src.data.images import image_size
from src.errors import DataError, UserError
from src.wording import counted

COCO_FORM = "COCO JSON"


@dataclass(frozen=True, eq=False)
class ImageEntry:
    """One image.

    Attributes:
        image_id: its id in the annotation file.
        file_name: path relative to the image folder, sub-folders included, with forward slashes.
        width, height: pixels, as shown (after EXIF rotation).
        labelled: whether the objects of the image are known.
        boxes: float32 [N, 4], (x1, y1, x2, y2) in original pixels, inside the image; crowds included.
        labels: int32 [N], 1..K.
        crowd: bool [N], regions with a group of objects, ignored as neither object nor background.
        path: the folder the image lies in; None when it lies in the image folder of the run.
        also_unlabelled: a labelled image that joins the unlabelled stream as well.
        areas: float64 [N], the area of each object in pixels as its annotation gives it, NaN where it gives none; None where
            none does (Pascal VOC, text).
        outlines: of each row of `boxes`, None for a crowd without one; None where masks were not read.
        reviewed: the annotation file says ``"labelled": true``, so that no boxes mean no objects.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    labelled: bool
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    path: Path | None = None
    also_unlabelled: bool = False
    areas: np.ndarray | None = None
    outlines: tuple[Outline | None, ...] | None = None
    reviewed: bool = False


@dataclass(frozen=True, eq=False)
class Annotations:
    """All images of a data set. Label k (1..K) means ``class_names[k - 1]`` and ``category_ids[k - 1]``.

    ``form`` says what they were read from, for the log, ``crowd_mark`` how it marks a box as a crowd, and ``doubts`` what the
    reader met that is valid but usually a mistake.
    """

    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageEntry, ...]
    form: str = COCO_FORM
    crowd_mark: str = '"iscrowd": 1, as some labelling tools export brush masks'
    doubts: tuple[str, ...] = ()

    @property
    def crowds_and_remedy(self) -> str:
        """The end of sentences about too many crowds."""
        return (
            f"crowds ({self.crowd_mark}), which training and scores leave out; write 0 instead of 1 where a box is a "
            "single object"
        )

    @cached_property
    def labelled(self) -> tuple[ImageEntry, ...]:
        """Images with known content, empty ones included."""
        return tuple(entry for entry in self.images if entry.labelled)

    @cached_property
    def unlabelled(self) -> tuple[ImageEntry, ...]:
        """Images of the unlabelled stream, none with a label: unlabelled ones and those that are also unlabelled."""
        return tuple(_without_labels(entry) for entry in self.images if not entry.labelled or entry.also_unlabelled)


def count_empty(labelled: Iterable[ImageEntry]) -> int:
    """How many labelled images have no box: training treats them as images without objects."""
    return sum(not len(entry.boxes) for entry in labelled)


def image_path(entry: ImageEntry, img_dir: str | Path) -> Path:
    """Where the image lies: its own folder if it has one, else ``img_dir``."""
    return (Path(img_dir) if entry.path is None else entry.path) / entry.file_name


def object_areas(entry: ImageEntry) -> np.ndarray:
    """Areas by which COCO calls objects small or large, float64 [N], pixels: the annotation's, else that of the box."""
    # Sides from float32 corners are exact to about a thousandth: 32 x 32 pixels must not come out as 31.9999 x 32.
    sides = (entry.boxes[:, 2:] - entry.boxes[:, :2]).astype(np.float64).round(3)
    boxes = sides[:, 0] * sides[:, 1]
    return boxes if entry.areas is None else np.where(np.isnan(entry.areas), boxes, entry.areas)


def count_boxes(entries: Iterable[ImageEntry]) -> tuple[int, int]:
    """How many objects and how many crowds the images have; training and scores leave crowds out."""
    crowd = np.concatenate([np.zeros(0, bool), *(entry.crowd for entry in entries)])
    return int((~crowd).sum()), int(crowd.sum())


def boxes_and_crowds(objects: int, crowds: int) -> str:
    """Both numbers as text; crowds only if there are some."""
    return counted(objects, "box") + (f" and {counted(crowds, 'crowd')}" if crowds else "")


def missing_objects(annotations: Annotations) -> str | None:
    """Why there is no object in the labelled images, with a remedy; None if they have an object."""
    objects, crowds = count_boxes(annotations.labelled)
    if objects:
        return None
    if not crowds:
        return f"none of the {len(annotations.labelled)} labelled images has an object"
    return f"all {crowds} boxes are {annotations.crowds_and_remedy}"


def unlabelled_folder(img_dir: str | Path, first_id: int, left_out: LeftOut | None = None) -> tuple[ImageEntry, ...]:
    """Every image under a folder as an unlabelled entry, sorted by name, with ids from ``first_id`` up.

    Args:
        left_out: takes files whose header is broken, which are faults without it.

    Raises:
        UserError: there is no such folder, or no image in it.
        DataError: every file whose header is broken.
    """
    folder = Path(img_dir)
    check_is_folder(folder, "unlabelled images")
    entries, faults = [], []
    for name in list_images(folder):
        try:
            size = image_size(folder / name)
        except UserError as error:
            note_image(left_out, faults, name, [str(error)])
            continue
        entries.append(unlabelled_entry(first_id + len(entries), name, size, folder))
    if faults:
        raise DataError(str(folder), faults)
    if not entries and left_out is not None and left_out.images:
        first = left_out.images[0]["reason"]
        raise UserError(f"{folder}: none of its {len(left_out.images)} images can be decoded, such as {first}")
    if not entries:
        raise UserError(f"{folder}: no images in this folder")
    return tuple(entries)


def has_outlines(annotations: Annotations) -> bool:
    """Whether the outlines of all labelled images were read."""
    return bool(annotations.labelled) and all(entry.outlines is not None for entry in annotations.labelled)


def content_hash(annotations: Annotations) -> str:
    """A SHA-256 of classes, images and labels, as 64 hexadecimal digits; the form they were read from does not count.

    Nor do areas: nothing is trained on them, and no AP but those by size depends on them.
    """
    digest = hashlib.sha256(repr((annotations.class_names, annotations.category_ids)).encode())
    for entry in annotations.images:
        state = (entry.image_id, entry.file_name, entry.width, entry.height, entry.labelled, entry.also_unlabelled)
        digest.update(repr((state, len(entry.boxes))).encode())
        for column in (entry.boxes, entry.labels, entry.crowd):
            digest.update(column.tobytes())
        for outline in entry.outlines or ():
            digest.update(b"null" if outline is None else outline)
    return digest.hexdigest()


def unlabelled_entry(image_id: int, name: str, size: tuple[int, int], path: Path | None = None) -> ImageEntry:
    """An unlabelled image; ``size`` is (width, height) in pixels."""
    boxes, labels, crowd = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    return ImageEntry(image_id, name, *size, labelled=False, boxes=boxes, labels=labels, crowd=crowd, path=path)


def _without_labels(entry: ImageEntry) -> ImageEntry:
    if not entry.labelled:
        return entry
    empty = unlabelled_entry(entry.image_id, entry.file_name, (entry.width, entry.height), entry.path)
    return replace(empty, also_unlabelled=True)
