"""HTML pages from the templates beside this module: one file each that opens offline, with its charts and pictures inside.

A page is a template that extends base.html and uses macros.html; all values are escaped (autoescape).
"""

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup, escape

from src.report.chart_style import PALETTE
from src.wording import counted, duration

_JPEG_QUALITY = 80
WIDE = 2.5  # width by height, from which an image gets the full width of a page


@dataclass(frozen=True)
class InlineImage:
    """An image inside a page: a data URI, its alternative text, and its size in pixels."""

    data: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """For the macro ``gallery``: an image, or several side by side as far as there is room, with one caption (plain text)."""

    images: tuple[InlineImage, ...]
    caption: str

    @property
    def is_wide(self) -> bool:
        """Whether the images are so wide that each needs a row of its own."""
        return any(image.width > WIDE * image.height for image in self.images)


def render(template: str, **values: Any) -> str:
    """A page as text.

    Args:
        template: file name in src/report/templates.
        values: its variables, including "title"; a missing one raises ``jinja2.UndefinedError``.
    """
    return _environment().get_template(template).render(values, written=f"{datetime.now():%Y-%m-%d %H:%M}")


def inline_image(image: np.ndarray, alt: str) -> InlineImage:
    """An image (uint8 [H, W, 3] RGB) as a JPEG inside a page; without subsampled colours, in which thin lines fade."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", image[..., ::-1], options)
    text = base64.b64encode(data.tobytes()).decode("ascii")
    return InlineImage(f"data:image/jpeg;base64,{text}", alt, image.shape[1], image.shape[0])


def score(value: float | None) -> str:
    """A score of 0 to 1 with three decimals; n/a where nothing could be measured."""
    return "n/a" if value is None else f"{value:.3f}"


def at_least(value: float | None) -> str:
    """A threshold with three decimals, rounded down, so that a detection with this very score is kept."""
    return "n/a" if value is None else f"{math.floor(value * 1000 + 1e-9) / 1000:.3f}"


def with_column_titles(rows: Markup, header: Sequence[str]) -> Markup:
    """Rows of a table, ``<tr>`` elements, whose cells bear the titles of their columns for narrow screens (style.css)."""

    def titled(row: re.Match) -> str:
        titles = iter(header)
        return re.sub(r"<t[hd]\b", lambda cell: f'{cell[0]} data-title="{escape(next(titles, ""))}"', row[0])

    return Markup(re.sub(r"<tr>.*?</tr>", titled, rows, flags=re.DOTALL))


_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _visible(value: object) -> object:
    """A text of a name as it is shown: control characters and what reverses the order of the letters behind it, as Python spells them."""
    if not isinstance(value, str) or not _HIDDEN.search(value):
        return value
    return type(value)(_HIDDEN.sub(lambda found: repr(found[0])[1:-1], value))


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["palette"] = PALETTE
    environment.filters |= {
        "score": score,
        "with_column_titles": with_column_titles,
        "at_least": at_least,
        "counted": counted,
        "hours": lambda hours: "n/a" if hours is None else duration(3600 * hours),
        "count": lambda value: "n/a" if value is None else str(value),
        "thousands": lambda value: f"{value:,}",
        "percent": lambda part, total: f"{100 * part / total:.0f} %" if total else "n/a",
    }
    return environment
