"""The pictures of a round's page: picked images, objects of each class, the detector's mistakes beside the labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.data.annotations import ImageEntry, image_path
from src.data.formats.tools.annotated import Shape
from src.data.images import read_image
from src.errors import UserError
from src.labelling.box_pairs import CHANGES, Pair, pair_boxes
from src.report.contact_sheet import draw_small, spread
from src.report.drawing import PAGE_SIDE, class_colour, draw, draw_box
from src.report.pages import WIDE, InlineImage, Picture, inline_image
from src.wording import counted

MOST_PICTURES, MOST_MISTAKES = 48, 8
MOST_OBJECTS, FEWEST_OBJECTS = 40, 4  # per class, of few and of many classes
MOST_OBJECTS_OF_ALL = 400  # of all classes, unless they are so many that each has the fewest
_THUMBNAIL = (480, 360)  # pixels, width and height into which a picked image fits
_ACROSS = (1600, 360)  # the same of one that is as wide as the page
_SIDE = 128  # pixels of an object with its surroundings
_MARGIN = 0.35  # of the longer side of an object, around it
_DRAWN = ("accepted", "deleted", "added", "moved", "relabelled")  # changes, by the colour that their place gives them


@dataclass(frozen=True)
class ClassObjects:
    """Some of the objects of a class: how many there are in all, in how many images, and those shown, each with its image."""

    name: str
    count: int
    images: int
    shown: list[InlineImage]


def thumbnails(
    entries: Mapping[str, ImageEntry],
    shapes: Mapping[str, Sequence[Shape]],
    captions: Mapping[str, str],
    classes: Sequence[str],
    img_dir: Path,
) -> list[Picture]:
    """The first ``MOST_PICTURES`` images with boxes; the caption of one that cannot be read says so."""
    found = []
    for name in list(captions)[:MOST_PICTURES]:
        boxes, labels, _ = arrays(shapes[name], classes)
        entry = replace(entries[name], boxes=boxes, labels=labels, crowd=np.zeros(len(labels), bool))
        count = counted(len(labels), "box") if len(labels) else "no box"
        try:
            size = _ACROSS if entry.width > WIDE * entry.height else _THUMBNAIL
            drawn = np.asarray(draw_small(entry, img_dir, size))
        except UserError as error:
            found.append(Picture((), f"{captions[name]}; {error}"))
            continue
        image = inline_image(drawn, f"{name} with {count} of the detector")
        found.append(Picture((image,), f"{captions[name]}; {count}"))
    return found


def class_objects(
    entries: Mapping[str, ImageEntry], shapes: Mapping[str, Sequence[Shape]], classes: Sequence[str], img_dir: Path
) -> list[ClassObjects]:
    """Some objects of each class that has any, evenly spread over the images."""
    most = min(max(MOST_OBJECTS_OF_ALL // len(classes), FEWEST_OBJECTS), MOST_OBJECTS)
    read = lru_cache(maxsize=1)(lambda name: _read(entries[name], img_dir))  # objects of one image follow each other
    found = []
    for number, label in enumerate(classes):
        objects = [(name, shape) for name, shapes_of in shapes.items() for shape in shapes_of if shape.label == label]
        shown = []
        for place in spread(len(objects), most):
            name, shape = objects[place]
            if (image := read(name)) is not None:
                shown.append(inline_image(cut_out(image, shape, class_colour(number)), f"{label} in {name}"))
        if objects:
            found.append(ClassObjects(label, len(objects), len({name for name, _ in objects}), shown))
    return found


def mistakes(
    entries: Mapping[str, ImageEntry],
    sent: Mapping[str, Sequence[Shape]],
    returned: Mapping[str, Sequence[Shape]],
    img_dir: Path,
) -> list[Picture]:
    """The images in which most boxes were changed: labels first, then the detector's boxes; changed ones have thick lines."""
    pairs = {name: pair_boxes(sent[name], shapes) for name, shapes in returned.items()}
    changed = {name: sum(pair.change != "accepted" for pair in found) for name, found in pairs.items()}
    worst = sorted((name for name, count in changed.items() if count), key=lambda name: (-changed[name], name))
    found = []
    for name in worst[:MOST_MISTAKES]:
        image = _read(entries[name], img_dir)
        if image is None:
            continue  # it is among the picked images, with the reason
        left = _draw_changes(image, [(pair.returned, pair) for pair in pairs[name] if pair.returned], "labels")
        right = _draw_changes(image, [(pair.sent, pair) for pair in pairs[name] if pair.sent], "detector")
        both = inline_image(left, f"{name}, labels"), inline_image(right, f"{name}, boxes of the detector")
        counts = Counter(pair.change for pair in pairs[name])
        found.append(
            Picture(both, f"{name}: {', '.join(f'{counts[kind]} {kind}' for kind in CHANGES if counts[kind])}")
        )
    return found


def _draw_changes(image: np.ndarray, rows: Sequence[tuple[Shape, Pair]], title: str) -> np.ndarray:
    """A picture with boxes in the colours of what was changed; beside a changed one its class, of a relabelled one both."""
    rows = sorted(rows, key=lambda row: -(row[0].score or 0))
    boxes, kinds, scores = arrays([replace(shape, label=pair.change) for shape, pair in rows], _DRAWN)
    names = [
        f"{pair.sent.label} to {pair.returned.label}" if pair.change == "relabelled" else shape.label
        for shape, pair in rows
    ]
    return draw(
        image,
        boxes,
        kinds,
        scores if title == "detector" else None,
        _DRAWN,
        title=title,
        marked=np.array([pair.change != "accepted" for _, pair in rows], bool),
        names=names,
        long_side=PAGE_SIDE,
    )


def arrays(shapes: Sequence[Shape], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes float32 [N, 4], labels int32 [N] from 1, scores [N] (1 where there is none)."""
    boxes = np.array([shape.box for shape in shapes], np.float32).reshape(-1, 4)
    labels = np.array([classes.index(shape.label) + 1 for shape in shapes], np.int32)
    return boxes, labels, np.array([1.0 if shape.score is None else shape.score for shape in shapes])


def _read(entry: ImageEntry, img_dir: Path) -> np.ndarray | None:
    """The image, None if it cannot be read."""
    try:
        return read_image(image_path(entry, img_dir))
    except UserError:
        return None


def cut_out(image: np.ndarray, shape: Shape, colour: tuple[int, int, int]) -> np.ndarray:
    """An object with some of its surroundings and its box; what lies outside of the image is grey."""
    x1, y1, x2, y2 = shape.box
    half = max(x2 - x1, y2 - y1, 2) * (0.5 + _MARGIN)
    left, top, zoom = (x1 + x2) / 2 - half, (y1 + y2) / 2 - half, _SIDE / (2 * half)
    tile = Image.new("RGB", (_SIDE, _SIDE), "grey")
    height, width = image.shape[:2]
    seen = (
        max(int(left), 0),
        max(int(top), 0),
        min(int(left + 2 * half) + 1, width),
        min(int(top + 2 * half) + 1, height),
    )
    if seen[0] < seen[2] and seen[1] < seen[3]:  # an object outside of the image leaves the tile grey
        part = Image.fromarray(image[seen[1] : seen[3], seen[0] : seen[2]])
        size = max(round(part.width * zoom), 1), max(round(part.height * zoom), 1)
        place = round((seen[0] - left) * zoom), round((seen[1] - top) * zoom)
        tile.paste(part.resize(size, Image.Resampling.BICUBIC), place)
    box = [(x1 - left) * zoom, (y1 - top) * zoom, (x2 - left) * zoom, (y2 - top) * zoom]
    draw_box(ImageDraw.Draw(tile), [round(value) for value in box], colour, 2)
    return np.asarray(tile)
