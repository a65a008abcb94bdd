"""Line charts as SVG text, for a page that needs no network and no plotting library."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 520, 240  # pixels of the whole drawing
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 30, 34  # pixels around the plot
_COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#b8860b", "#7b4fa3", "#5f6b76")
_TICKS = 5


def line_chart(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x_title: str = "step") -> str:
    """One chart.

    Args:
        title: stands above the plot.
        series: by name, points (x, y) with rising x; points that are not finite are left out.
        x_title: stands below the plot.

    Returns:
        An ``<svg>`` element with axes, one line a series, and a legend with the last value of each.
    """
    lines = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    every = [point for points in lines.values() for point in points] or [(0.0, 0.0)]
    x_ticks = _ticks(min(x for x, _ in every), max(x for x, _ in every))
    y_ticks = _ticks(min(0.0, *(y for _, y in every)), max(y for _, y in every))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<text x="{_LEFT}" y="18" class="title">{escape(title)}</text>']
    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    for tick in x_ticks:
        x, _ = place(tick, y_ticks[0])
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{tick:.6g}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_title)}</text>')
    for index, points in enumerate(lines.values()):
        corners = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if len(points) < 30:
            for x, y in points:
                parts.append('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>'.format(*place(x, y), colour))
    drawing = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return f'<figure class="chart">{drawing}<figcaption>{_legend(lines)}</figcaption></figure>'


def _legend(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    items = []
    for index, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        items.append(f'<span><i style="background:{colour}"></i>{escape(name)} <b>{points[-1][1]:.4g}</b></span>')
    return "".join(items)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, two or more."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * index for index in range(first, last + 1)]
