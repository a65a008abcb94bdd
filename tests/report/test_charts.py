"""SVG charts: well-formed, inside their frame, sensible ticks."""

import re
import xml.etree.ElementTree as ET

import pytest

from src.report.charts import _ticks, bar_chart, line_chart


def _corners(chart: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'<polyline points="([^"]*)"', chart)
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]


def test_a_chart_is_well_formed_and_keeps_names_apart_from_markup():
    chart = line_chart("a < b & c", {"<script>": [(0, 1), (10, 2)]})
    assert ET.fromstring(chart).tag == "figure"
    assert "<script>" not in chart


def test_lines_stay_in_the_frame_and_rise_with_their_values():
    rising, flat = _corners(line_chart("t", {"rising": [(0, 0.1), (50, 0.5), (100, 0.9)], "flat": [(0, -2), (90, -2)]}))
    assert all(0 <= x <= 520 and 0 <= y <= 240 for x, y in rising + flat)
    assert rising[0][1] > rising[1][1] > rising[2][1] and flat[0][1] == flat[1][1]
    assert rising[1][0] - rising[0][0] == pytest.approx(rising[2][0] - rising[1][0], abs=0.11)


@pytest.mark.parametrize(
    "points", [[], [(5, 0.0)], [(0, float("nan")), (1, 2.0)], [(0, 1e-9), (1, 2e-9)], [(0, -3e8), (1e6, 7e8)]]
)
def test_odd_series_are_drawn(points):
    ET.fromstring(line_chart("t", {"a": points}))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.37), (-2, 5), (100, 100), (0, 0), (3, 12345), (-1, -1)])
def test_ticks_are_few_and_enclose_the_values(low, high):
    ticks = _ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8


def test_a_span_holds_both_axes_and_marks_are_drawn_and_explained():
    chart = line_chart("t", {"p": [(0, 0.5), (0.4, 0.25)]}, "recall", (0.0, 1.0), {"best & only": (0.4, 0.25)})
    ((left, _), (right, low)) = _corners(chart)[0]
    rings = re.findall(r'<circle cx="([^"]*)" cy="([^"]*)" r="5"', chart)
    assert rings == [(f"{right:.1f}", f"{low:.1f}")]
    assert right - left == pytest.approx(0.4 * (520 - 52 - 22), abs=0.2)
    assert "best &amp; only" in ET.tostring(ET.fromstring(chart), encoding="unicode")


def _bars(chart: str) -> list[tuple[float, float, float, float]]:
    found = re.findall(r'<rect x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)"', chart)
    return [tuple(map(float, bar)) for bar in found]


def test_bars_stand_side_by_side_in_their_bins_and_grow_with_their_counts():
    chart = bar_chart("t", [0, 0.5, 1], {"right": [1, 0], "wrong": [100, 7]}, "score")
    assert ET.fromstring(chart).tag == "figure"
    bars = _bars(chart)
    assert len(bars) == 3 and len({y + height for _, y, _, height in bars}) == 1
    one, hundred, seven = bars
    assert 0 < one[3] < seven[3] < hundred[3] <= 240 - 30 - 34 + 0.1
    assert one[0] < hundred[0] < seven[0] and one[0] + one[2] <= hundred[0] + 0.1
    assert "<b>107</b>" in chart and "<b>1</b>" in chart


@pytest.mark.parametrize("counts", [[0, 0], [1, 0], [10, 10], [10**7, 1]])
def test_any_counts_stay_in_the_frame(counts):
    for x, y, width, height in _bars(bar_chart("t", [-3, 0, 3], {"a": counts}, "score")):
        assert x >= 52 and x + width <= 520 - 22 and y >= 30 - 0.1 and height > 0
