"""Draw boxes and masks on an image; readable also for small images with many objects."""

import colorsys
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.evaluation.masks import Rle, decode_mask

Colour = tuple[int, int, int]


FILE_SIDE = (1000, 1600)  # pixels, the longer side of a picture that is a file of its own
PAGE_SIDE = (600, 900)  # the same of a picture on a page, where two stand side by side
_MOST_ENLARGED = 4  # times
_TEXT_SIZE = 14  # pixels
_MARGIN = 4  # pixels around text
_LINE, _THIN, _THICK = 2, 1, 5  # pixels, line widths: without marks, unmarked, marked
_WIDEST_LEGEND = 400  # pixels, that a legend may be wider than its picture
_MASK_OPACITY = 0.4  # of the colour of a class over its mask
_FARTHEST = 10_000  # pixels from the upper left corner; Pillow takes minutes for lines that reach farther
_EDGE = (30, 30, 30)  # colour of the lines around boxes
# Fonts with many alphabets, by the names under which systems install them. Pillow's own font has Latin letters only.
_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc", "DejaVuSans.ttf", "arial.ttf")


def class_colour(index: int) -> Colour:
    """RGB colour of class ``index`` (from 0); consecutive colours differ clearly; the first thousands are distinct."""
    # Steps of the golden ratio spread hues evenly for any number of classes; the start makes the first class green.
    hue = (0.36 + index * 0.61803398875) % 1
    saturation, value = ((0.85, 0.95), (0.5, 1.0), (0.95, 0.7))[index // 8 % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray | None,
    class_names: Sequence[str],
    title: str = "detections",
    marked: np.ndarray | None = None,
    masks: Sequence[Rle] = (),
    names: Sequence[str] | None = None,
    long_side: tuple[int, int] = FILE_SIDE,
) -> np.ndarray:
    """A picture of an image with detections or ground truth.

    Args:
        image: uint8 [H, W, 3] RGB.
        boxes: [N, 4], (x1, y1, x2, y2) in pixels of the image.
        labels: [N], 1..K.
        scores: [N], written beside the box with the class name, as far as there is room; None: the name alone.
        class_names: of labels 1..K.
        title: what the boxes are, for the legend.
        marked: bool [N], boxes with thick lines and a name; the others have thin lines and no name. None: no box is marked.
        masks: N of them, in pixels of the image, or none.
        names: N texts beside the boxes; None: the class names.
        long_side: pixels; smaller images are enlarged and bigger ones shrunk, so that text is readable.

    Returns:
        uint8 [H', W', 3] RGB; below the image is a legend with class counts.
    """
    side = max(image.shape[:2])
    zoom = min(np.clip(side, *long_side) / side, _MOST_ENLARGED)
    size = (max(round(image.shape[1] * zoom), 1), max(round(image.shape[0] * zoom), 1))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    if masks:
        picture = _draw_masks(picture, masks, np.asarray(labels).tolist())
    canvas = ImageDraw.Draw(picture)
    corners = (
        np.clip(np.asarray(boxes, np.float64).reshape(-1, 4) * zoom, -_FARTHEST, _FARTHEST).round().astype(int).tolist()
    )
    texts = [None] * len(corners) if scores is None else [f"{score:.2f}" for score in np.asarray(scores).tolist()]
    widths = [_LINE] * len(corners) if marked is None else [_THICK if mark else _THIN for mark in marked]
    names = [class_names[label - 1] for label in np.asarray(labels).tolist()] if names is None else names
    rows = list(zip(corners, names, np.asarray(labels).tolist(), texts, widths, strict=True))
    for corner, _, label, _, width in rows:
        draw_box(canvas, corner, class_colour(label - 1), width)
    for corner, name, label, score, width in rows[::-1]:  # the highest score on top
        if width != _THIN:
            _write_label(canvas, corner, name, score, class_colour(label - 1), size)
    return np.asarray(_with_legend(picture, np.asarray(labels), class_names, title))


def draw_box(canvas: ImageDraw.ImageDraw, corner: Sequence[int], colour: Colour, width: int) -> None:
    """A box (x1, y1, x2, y2) in pixels of the canvas. A dark edge keeps bright colours visible on bright pictures.

    Lines wider than ``_LINE`` grow outwards, so that they do not hide a small object.
    """
    more = max(width - _LINE, 0)
    x1, y1, x2, y2 = corner[0] - more, corner[1] - more, corner[2] + more, corner[3] + more
    canvas.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_EDGE)
    canvas.rectangle((x1, y1, x2, y2), outline=colour, width=width)


def _draw_masks(picture: Image.Image, masks: Sequence[Rle], labels: Sequence[int]) -> Image.Image:
    """The picture with each mask in a half-transparent colour and with an outline; the first, of the highest score, is on top."""
    pixels = np.array(picture)
    for rle, label in list(zip(masks, labels, strict=True))[::-1]:
        colour, mask = np.array(class_colour(label - 1), np.uint8), decode_mask(rle).astype(np.uint8)
        if not mask.any():
            continue
        large = cv2.resize(mask * np.uint8(255), picture.size, interpolation=cv2.INTER_LINEAR) > 127
        pixels[large] = (pixels[large] * (1 - _MASK_OPACITY) + colour * _MASK_OPACITY).astype(np.uint8)
        edge = large & (cv2.erode(large.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=_LINE) == 0)
        pixels[edge] = colour
    return Image.fromarray(pixels)


def _write_label(
    canvas: ImageDraw.ImageDraw, corner: list[int], name: str, score: str | None, colour: Colour, size: tuple[int, int]
) -> None:
    """Write name and score above the box, the score alone if the box is narrow, nothing if it is tiny."""
    room = 1.5 * (corner[2] - corner[0])
    options = [name] if score is None else [f"{name} {score}", score]
    text = next((option for option in options if canvas.textlength(option, text_font()) <= room), None)
    if text is None:
        return
    width, height = int(canvas.textlength(text, text_font())) + _MARGIN, _TEXT_SIZE + _MARGIN
    x = max(min(corner[0], size[0] - width), 0)
    y = corner[1] - height if corner[1] >= height else min(corner[3], size[1] - height)
    canvas.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.text((x + _MARGIN // 2, y + height // 2), text, _text_colour(colour), text_font(), anchor="lm")


def _with_legend(picture: Image.Image, labels: np.ndarray, class_names: Sequence[str], title: str) -> Image.Image:
    """Add a strip below with the title, and the colour, name and number of each class in the picture."""
    measure = ImageDraw.Draw(picture)
    items = [(f"{title}: {len(labels)}", None)]
    for label in sorted(set(labels.tolist())):
        items.append((f"{class_names[label - 1]}: {int((labels == label).sum())}", class_colour(label - 1)))
    line_height, swatch = _TEXT_SIZE + 2 * _MARGIN, _TEXT_SIZE + _MARGIN
    widths = [
        int(measure.textlength(text, text_font())) + 3 * _MARGIN + (swatch if colour else 0) for text, colour in items
    ]
    total = max(picture.width, _MARGIN + min(max(widths), _WIDEST_LEGEND))  # of a tiny picture, that of the legend
    places, x, y = [], _MARGIN, 0
    for width in widths:
        if x > _MARGIN and x + width > total:
            x, y = _MARGIN, y + line_height
        places.append((x, y))
        x += width
    result = Image.new("RGB", (total, picture.height + y + line_height), "white")
    result.paste(picture, (0, 0))
    canvas = ImageDraw.Draw(result)
    for (text, colour), (x, y) in zip(items, places, strict=True):
        y += picture.height + _MARGIN
        if colour:
            canvas.rectangle((x, y, x + _TEXT_SIZE, y + _TEXT_SIZE), fill=colour)
            x += swatch
        canvas.text((x, y + _TEXT_SIZE // 2), text, "black", text_font(), anchor="lm")
    return result


def _text_colour(colour: Colour) -> str:
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


@lru_cache(maxsize=1)
def text_font() -> ImageFont.FreeTypeFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _TEXT_SIZE)
        except OSError:
            continue
    return ImageFont.load_default(_TEXT_SIZE)
