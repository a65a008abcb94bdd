"""The style of all charts and pages: one palette for light and dark, and matplotlib figures as SVG that a page can embed.

Importing matplotlib takes a second, so it is imported where a figure is made: programs start without it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# CSS variable: its colour on a light and on a dark page. Figures are drawn in the light ones.
PALETTE = {
    "surface": ("#ffffff", "#14181c"),
    "ink": ("#1c2329", "#e4e9ed"),
    "muted": ("#5a6672", "#9aa7b3"),
    "line": ("#dde2e6", "#313a42"),
    "series-1": ("#1f6fb4", "#62aeea"),
    "series-2": ("#d1495b", "#f0808e"),
    "series-3": ("#2e8b57", "#62c08b"),
    "series-4": ("#b8860b", "#dcb14a"),
    "series-5": ("#7b4fa3", "#b995dc"),
    "series-6": ("#66717c", "#a6b1bb"),
}
SERIES = [name for name in PALETTE if name.startswith("series-")]
INK, MUTED, LINE = (PALETTE[name][0] for name in ("ink", "muted", "line"))
TOOLTIP = "tooltip: "  # start of the gid of a shape that shows the rest of it when the pointer is on it

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # the same numbers give the same file


def series_colour(index: int) -> str:
    """CSS variable of the colour of series ``index`` (from 0)."""
    return SERIES[index % len(SERIES)]


@contextmanager
def chart_style() -> Iterator[None]:
    """matplotlib's settings while a figure is made and written: no spines, a pale grid, text as text, fixed ids."""
    import matplotlib

    settings = {
        "axes.axisbelow": True,
        "axes.edgecolor": LINE,
        "axes.grid": True,
        "axes.labelcolor": MUTED,
        "axes.labelsize": 9,
        "axes.prop_cycle": matplotlib.cycler(color=[PALETTE[name][0] for name in SERIES]),
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9,
        "grid.color": LINE,
        "grid.linewidth": 1,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 4,
        "svg.fonttype": "none",  # text can be selected, and the fonts of the reader have more alphabets than ours
        "svg.hashsalt": "chart",
        "text.color": INK,
        "text.parse_math": False,  # a "$" of a name is a "$"
        "xtick.color": MUTED,
        "xtick.major.size": 0,
        "ytick.color": MUTED,
        "ytick.major.size": 0,
        "ytick.minor.size": 0,
    }
    with matplotlib.rc_context(settings):
        yield


def save_svg(figure: "Figure", path: Path) -> None:
    """Write a figure as an SVG file of its own, inside ``chart_style``; colours are those of a light page."""
    figure.savefig(path, format="svg", facecolor=PALETTE["surface"][0], metadata=_NO_METADATA)


def inline_svg(figure: "Figure") -> str:
    """A figure as an ``<svg>`` element for an HTML page, inside ``chart_style``.

    Colours become the variables of ``PALETTE``, so that the chart follows the page into dark mode. What only a file
    needs is removed: the size in points, ids of groups, and the style sheet, which would apply to the page.
    """
    file = BytesIO()
    figure.savefig(file, format="svg", metadata=_NO_METADATA)
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(file.getvalue())
    for key in ("width", "height", "version"):
        root.attrib.pop(key)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag == f"{{{_SVG}}}style"]:
            parent.remove(child)
        name = parent.get("id", "")
        if name.startswith(TOOLTIP):
            title = ElementTree.Element(f"{{{_SVG}}}title")
            title.text = name.removeprefix(TOOLTIP)
            parent.insert(0, title)
        if _LINK in parent.attrib:
            parent.set("href", parent.attrib.pop(_LINK))
        elif parent.tag == f"{{{_SVG}}}g":
            parent.attrib.pop("id", None)
    text = ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{_SVG}"', "", 1)
    variables = {light: f"var(--{name})" for name, (light, _) in PALETTE.items()}
    return re.sub(r"#[0-9a-f]{6}(?=[;\"])", lambda match: variables.get(match[0], match[0]), text)
