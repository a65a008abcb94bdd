"""Templates: whatever a value holds, it stays text; a page is whole; what is missing is an error."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import jinja2
import numpy as np
import pytest

from src.report.chart_style import PALETTE
from src.report.charts import line_chart
from src.report.pages import Picture, _environment, at_least, inline_image, score
from tests.report.inline import pixels

ODD = '<script> & "猫" \'\x85\u202egnp.exe\x1b'
SHOWN = '<script> & "猫" \'\\x85\\u202egnp.exe\\x1b'


class _Reader(HTMLParser):
    """Collects what a browser would take for text, and the values of attributes."""

    def __init__(self):
        super().__init__()
        self.texts = set()

    def handle_starttag(self, tag, attributes):
        self.texts |= {value for _, value in attributes}

    def handle_data(self, data):
        self.texts.add(data)


def _render(text: str, **values) -> str:
    """A page that is not one of ours: its own text, with all macros at hand."""
    macros = "{% from 'macros.html' import charts, class_legend, folded, gallery, row_name, score, table %}"
    return _environment().from_string(macros + text).render(values)


@pytest.mark.parametrize(
    "text",
    [
        "{{ row_name(odd) }}",
        "{% call table([odd], odd) %}<tr><td>{{ odd }}</td></tr>{% endcall %}",
        "{% call folded(odd) %}{{ odd }}{% endcall %}",
        "{{ gallery([picture]) }}",
        "{{ class_legend([(odd, (1, 2, 3))]) }}",
        "{{ charts([chart]) }}",
    ],
)
def test_names_stay_text(text):
    values = {
        "picture": Picture((inline_image(np.zeros((4, 5, 3), np.uint8), ODD),), ODD),
        "chart": line_chart(ODD, {ODD: [(0, 1)]}),
    }
    part = _render(text, odd=ODD, **values)
    assert "<script>" not in part and "&lt;script&gt;" in part
    reader = _Reader()
    reader.feed(part)
    assert SHOWN in reader.texts


def test_a_table_keeps_its_cells_in_rows_and_columns():
    rows = "{% for row in rows %}<tr>{{ row_name(row[0]) }}<td>{{ row[1] }}</td></tr>{% endfor %}"
    part = _render("{% call table(['a', 'b'], 'dense') %}" + rows + "{% endcall %}", rows=[["1", 2], ["<3>", 4]])
    tree = ET.fromstring(part)
    cells = [["".join(cell.itertext()) for cell in row] for row in tree.findall(".//tr")]
    assert cells == [["a", "b"], ["1", "2"], ["<3>", "4"]] and tree.find("table").get("class") == "dense"


def test_on_a_narrow_screen_cells_of_many_columns_say_what_they_are():
    """Each cell bears the title of its column, which style.css shows where a row has become a card."""
    row = "<tr>{{ row_name('<td>') }}{% for column in header[1:] %}<td>1</td>{% endfor %}</tr>"
    text = "{% call table(header, kind) %}" + row + "{% endcall %}"
    header, shown = ([f"{name} {number}" for number in range(7)] for name in (ODD, SHOWN))
    table = ET.fromstring(_render(text, header=header, kind="")).find("table")
    assert [cell.get("data-title") for cell in table.find("tbody/tr")] == shown and "cards" in table.get("class")
    for columns, kind in ((header[:6], ""), (header, "confusion")):
        table = ET.fromstring(_render(text, header=columns, kind=kind)).find("table")
        assert "cards" not in table.get("class"), "few columns fit, and a matrix stays one"


def test_another_page_extends_the_same_base():
    page = _render(
        "{% extends 'base.html' %}{% block content %}<p>{{ title }}</p>{% endblock %}", title=ODD, written="now"
    )
    assert page.startswith("<!DOCTYPE html>") and page.count("&lt;script&gt;") == 3 and "<script" not in page
    for name, (light, dark) in PALETTE.items():
        assert f"--{name}: {light};" in page and f"--{name}: {dark};" in page


def test_a_missing_value_is_an_error_not_an_empty_page():
    with pytest.raises(jinja2.UndefinedError, match="title"):
        _render("{% extends 'base.html' %}", written="now")


def test_a_picture_is_inside_with_its_size():
    image = np.full((4, 5, 3), (200, 100, 0), np.uint8)
    inside = inline_image(image, "a")
    assert (inside.alt, inside.width, inside.height) == ("a", 5, 4)
    assert np.abs(pixels(inside) - image).max() < 8


def test_thin_coloured_lines_keep_their_colour():
    image = np.zeros((40, 40, 3), np.uint8)
    image[20] = (255, 0, 0)
    assert np.abs(pixels(inline_image(image, "a"))[20] - (255, 0, 0)).max() < 60


def test_wide_images_get_the_full_width():
    wide, usual = (Picture((inline_image(np.zeros((10, width, 3), np.uint8), "a"),), "b") for width in (100, 16))
    assert wide.is_wide and not usual.is_wide and not Picture((), "unreadable").is_wide
    assert "across" in _render("{{ gallery([picture]) }}", picture=wide)
    assert "across" not in _render("{{ gallery([picture]) }}", picture=usual)


def test_numbers():
    assert (score(0.12349), score(None)) == ("0.123", "n/a")
    assert (
        _render("{{ score(0.5, 0.25) }} {{ score(0.5) }} {{ score(none, 0.5) }}")
        == "0.500<small>+0.250</small> 0.500 n/a"
    )
    assert (at_least(0.70299), at_least(0.3), at_least(-0.0001), at_least(None)) == ("0.702", "0.300", "-0.001", "n/a")
