"""What the HTML pages share: one style, tables, embedded pictures, the frame of a page that opens offline."""

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

_JPEG_QUALITY = 80
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2329; background: #fff; max-width: 1120px; margin: 32px auto; padding: 0 20px }
h1 { font-size: 26px; margin-bottom: 4px } h2 { font-size: 19px; margin: 36px 0 8px } p.note { color: #5f6b76 }
h3 { font-size: 15px; margin: 22px 0 2px; overflow-wrap: anywhere }
table { border-collapse: collapse; margin: 12px 0; font-size: 14px; font-variant-numeric: tabular-nums }
th, td { padding: 5px 10px; text-align: right; white-space: nowrap }
th { border-bottom: 2px solid #1c2329; font-weight: 600; vertical-align: bottom } td { border-bottom: 1px solid #dde2e6 }
th:first-child, td:first-child { text-align: left; padding-left: 0; max-width: 210px; overflow: hidden; text-overflow: ellipsis }
td small { color: #5f6b76; margin-left: 6px }
td.text, th.text { text-align: left; white-space: normal }
td.bar { text-align: left; padding-right: 0 } td.bar i { display: inline-block; height: 12px; background: #d1495b; vertical-align: middle }
.wide { overflow-x: auto } .wide + p.note { margin-top: 4px }
.headline { font-size: 18px; border-left: 5px solid #d1495b; background: #faf3f3; padding: 12px 16px; margin: 18px 0 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 12px }
.chart { margin: 0 } .chart svg { width: 100%; font: 11px system-ui, sans-serif; fill: #5f6b76 }
.chart .title { font-size: 14px; font-weight: 600; fill: #1c2329 } .chart .grid { stroke: #e3e7ea }
.chart figcaption { font-size: 12px; padding-left: 52px } .chart figcaption span { margin-right: 16px; white-space: nowrap; display: inline-block }
.chart i { display: inline-block; width: 12px; height: 3px; margin-right: 5px; vertical-align: middle }
.dense th, .dense td { padding: 5px 8px } .dense th:first-child, .dense td:first-child { padding-left: 0 }
.confusion td { text-align: center; min-width: 30px; padding: 5px 6px } .confusion td:first-child { text-align: left; padding-left: 0 }
.confusion .cell { display: block; font-weight: 400; margin: -5px -6px; padding: 5px 6px }
.confusion th:not(:first-child) { text-align: center; padding: 5px 6px }
.confusion th:not(:first-child) span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 190px; overflow: hidden; text-overflow: ellipsis }
.warnings { padding-left: 18px } .warnings li { margin: 4px 0 } .warnings b { color: #a4452c; margin-right: 6px }
.picture { margin: 0 0 22px } .picture img { width: 100%; border: 1px solid #dde2e6 }
.picture figcaption { font-size: 13px; color: #5f6b76; overflow-wrap: anywhere }
summary { cursor: pointer; margin: 16px 0; color: #1f6fb4 }
@media print { .charts, .picture, tr { break-inside: avoid } }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """A whole HTML document of some parts of its body; it refers to no other file."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def note(text: str) -> str:
    """An explanation in grey; ``text`` is plain."""
    return f'<p class="note">{escape(text)}</p>'


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = (), kind: str | None = None
) -> str:
    """A table: first column to the left, the others to the right.

    Args:
        header: plain texts; rows: cells of HTML.
        classes: CSS class of each column; none for those that are missing.
        kind: CSS class of the table.
    """
    opened = [f' class="{name}"' if name else "" for name in classes] + [""] * (len(header) - len(classes))
    head = "".join(f"<th{extra}><span>{escape(cell)}</span></th>" for cell, extra in zip(header, opened, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{extra}>{cell}</td>" for cell, extra in zip(row, opened, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}><tr>{head}</tr>{body}</table></div>'


def picture(image: np.ndarray, name: str, caption: str) -> str:
    """An image (uint8 [H, W, 3] RGB) inside the page; name and caption are plain texts."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    address = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
    text = f'<img alt="{escape(name)}" src="{address}"><figcaption>{escape(caption)}</figcaption>'
    return f'<figure class="picture">{text}</figure>'


def score(value: float | None, before: float | None = None) -> str:
    """A score of 0 to 1, and in small letters how much it has changed; n/a where nothing could be measured."""
    if value is None:
        return "n/a"
    gain = "" if before is None else f"<small>{value - before:+.3f}</small>"
    return f"{value:.3f}{gain}"


def at_least(value: float | None) -> str:
    """A threshold with three decimals, rounded down, so that what has just this score is kept."""
    return "n/a" if value is None else f"{np.floor(value * 1000 + 1e-9) / 1000:.3f}"


def folded(title: str, content: str) -> str:
    """A part of a page (HTML) that opens with a click on its title (plain text); works without a script."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"
