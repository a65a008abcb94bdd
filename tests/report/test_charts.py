"""Charts: SVG for the inside of a page, drawn where the numbers say, the same for the same numbers."""

import re
import xml.etree.ElementTree as ET

import pytest

from src.report.charts import Band, Chart, bar_chart, line_chart

DRAWN = '<script> & "$x$" é'
ODD = f"{DRAWN} \x85 猫"


def _root(chart: Chart) -> ET.Element:
    """The drawing; it may stand in a page: no file is named, nothing is styled by id or for the whole page."""
    svg = str(chart.svg)
    assert svg.startswith("<svg") and not re.search(r'http|xmlns|<style|<g id=|href="(?!#)', svg)
    return ET.fromstring(svg)


def _path(element: ET.Element) -> list[tuple[float, float]]:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", element.get("d"))]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _lines(chart: Chart) -> list[list[tuple[float, float]]]:
    paths = [path for path in _root(chart).iter("path") if "stroke: var(--series-" in path.get("style", "")]
    return [_path(path) for path in paths if path.get("id") is None]


def _size(chart: Chart) -> tuple[float, float]:
    _, _, width, height = map(float, _root(chart).get("viewBox").split())
    return width, height


def test_lines_stay_in_the_frame_and_rise_with_their_values():
    chart = line_chart("t", {"rising": [(0, 0.1), (50, 0.5), (100, 0.9)], "flat": [(0, -2), (90, -2)]})
    rising, flat = _lines(chart)
    width, height = _size(chart)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in rising + flat)
    assert rising[0][1] > rising[1][1] > rising[2][1] and flat[0][1] == flat[1][1]
    assert rising[1][0] - rising[0][0] == pytest.approx(rising[2][0] - rising[1][0], abs=0.01)


@pytest.mark.parametrize(
    "points", [[], [(5, 0.0)], [(0, float("nan")), (1, 2.0)], [(0, 1e-9), (1, 2e-9)], [(0, -3e8), (1e6, 7e8)]]
)
def test_odd_series_are_drawn(points):
    chart = line_chart("t", {"a": points})
    last = points[-1:] and f"{points[-1][1]:.4g}"
    assert _root(chart) and [key.value for key in chart.legend] == ([last] if last else [])


def test_the_same_numbers_give_the_same_chart_and_colours_follow_the_page():
    first, second = (line_chart("t", {"a": [(0, 1), (1, 2)]}, marks={"b": (0, 1)}) for _ in range(2))
    assert first == second
    assert {"var(--muted)", "var(--line)", "var(--series-1)", "var(--series-2)"} <= set(
        re.findall(r"var\(--[\w-]+\)", first.svg)
    )
    assert set(re.findall(r"#[0-9a-f]{6}", first.svg)) <= {"#ffffff", "#000000"}


def test_limits_hold_both_axes_and_marks_are_drawn_and_explained():
    chart = line_chart("t", {"p": [(0, 0.5), (0.4, 0.25)]}, "recall", (0.0, 1.0), {"best": (0.4, 0.25)})
    [line] = _lines(chart)
    [ring] = [(float(use.get("x")), float(use.get("y"))) for use in _root(chart).iter("use")]
    assert ring == pytest.approx(line[-1], abs=0.01)
    [frame] = [rect for clip in _root(chart).iter("clipPath") for rect in clip]
    assert line[1][0] - line[0][0] == pytest.approx(0.4 * float(frame.get("width")), abs=0.01)
    assert line[0][1] - float(frame.get("y")) == pytest.approx(0.5 * float(frame.get("height")), abs=0.01)
    assert [key.name for key in chart.legend] == ["best"]


def _bars(chart: Chart) -> dict[str, tuple[float, float, float, float]]:
    """Left, right, top and bottom of each bar by its tooltip."""
    found = {}
    for group in _root(chart).iter("g"):
        if (title := group.find("title")) is not None:
            xs, ys = zip(*_path(group.find("path")), strict=True)
            found[title.text] = (min(xs), max(xs), min(ys), max(ys))
    return found


def test_bars_stand_side_by_side_in_their_bins_and_grow_with_their_counts():
    bars = _bars(bar_chart("t", [0, 0.5, 1], {"right": [1, 0], "wrong": [100, 7]}, "score"))
    one, hundred, seven = (
        bars[name] for name in ("0.00 to 0.50: 1 right", "0.00 to 0.50: 100 wrong", "0.50 to 1.00: 7 wrong")
    )
    assert len(bars) == 3 and len({bottom for *_, bottom in bars.values()}) == 1
    assert one[2] > seven[2] > hundred[2] and one[1] <= hundred[0] + 0.01 and hundred[1] < seven[0]


@pytest.mark.parametrize("counts", [[0, 0], [1, 0], [10, 10], [10**7, 1]])
def test_any_counts_stay_in_the_frame(counts):
    chart = bar_chart("t", [-3, 0, 3], {"a": counts}, "score")
    [frame] = [rect for clip in _root(chart).iter("clipPath") for rect in clip] or [None]
    left, top = (float(frame.get(key)) for key in ("x", "y"))
    for x1, x2, y1, y2 in _bars(chart).values():
        assert left <= x1 < x2 <= left + float(frame.get("width")) + 0.01 and top - 0.01 <= y1 < y2
    assert chart.legend[0].value == f"{sum(counts):,}"


def test_names_stay_text_in_drawing_legend_and_description():
    charts = (line_chart(ODD, {ODD: [(0, 1)]}, DRAWN), bar_chart(ODD, [0, 1], {ODD: [3]}, DRAWN))
    for chart in charts:
        texts = ["".join(text.itertext()) for text in _root(chart).iter("text")]
        assert DRAWN in texts and "<script>" not in chart.svg
        assert chart.legend[0].name == ODD and chart.description.startswith(ODD)
    assert list(_bars(charts[1])) == [f"0.00 to 1.00: 3 {ODD}"]


def test_a_band_lies_around_its_line_and_is_explained():
    band = Band("90 % interval", [1.0, 2.0], [8.0, 7.0], [12.0, 14.0])
    chart = line_chart("AP", {"now": [(0, 10)], "forecast": [(1, 10), (2, 11)]}, band=band)
    assert [(key.name, key.value) for key in chart.legend] == [
        ("now", "10"),
        ("forecast", "11"),
        ("90 % interval", "7 to 14"),
    ]
    assert chart.legend[1].colour == chart.legend[2].colour and "90 % interval 7 to 14" in chart.description
    assert chart.svg.count("opacity: 0.18") == 1


def test_the_highest_point_is_not_cut_off():
    """Two values that differ little, far above 0: the dot of the higher one, of 4 points, stays inside the frame."""
    chart = line_chart("AP", {"AP": [(0, 28.2), (1, 30.5)]})
    (line,) = _lines(chart)
    _, height = _size(chart)
    assert min(y for _, y in line) > 0.05 * height + 2, "the frame begins at 0.05 of the height"
