"""The pictures of a round's page: picked images, contact sheets per class, the detector's mistakes beside the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.data.annotations import ImageEntry, image_path
from src.data.formats.tools.annotated import Shape
from src.data.images import read_image
from src.errors import UserError
from src.report.contact_sheet import draw_cell
from src.report.drawing import class_colour, draw
from src.report.pages import Picture, picture

MOST_PICTURES, MOST_OBJECTS, MOST_MISTAKES = 48, 40, 8
_SIDE, _COLUMNS, _GAP = 96, 10, 4  # pixels of an object, objects in a row, pixels between them
_MARGIN = 0.35  # of the longer side of an object, around it


def thumbnails(
    entries: Mapping[str, ImageEntry],
    shapes: Mapping[str, Sequence[Shape]],
    captions: Mapping[str, str],
    classes: Sequence[str],
    img_dir: Path,
) -> list[Picture]:
    """The first ``MOST_PICTURES`` images with boxes; one that cannot be read is told in its caption."""
    found = []
    for name in list(captions)[:MOST_PICTURES]:
        boxes, labels, _ = arrays(shapes[name], classes)
        entry = replace(entries[name], boxes=boxes, labels=labels, crowd=np.zeros(len(labels), bool))
        try:
            cell = np.asarray(draw_cell(entry, img_dir))
        except UserError as error:
            cell, captions = np.full((20, 300, 3), 255, np.uint8), {**captions, name: str(error)}
        found.append(picture(cell, name, captions[name]))
    return found


def object_sheets(
    entries: Mapping[str, ImageEntry], shapes: Mapping[str, Sequence[Shape]], classes: Sequence[str], img_dir: Path
) -> list[Picture]:
    """For each class a sheet of its objects, ``MOST_OBJECTS`` at most, evenly spread over the images."""
    sheets = []
    for number, label in enumerate(classes):
        objects = [(name, shape) for name, found in shapes.items() for shape in found if shape.label == label]
        if not objects:
            continue
        places = np.unique(np.linspace(0, len(objects) - 1, min(len(objects), MOST_OBJECTS)).round().astype(int))
        tiles = [tile for place in places if (tile := _tile(*objects[place], entries, img_dir, number)) is not None]
        if tiles:
            sheets.append(picture(_sheet(tiles), label, f"{label}: {len(tiles)} of {len(objects)} objects"))
    return sheets


def mistakes(
    entries: Mapping[str, ImageEntry],
    sent: Mapping[str, Sequence[Shape]],
    returned: Mapping[str, Sequence[Shape]],
    changed: Mapping[str, int],
    classes: Sequence[str],
    img_dir: Path,
) -> list[Picture]:
    """The images in which most boxes were changed: labels on the left, the detector's boxes on the right."""
    worst = sorted((name for name, count in changed.items() if count), key=lambda name: (-changed[name], name))
    found = []
    for name in worst[:MOST_MISTAKES]:
        boxes, labels, scores = arrays(sent[name], classes)
        try:
            image = read_image(image_path(entries[name], img_dir))
        except UserError:
            continue  # it is among the picked images, with the reason
        both = draw(image, boxes, labels, scores, classes, ground_truth=arrays(returned[name], classes)[:2])
        found.append(picture(both, name, f"{name}: {changed[name]} boxes moved, relabelled, deleted or added"))
    return found


def arrays(shapes: Sequence[Shape], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes float32 [N, 4], labels int32 [N] from 1, scores [N] (1 where there is none)."""
    boxes = np.array([shape.box for shape in shapes], np.float32).reshape(-1, 4)
    labels = np.array([classes.index(shape.label) + 1 for shape in shapes], np.int32)
    return boxes, labels, np.array([1.0 if shape.score is None else shape.score for shape in shapes])


def _tile(name: str, shape: Shape, entries: Mapping[str, ImageEntry], img_dir: Path, label: int) -> Image.Image | None:
    """An object with some of its surroundings and its box; None if the image cannot be read, or the object lies outside of it."""
    try:
        image = Image.fromarray(read_image(image_path(entries[name], img_dir)))
    except UserError:
        return None
    x1, y1, x2, y2 = shape.box
    half = max(x2 - x1, y2 - y1, 2) * (0.5 + _MARGIN)
    left, top, zoom = (x1 + x2) / 2 - half, (y1 + y2) / 2 - half, _SIDE / (2 * half)
    inner = np.clip((left, top, left + 2 * half, top + 2 * half), 0, (*image.size, *image.size))
    if (inner[2:] <= inner[:2]).any():
        return None
    # Only what lies in the picture is resized: the square around a long object may be far larger than the picture.
    size = [max(round(side * zoom), 1) for side in (inner[2:] - inner[:2]).tolist()]
    tile = Image.new("RGB", (_SIDE, _SIDE))
    piece = image.resize(size, Image.Resampling.BICUBIC, box=tuple(inner.tolist()))
    tile.paste(piece, (round((inner[0] - left) * zoom), round((inner[1] - top) * zoom)))
    box = [(x1 - left) * zoom, (y1 - top) * zoom, (x2 - left) * zoom, (y2 - top) * zoom]
    ImageDraw.Draw(tile).rectangle([round(value) for value in box], outline=class_colour(label), width=2)
    return tile


def _sheet(tiles: Sequence[Image.Image]) -> np.ndarray:
    step, rows = _SIDE + _GAP, -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * step - _GAP, rows * step - _GAP), "white")
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(tile, (column * step, row * step))
    return np.asarray(sheet)
