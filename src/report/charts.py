"""Charts as SVG text, for a page that needs no network and no plotting library."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise

_WIDTH, _HEIGHT = 520, 240  # pixels of the whole drawing
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 30, 34  # pixels around the plot
_COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#b8860b", "#7b4fa3", "#5f6b76")
_TICKS = 5

Point = tuple[float, float]


def line_chart(
    title: str,
    series: Mapping[str, Sequence[Point]],
    x_title: str = "step",
    span: Point | None = None,
    marks: Mapping[str, Point] | None = None,
) -> str:
    """One chart.

    Args:
        title: stands above the plot.
        series: by name, points (x, y) with rising x; points that are not finite are left out.
        x_title: stands below the plot.
        span: least and greatest value of both axes; None: they are made to fit.
        marks: by name, points drawn as rings and explained in the legend.

    Returns:
        A ``<figure>`` with an ``<svg>`` of axes and one line a series, and a legend with the last value of each.
    """
    lines = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    every = [point for points in lines.values() for point in points] or [(0.0, 0.0)]
    x_ticks = _ticks(*(span or (min(x for x, _ in every), max(x for x, _ in every))))
    y_ticks = _ticks(*(span or (min(0.0, *(y for _, y in every)), max(y for _, y in every))))
    place = _place(x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1])
    parts = _frame(
        title, x_title, place, [(tick, f"{tick:.6g}") for tick in x_ticks], [(y, f"{y:.4g}") for y in y_ticks]
    )
    for index, points in enumerate(lines.values()):
        corners = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        colour = _colour(index)
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if len(points) < 30 and marks is None:
            for x, y in points:
                parts.append('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>'.format(*place(x, y), colour))
    legend = [(_colour(index), name, f"{points[-1][1]:.4g}") for index, (name, points) in enumerate(lines.items())]
    for index, (name, point) in enumerate((marks or {}).items(), start=1):
        ring = '<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="none" stroke="{}" stroke-width="2.5"/>'
        parts.append(ring.format(*place(*point), _colour(index)))
        legend.append((_colour(index), name, ""))
    return _figure(title, parts, legend if marks is None else legend[len(lines) :])


def bar_chart(title: str, edges: Sequence[float], series: Mapping[str, Sequence[int]], x_title: str) -> str:
    """A histogram, the bars of each bin side by side; heights are logarithmic, so that rare things show beside frequent ones.

    Args:
        title: stands above the plot.
        edges: rising borders of the N bins, N + 1 of them.
        series: by name, N counts.
        x_title: stands below the plot.

    Returns:
        A ``<figure>`` with an ``<svg>``, and a legend with the sum of each series.
    """
    most = max([1, *(count for counts in series.values() for count in counts)])
    powers = range(math.ceil(math.log10(most) - 1e-9) + 1)
    y_ticks = [(0.0, "0"), *((math.log10(1 + 10**power), f"{10**power:,}") for power in powers)]
    place = _place(edges[0], edges[-1], 0.0, max(y_ticks[-1][0], math.log10(1 + most)))
    parts = _frame(title, x_title, place, [(tick, f"{tick:.6g}") for tick in _ticks(edges[0], edges[-1])], y_ticks)
    bottom = _HEIGHT - _BOTTOM
    for number, (low, high) in enumerate(pairwise(edges)):
        left, right = place(low, 0)[0] + 2, place(high, 0)[0] - 2
        width = (right - left) / len(series)
        for index, (name, counts) in enumerate(series.items()):
            if counts[number]:
                top = place(low, math.log10(1 + counts[number]))[1]
                where = f'x="{left + index * width:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}"'
                tip = f"<title>{low:.2f} to {high:.2f}: {counts[number]:,} {escape(name)}</title>"
                parts.append(f'<rect {where} fill="{_colour(index)}">{tip}</rect>')
    legend = [(_colour(index), name, f"{sum(counts):,}") for index, (name, counts) in enumerate(series.items())]
    return _figure(title, parts, legend)


def _place(left: float, right: float, bottom: float, top: float) -> Callable[[float, float], Point]:
    """From values to pixels of the drawing."""

    def place(x: float, y: float) -> Point:
        across, up = (x - left) / (right - left), (y - bottom) / (top - bottom)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    return place


def _frame(
    title: str,
    x_title: str,
    place: Callable[[float, float], Point],
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
) -> list[str]:
    """Titles, grid and numbers of the axes."""
    parts = [f'<text x="{_LEFT}" y="18" class="title">{escape(title)}</text>']
    for tick, text in y_ticks:
        _, y = place(x_ticks[0][0], tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for tick, text in x_ticks:
        x, _ = place(tick, y_ticks[0][0])
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{text}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_title)}</text>')
    return parts


def _figure(title: str, parts: Sequence[str], legend: Sequence[tuple[str, str, str]]) -> str:
    """The drawing and, for each colour, a name and a value."""
    drawing = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    items = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}{f" <b>{value}</b>" if value else ""}</span>'
        for colour, name, value in legend
    )
    return f'<figure class="chart">{drawing}<figcaption>{items}</figcaption></figure>'


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, two or more."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * index for index in range(first, last + 1)]
