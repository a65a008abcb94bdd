"""Suspicious labels: valid, but usually a mistake; one sentence each, with a remedy.

Crowds are excluded, except that their share of the boxes is checked. Axes: N boxes of all labelled images.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from src.data.annotations import COCO_FORM, Annotations, ImageEntry, object_areas
from src.data.checks.files.other_labels import YOLO
from src.data.class_shares import rare_misspelt
from src.data.classes import alike_names
from src.data.formats.json_file import read_json
from src.data.formats.outlines import Outline, as_outline, bounds, outline_fault
from src.wording import counted

EMPTY_SHARE = 0.1  # share of the labelled images that may have no box
FEW_EMPTY = 3  # up to this many images without a box are not suspicious, whatever their share
FEW_BOXES = 10  # up to this many boxes may be alike
TINY_SIDE = 2.0  # pixels; a smaller box is usually an accidental click
WHOLE_IMAGE = 0.98  # share of the image area from which a box counts as covering the whole image
SAME_PLACE = 0.5  # least IoU of a box and the box around the outline of its object
MANY_OBJECTS = 100  # up to this many objects per image are not suspicious
MANY_TIMES_MEDIAN = 10  # more objects per image than this many times the median are suspicious
_SHOWN = 3  # examples in a sentence


@dataclass(frozen=True, eq=False)
class Objects:
    """Every object of the labelled images.

    Attributes:
        entries: the images; boxes: float64 [N, 4]; labels: [N]; owner: [N], index of its entry.
        areas: [N], by ``object_areas``; crowd_labels: labels of the crowds, which are in no other array.
    """

    entries: tuple[ImageEntry, ...]
    boxes: np.ndarray
    labels: np.ndarray
    owner: np.ndarray
    areas: np.ndarray
    crowd_labels: np.ndarray

    @cached_property
    def sizes(self) -> np.ndarray:
        """Width and height of each box, float64 [N, 2]."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    def names(self, indices: np.ndarray) -> str:
        """The images of the objects with these indices, the first few."""
        return _some([self.entries[owner].file_name for owner in dict.fromkeys(self.owner[indices].tolist())])


def suspicions(annotations: Annotations, trained: Collection[str] | None = None) -> list[str]:
    """All suspicious findings in a data set that was read without errors; 100,000 objects take about half a second.

    Args:
        trained: of an evaluation set: the classes that were or will be trained on.
    """
    objects = _objects(annotations)
    found = list(annotations.doubts)
    found += doubted_classes(annotations) if trained is None else _class_names(annotations)
    found += empty_images(annotations)
    if len(objects.boxes):
        found += _unused_classes(annotations, objects, trained)
        found += _crowds(annotations, objects)
        found += _areas(objects)
        found += _tiny(objects)
        found += _one_size(objects)
        found += _whole_images(objects)
        found += _twice(objects)
        found += _crowded_images(objects)
        found += _outlines(annotations)
    return found


def doubted_classes(annotations: Annotations) -> list[str]:
    """Those of the suspicious findings that are about the names of classes."""
    objects = _objects(annotations)
    misspelt = _misspelt(annotations, objects) if len(objects.boxes) else ()
    return [*_class_names(annotations), *misspelt]


def _objects(annotations: Annotations) -> Objects:
    entries = annotations.labelled
    counts = [len(entry.boxes) for entry in entries]
    boxes = np.concatenate([np.zeros((0, 4)), *(entry.boxes for entry in entries)]).astype(np.float64)
    labels = np.concatenate([np.zeros(0, np.int32), *(entry.labels for entry in entries)])
    crowd = np.concatenate([np.zeros(0, bool), *(entry.crowd for entry in entries)])
    owner = np.repeat(np.arange(len(entries)), counts)
    areas = np.concatenate([np.zeros(0), *map(object_areas, entries)])
    return Objects(entries, boxes[~crowd], labels[~crowd], owner[~crowd], areas[~crowd], labels[crowd])


def _class_names(annotations: Annotations) -> Iterator[str]:
    yield from alike_names(annotations.class_names, partial(_images_of, annotations))
    for name in annotations.class_names:
        if name != name.strip():
            yield f'class "{name}" has spaces around its name, so it does not match "{name.strip()}" of other files; remove them'
        if name.strip().casefold() in ("background", "__background__"):
            yield f'class "{name}": background needs no category of its own; remove it, or training learns to detect it'


def _misspelt(annotations: Annotations, objects: Objects) -> Iterator[str]:
    names = annotations.class_names
    counts = np.bincount(objects.labels, minlength=len(names) + 1)[1:].tolist()
    return rare_misspelt(names, counts, partial(_images_of, annotations))


def _images_of(annotations: Annotations, name: str) -> list[str]:
    """File names of the labelled images that have objects of this class, crowds included."""
    label = annotations.class_names.index(name) + 1
    return [entry.file_name for entry in annotations.labelled if label in entry.labels]


def _unused_classes(annotations: Annotations, objects: Objects, trained: Collection[str] | None) -> Iterator[str]:
    size = len(annotations.class_names) + 1
    counts, crowds = np.bincount(objects.labels, minlength=size), np.bincount(objects.crowd_labels, minlength=size)
    missing = [(name, crowds[k]) for k, name in enumerate(annotations.class_names, start=1) if counts[k] == 0]
    unused = [name for name, crowd in missing if not crowd]
    first = annotations.category_ids.index(0) if 0 in annotations.category_ids else None
    if trained is not None:
        if unused := [name for name in unused if name in trained]:
            yield f"no image has a box of class {_some(unused)}, so its AP is not measured; evaluate on images that show it, too"
    elif first is not None and len(counts) > 2 and annotations.class_names[first] in unused:
        extra = annotations.class_names[first]
        unused.remove(extra)
        yield (
            f'no labelled image has a box of class "{extra}", of the category id 0: Roboflow adds such a category to every export. Remove '
            'it from "categories" (of all files, because their classes must be the same); left in, it is a class that is never found'
        )
    if unused and trained is None:
        yield (
            f"no labelled image has a box of class {_some(unused)}; label some, or remove the category "
            "(from all files, because their classes must be the same)"
        )
    for name, crowd in missing:
        if crowd:
            yield f"all {crowd} boxes of class {name} are {annotations.crowds_and_remedy}"


def _crowds(annotations: Annotations, objects: Objects) -> Iterator[str]:
    crowds, boxes = len(objects.crowd_labels), len(objects.crowd_labels) + len(objects.boxes)
    if 2 * crowds > boxes:
        yield f"{crowds} of the {boxes} boxes are {annotations.crowds_and_remedy}"


def too_many_empty(empty: Sequence[str], labelled_count: int, form: str = COCO_FORM) -> list[str]:
    """Whether an unusual share of the labelled images has no box.

    COCO 2017 has 0.9 % such images. Exporters of labelling tools write an image that nobody has opened yet like one that
    was reviewed and is empty, so half-finished labelling shows as many of them.

    Args:
        empty: labelled images that have no box and are not said to be reviewed; form: what they were read from.
    """
    if len(empty) <= max(FEW_EMPTY, EMPTY_SHARE * labelled_count):
        return []
    if form == COCO_FORM:
        remedy = 'those that nobody has reviewed need "labelled": false in their entries ("labelled": true says that one was reviewed)'
    elif form.startswith(YOLO):
        remedy = "if nobody has reviewed those without a label file, give their folder as that of unlabelled images, too (unlabelled_img_dir)"
    else:
        remedy = "move those that nobody has reviewed into a folder of unlabelled images (unlabelled_img_dir)"
    sentence = (
        f"{len(empty)} of the {labelled_count} labelled images have no box, such as {_some(empty)}, which counts as "
        '"nothing is there": training treats what is in them as background, and evaluation counts every detection in '
        f"them as a false positive; {remedy}"
    )
    return [sentence]


def empty_images(annotations: Annotations) -> list[str]:
    """Apply ``too_many_empty`` to a data set."""
    empty = [entry.file_name for entry in annotations.labelled if not len(entry.boxes) and not entry.reviewed]
    return too_many_empty(empty, len(annotations.labelled), annotations.form)


def _tiny(objects: Objects) -> Iterator[str]:
    tiny = np.flatnonzero(objects.sizes.min(axis=1) < TINY_SIDE)
    if len(tiny):
        yield (
            f"{counted(len(tiny), 'box', 'are')} less than {TINY_SIDE:g} pixels wide or high, in {objects.names(tiny)}; "
            "remove them if they are accidental: they are too small to train on"
        )


def _one_size(objects: Objects) -> Iterator[str]:
    sizes = np.unique(objects.sizes.round(1), axis=0)
    if len(objects.boxes) > FEW_BOXES and len(sizes) == 1:
        yield (
            f"all {len(objects.boxes)} boxes are {sizes[0][0]:g} x {sizes[0][1]:g} pixels; if the objects are not of one "
            "size, the program that wrote the file lost their sizes: export it again"
        )


def _whole_images(objects: Objects) -> Iterator[str]:
    areas = np.array([float(entry.width) * entry.height for entry in objects.entries])
    whole = np.flatnonzero(objects.sizes.prod(axis=1) >= WHOLE_IMAGE * areas[objects.owner])
    if len(objects.boxes) > FEW_BOXES and len(whole) > len(objects.boxes) / 2:
        yield (
            f"{len(whole)} of the {len(objects.boxes)} boxes cover their whole image, such as in {objects.names(whole)}; "
            "boxes must show where in the image objects are: were these labels made for classification?"
        )


def _areas(objects: Objects) -> Iterator[str]:
    upper = (objects.sizes + 2).prod(axis=1)  # tools that count all pixels of an outline exceed the box by one pixel
    wrong = np.flatnonzero((objects.areas > upper) | (objects.areas < 1))
    if len(objects.boxes) > FEW_BOXES and len(wrong) > len(objects.boxes) / 2:
        yield (
            f'{len(wrong)} of the {len(objects.boxes)} objects have an "area" that is larger than their box or below one '
            f"pixel, such as in {objects.names(wrong)}; AP by size uses it: give it in pixels of the image, or remove it"
        )


def _twice(objects: Objects) -> Iterator[str]:
    order = np.lexsort((objects.labels, *objects.boxes.round(2).T, objects.owner))
    boxes, owner, labels = objects.boxes.round(2)[order], objects.owner[order], objects.labels[order]
    same_box = (np.diff(boxes, axis=0) == 0).all(axis=1) & (np.diff(owner) == 0)
    same_class = np.diff(labels) == 0
    if (twice := order[1:][same_box & same_class]).size:
        yield f"{counted(len(twice), 'box', 'are')} there twice, in {objects.names(twice)}; remove one of each"
    if (conflicting := order[1:][same_box & ~same_class]).size:
        yield f"{counted(len(conflicting), 'box', 'have')} two classes, in {objects.names(conflicting)}; keep one class for each"


def _crowded_images(objects: Objects) -> Iterator[str]:
    counts = np.bincount(objects.owner, minlength=len(objects.entries))
    median = float(np.median(counts[counts > 0]))
    for index in np.flatnonzero(counts > max(MANY_OBJECTS, MANY_TIMES_MEDIAN * median))[:_SHOWN]:
        yield (
            f"{objects.entries[index].file_name} has {counts[index]} objects, the median is {median:g}; if it holds boxes of "
            'several images, correct them; if it is a crowd, mark it as one box with "iscrowd": 1'
        )


def _outlines(annotations: Annotations) -> Iterator[str]:
    """Outlines, where they were read, that lie elsewhere than their boxes or are of another size."""
    return outlines_elsewhere(
        (entry.file_name, box, outline, (entry.width, entry.height))
        for entry in annotations.labelled
        for box, outline, crowd in zip(entry.boxes.tolist(), entry.outlines or (), entry.crowd.tolist(), strict=False)
        if outline is not None and not crowd
    )


def unread_outlines(ann_file: Path) -> list[str]:
    """The same of a COCO file that was read without errors and without outlines, as for detectors of boxes. Invalid outlines are passed over."""
    coco = read_json(ann_file)
    images = {image["id"]: (image["file_name"], (image["width"], image["height"])) for image in coco["images"]}
    rows = []
    for row in coco.get("annotations", ()):
        outline, (name, size) = as_outline(row.get("segmentation")), images[row["image_id"]]
        if outline is None or row.get("iscrowd") or outline_fault(outline, (0.0, 0.0, *map(float, size)), size):
            continue
        x, y, width, height = row["bbox"]
        rows.append((name, (x, y, x + width, y + height), outline, size))
    return list(outlines_elsewhere(rows))


def outlines_elsewhere(rows: Iterable[tuple[str, Sequence[float], Outline, tuple[int, int]]]) -> Iterator[str]:
    """A sentence if some outlines do not agree with the boxes of their objects.

    Args:
        rows: file name, box (x1, y1, x2, y2), valid outline, and size (width, height) of the image of each object.
    """
    apart, count = [], 0
    for name, box, outline, size in rows:
        count += 1
        if _overlap(box, bounds(outline, size)) < SAME_PLACE:
            apart.append(name)
    if apart:
        yield (
            f"{len(apart)} of the {count} outlines do not agree with their boxes (IoU of the box around them below {SAME_PLACE:g}), "
            f"in {_some(apart)}; they were shifted, or drawn on a picture of another size: export both from the same picture"
        )


def _overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return common / (areas - common) if areas > common else 0.0


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    counted = list(Counter(names))
    more = f" and {len(counted) - _SHOWN} more" if len(counted) > _SHOWN else ""
    return ", ".join(counted[:_SHOWN]) + more
