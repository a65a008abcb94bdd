"""Templates: whatever a value holds, it stays text; a page is whole; what is missing is an error."""

import base64
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import cv2
import jinja2
import numpy as np
import pytest

from src.report.chart_style import PALETTE
from src.report.charts import line_chart
from src.report.pages import _environment, at_least, picture, score

ODD = '<script> & "猫" \'\x85'


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
    macros = "{% from 'macros.html' import charts, folded, gallery, row_name, score, table %}"
    return _environment().from_string(macros + text).render(values)


@pytest.mark.parametrize(
    "text",
    [
        "{{ row_name(odd) }}",
        "{% call table([odd], odd) %}<tr><td>{{ odd }}</td></tr>{% endcall %}",
        "{% call folded(odd) %}{{ odd }}{% endcall %}",
        "{{ gallery([picture]) }}",
        "{{ charts([chart]) }}",
    ],
)
def test_names_stay_text(text):
    values = {"picture": picture(np.zeros((4, 5, 3), np.uint8), ODD, ODD), "chart": line_chart(ODD, {ODD: [(0, 1)]})}
    part = _render(text, odd=ODD, **values)
    assert "<script>" not in part and "&lt;script&gt;" in part
    reader = _Reader()
    reader.feed(part)
    assert ODD in reader.texts


def test_a_table_keeps_its_cells_in_rows_and_columns():
    rows = "{% for row in rows %}<tr>{{ row_name(row[0]) }}<td>{{ row[1] }}</td></tr>{% endfor %}"
    part = _render("{% call table(['a', 'b'], 'dense') %}" + rows + "{% endcall %}", rows=[["1", 2], ["<3>", 4]])
    tree = ET.fromstring(part)
    cells = [["".join(cell.itertext()) for cell in row] for row in tree.findall(".//tr")]
    assert cells == [["a", "b"], ["1", "2"], ["<3>", "4"]] and tree.find("table").get("class") == "dense"


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


def test_a_picture_is_inside():
    image = np.full((4, 5, 3), (200, 100, 0), np.uint8)
    data = base64.b64decode(picture(image, "a", "b").data.removeprefix("data:image/jpeg;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded[..., ::-1].astype(int) - image).max() < 8


def test_numbers():
    assert (score(0.12349), score(None)) == ("0.123", "n/a")
    assert (
        _render("{{ score(0.5, 0.25) }} {{ score(0.5) }} {{ score(none, 0.5) }}")
        == "0.500<small>+0.250</small> 0.500 n/a"
    )
    assert (at_least(0.70299), at_least(0.3), at_least(-0.0001), at_least(None)) == ("0.702", "0.300", "-0.001", "n/a")
