"""Contact sheets: many labelled images in small, with their boxes, to look at what is trained on before it is trained on."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.command_line import whole_path
from src.data.annotations import ImageEntry, image_path
from src.data.images import read_image
from src.errors import UserError
from src.files import cannot_write, sync, unfinished_folder
from src.report.drawing import class_colour, draw_box, text_font
from src.wording import counted

MOST_DRAWN = 400  # images, evenly spread over the file if there are more
_COLUMNS, _ROWS = 5, 4
_WIDTH, _HEIGHT = 300, 225  # pixels of a picture
_LINE = 20  # pixels, height of a line of text
_GAP = 6  # pixels
_MOST_ENLARGED = 4  # times


def check_new_folder(folder: Path) -> None:
    """Raise a UserError if there is something in the folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists already; choose another folder for contact sheets")


def write_contact_sheets(
    entries: Sequence[ImageEntry], class_names: Sequence[str], img_dir: Path, folder: Path
) -> tuple[list[Path], int, list[str]]:
    """Draw labelled images in the order of the annotation file, ``MOST_DRAWN`` at most, into JPEG files of a new folder.

    Args:
        entries: labelled images; class_names: of labels 1..K.

    Returns:
        The files, how many images are drawn, and why others cannot be.

    Raises:
        UserError: the folder is not empty or cannot be written.
    """
    check_new_folder(folder)
    chosen = [entries[place] for place in spread(len(entries), MOST_DRAWN)]
    folder = whole_path(folder)  # "." has no name
    try:
        with unfinished_folder(folder) as unfinished:
            names, drawn, faults = _draw_sheets(chosen, class_names, img_dir, unfinished)
            if names:
                os.replace(unfinished, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return [folder / name for name in names], drawn, faults


def _draw_sheets(
    chosen: Sequence[ImageEntry], class_names: Sequence[str], img_dir: Path, folder: Path
) -> tuple[list[str], int, list[str]]:
    """Names of the files, how many images are drawn, and why others cannot be."""
    cells, faults, names, drawn = [], [], [], 0
    for entry in chosen:
        try:
            cells.append((entry, draw_cell(entry, img_dir)))
        except UserError as error:
            faults.append(str(error))
        if len(cells) == _COLUMNS * _ROWS or (cells and entry is chosen[-1]):
            sheet, drawn = draw_sheet(cells, class_names), drawn + len(cells)
            names.append(f"sheet_{len(names) + 1:03d}.jpg")
            sheet.save(folder / names[-1], "JPEG", quality=90)
            sync(folder / names[-1])
            cells = []
    return names, drawn, faults


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def draw_small(entry: ImageEntry, img_dir: Path, size: tuple[int, int]) -> Image.Image:
    """One image with its boxes, crowds with thin lines, as large as fits into ``size`` (width, height in pixels).

    Raises:
        UserError: the image cannot be read.
    """
    image = read_image(image_path(entry, img_dir))
    zoom = min(size[0] / image.shape[1], size[1] / image.shape[0], _MOST_ENLARGED)
    drawn = max(round(image.shape[1] * zoom), 1), max(round(image.shape[0] * zoom), 1)
    picture = Image.fromarray(image).resize(drawn, Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(picture)
    for box, label, crowd in zip(entry.boxes.tolist(), entry.labels.tolist(), entry.crowd.tolist(), strict=True):
        draw_box(canvas, [round(value * zoom) for value in box], class_colour(label - 1), 1 if crowd else 2)
    return picture


def draw_cell(entry: ImageEntry, img_dir: Path) -> Image.Image:
    """One image with its boxes, and its name below; raises as ``draw_small``."""
    picture = draw_small(entry, img_dir, (_WIDTH, _HEIGHT))
    cell = Image.new("RGB", (_WIDTH, _HEIGHT + _LINE), "white")
    cell.paste(picture, ((_WIDTH - picture.width) // 2, (_HEIGHT - picture.height) // 2))
    count = counted(len(entry.boxes), "box") if len(entry.boxes) else "no boxes"
    name = fitted(entry.file_name, count)
    ImageDraw.Draw(cell).text((0, _HEIGHT + _LINE // 2), f"{name}: {count}", "black", text_font(), anchor="lm")
    return cell


def fitted(name: str, more: str) -> str:
    """The name, its beginning cut off if it does not fit beside ``more``."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    shown = name
    while len(shown) > 1 and measure.textlength(f"{shown}: {more}", text_font()) > _WIDTH:
        shown = f"…{shown.lstrip('…')[1:]}"
    return shown


def draw_sheet(cells: Sequence[tuple[ImageEntry, Image.Image]], class_names: Sequence[str]) -> Image.Image:
    """Cells in rows, and below them the classes with their colours and numbers of boxes on this sheet."""
    counts = Counter(int(label) for entry, _ in cells for label in entry.labels)
    width = _COLUMNS * (_WIDTH + _GAP) + _GAP
    places, x, y = [], _GAP, 0
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    for label in sorted(counts):
        text = f"{class_names[label - 1]}: {counts[label]}"
        length = int(measure.textlength(text, text_font())) + 2 * _LINE
        if x > _GAP and x + length > width:
            x, y = _GAP, y + _LINE
        places.append((label, text, x, y))
        x += length
    rows = -(-len(cells) // _COLUMNS)
    top = rows * (_HEIGHT + _LINE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, top + y + _LINE), "white")
    for place, (_, cell) in enumerate(cells):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(cell, (_GAP + column * (_WIDTH + _GAP), _GAP + row * (_HEIGHT + _LINE + _GAP)))
    canvas = ImageDraw.Draw(sheet)
    for label, text, x, y in places:
        canvas.rectangle((x, top + y + 3, x + _LINE - 8, top + y + _LINE - 5), fill=class_colour(label - 1))
        canvas.text((x + _LINE - 2, top + y + _LINE // 2), text, "black", text_font(), anchor="lm")
    return sheet
