"""Charts of a page: lines over steps or recall, and histograms of scores. The page writes title and legend around the drawing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from src.report.chart_style import PALETTE, TOOLTIP, chart_style, inline_svg, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (5.2, 2.3)  # inches
_PLOT = (0.1, 0.19, 0.87, 0.76)  # left, bottom, width and height of the plot within the figure
_HEADROOM = 1.06  # top of the vertical axis, as a multiple of the highest value
_BAND_OPACITY = 0.18
_MOST_POINTS = 30  # lines with fewer points show them as dots, too

Point = tuple[float, float]


class Key(NamedTuple):
    """An entry of a legend: the CSS variable of its colour, a name, and a value as text, which may be empty."""

    colour: str
    name: str
    value: str


class Band(NamedTuple):
    """An interval around a line: its name, ascending x [N], and its lower and upper ends [N]."""

    name: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """A chart for the macro ``chart`` of the templates.

    Attributes:
        title: plain text.
        svg: the drawing, an ``<svg>`` element.
        legend: plain texts, in the order of the series.
        description: the chart in one sentence, as its alternative text.
    """

    title: str
    svg: Markup
    legend: tuple[Key, ...]
    description: str


def line_chart(
    title: str,
    series: Mapping[str, Sequence[Point]],
    x_title: str = "step",
    limits: Point | None = None,
    marks: Mapping[str, Point] | None = None,
    band: Band | None = None,
) -> Chart:
    """One line per series.

    Args:
        title: of the chart.
        series: by name, points (x, y) with ascending x; points that are not finite are left out.
        x_title: of the horizontal axis.
        limits: lowest and highest value of both axes; None: they fit the points; the vertical one starts
            at 0 unless a value is negative.
        marks: by name, points drawn as rings; the legend then explains these instead of the lines.
        band: drawn around the last series.

    Returns:
        The chart; its legend has the last value of each series.
    """
    lines = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    with chart_style():
        figure, axes = _new_figure(x_title, "{x:.6g}", "{x:.4g}")
        for index, points in enumerate(lines.values()):
            dots = "o" if len(points) < _MOST_POINTS and marks is None else None
            axes.plot(*zip(*points, strict=True), color=_colour(index), marker=dots, clip_on=limits is None)
        for index, point in enumerate((marks or {}).values(), start=1):
            axes.plot(*point, "o", mfc="none", mec=_colour(index), mew=2.5, ms=9, clip_on=False)
        if band:
            axes.fill_between(band.x, band.low, band.high, color=_colour(len(lines) - 1), alpha=_BAND_OPACITY, lw=0)
        heights = [y for points in lines.values() for _, y in points] + ([*band.low, *band.high] if band else [])
        if limits is not None:
            axes.set(xlim=limits, ylim=limits)
        elif heights and min(heights) >= 0:
            axes.set_ylim(0, _HEADROOM * max(heights) or None)
        svg = Markup(inline_svg(figure))
    legend = [
        Key(series_colour(index), name, f"{points[-1][1]:.4g}") for index, (name, points) in enumerate(lines.items())
    ]
    if band:
        legend.append(Key(series_colour(len(lines) - 1), band.name, f"{band.low[-1]:.4g} to {band.high[-1]:.4g}"))
    if marks is not None:
        legend = [Key(series_colour(index), name, "") for index, name in enumerate(marks, start=1)]
    return Chart(title, svg, tuple(legend), _describe(title, f"lines over {x_title}", legend))


def bar_chart(title: str, edges: Sequence[float], series: Mapping[str, Sequence[int]], x_title: str) -> Chart:
    """A histogram, the bars of each bin side by side; heights are logarithmic, so that rare counts show beside frequent ones.

    Args:
        title: of the chart.
        edges: ascending edges of the N bins, N + 1 of them.
        series: by name, N counts.
        x_title: of the horizontal axis.

    Returns:
        The chart; its legend has the sum of each series.
    """
    with chart_style():
        figure, axes = _new_figure(x_title, "{x:.6g}", "{x:,.0f}")
        widths = 0.9 * np.diff(edges) / len(series)
        for index, (name, counts) in enumerate(series.items()):
            left = np.asarray(edges[:-1]) + 0.05 * np.diff(edges) + index * widths
            drawn = np.flatnonzero(counts)
            bars = axes.bar(left[drawn], np.take(counts, drawn), widths[drawn], align="edge", color=_colour(index))
            for bin_, bar in zip(drawn.tolist(), bars, strict=True):
                bar.set_gid(f"{TOOLTIP}{edges[bin_]:.2f} to {edges[bin_ + 1]:.2f}: {counts[bin_]:,} {name}")
        axes.set_yscale("symlog", linthresh=1)
        most = max([1, *(count for counts in series.values() for count in counts)])
        powers = range(math.ceil(math.log10(most)) + 1)
        axes.set_yticks([0, *(10**power for power in powers)])
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(1.1 * most, 10 ** powers[-1])))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        svg = Markup(inline_svg(figure))
    legend = [
        Key(series_colour(index), name, f"{sum(counts):,}") for index, (name, counts) in enumerate(series.items())
    ]
    return Chart(title, svg, tuple(legend), _describe(title, f"a histogram by {x_title}", legend))


def _new_figure(x_title: str, x_format: str, y_format: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(_SIZE)
    axes = figure.add_axes(_PLOT)
    axes.set_xlabel(x_title)
    axes.grid(visible=False, axis="x")
    axes.locator_params(nbins=5)
    axes.xaxis.set_major_formatter(x_format)
    axes.yaxis.set_major_formatter(y_format)
    return figure, axes


def _colour(index: int) -> str:
    return PALETTE[series_colour(index)][0]


def _describe(title: str, form: str, legend: Sequence[Key]) -> str:
    return f"{title}: {form}; {', '.join(f'{key.name} {key.value}'.strip() for key in legend) or 'no values'}"
