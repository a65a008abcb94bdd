"""HTML pages from the templates beside this module: one file each that opens offline, with its charts and pictures inside.

A page is a template that extends base.html and uses macros.html; all values are escaped (autoescape).
"""

import base64
import math
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from src.report.chart_style import PALETTE

_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """A picture for the macro ``gallery``: name and caption are plain texts, data is the image as a data URI."""

    name: str
    caption: str
    data: str


def render(template: str, **values: Any) -> str:
    """A page as text.

    Args:
        template: file name in src/report/templates.
        values: its variables, including "title"; a missing one raises ``jinja2.UndefinedError``.
    """
    return _environment().get_template(template).render(values, written=f"{datetime.now():%Y-%m-%d %H:%M}")


def picture(image: np.ndarray, name: str, caption: str) -> Picture:
    """An image (uint8 [H, W, 3] RGB) as a JPEG inside the page."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return Picture(name, caption, "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii"))


def score(value: float | None) -> str:
    """A score of 0 to 1 with three decimals; n/a where nothing could be measured."""
    return "n/a" if value is None else f"{value:.3f}"


def at_least(value: float | None) -> str:
    """A threshold with three decimals, rounded down, so that a detection with this very score is kept."""
    return "n/a" if value is None else f"{math.floor(value * 1000 + 1e-9) / 1000:.3f}"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["palette"] = PALETTE
    environment.filters |= {
        "score": score,
        "at_least": at_least,
        "count": lambda value: "n/a" if value is None else str(value),
        "thousands": lambda value: f"{value:,}",
        "percent": lambda part, total: f"{100 * part / total:.0f} %" if total else "n/a",
    }
    return environment
