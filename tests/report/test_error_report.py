"""The report as files: whole, offline, readable, for every odd data set."""

import base64
import html
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import cv2
import numpy as np
import pytest

from src.data.annotations import Annotations
from src.errors import UserError
from src.evaluation.metrics import evaluate
from src.report.csv_tables import TABLES
from src.report.error_report import PAGE_NAME, check_report, write_report
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene

BOX = (0, 0, 100, 100)
VOID = {"meta", "img"}


class _Balance(HTMLParser):
    """Collects tags that are open at the end, or closed in a wrong order."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def _write(folder, annotations, records, img_dir=None, overwrite=False) -> str:
    metrics = evaluate(annotations, records)
    page = write_report(folder, annotations, records, metrics, {"results": "<a> & b"}, img_dir, overwrite)
    assert page == folder / PAGE_NAME
    return page.read_text(encoding="utf-8")


def _images(folder, annotations) -> None:
    for image in annotations.images:
        path = folder / image.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", np.full((image.height, image.width, 3), 99, np.uint8))
        path.write_bytes(data.tobytes())


@pytest.mark.parametrize("case", [RANDOM[0], RANDOM[12], *EMPTY, (scene(entry(1, [BOX], [1]), classes=1), [])])
def test_every_data_set_has_a_whole_page_that_needs_no_other_file(case, tmp_path):
    page = _write(tmp_path, *case)
    balance = _Balance()
    balance.feed(page)
    assert not balance.open and not balance.wrong
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels[0] == 1 and all(new <= old + 1 and new > 1 for old, new in pairwise(levels)), "headings in order"
    assert page.count("<svg") == len(re.findall(r'<div role="img" aria-label="[^"]+"><svg', page))
    for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(chart)
    assert "<script" not in page and "http" not in page and not re.search(r'src="(?!data:)|url\((?!#)', page)
    assert (
        set(re.findall(r'href="([^#"][^"]*)"', page)) == set(TABLES) == {path.name for path in tmp_path.glob("*.csv")}
    )
    assert "&lt;a&gt; &amp; b" in page and "nan" not in re.sub(r"base64,[^\"]*", "", page)


@pytest.mark.parametrize("case", EMPTY[1:])
def test_without_objects_nothing_is_measured_and_nothing_is_0(case, tmp_path):
    page = _write(tmp_path, *case)
    assert "0.000" not in page.split("</style>")[1] and "n/a" in page
    summary = dict(line.split(",") for line in (tmp_path / "summary.csv").read_text().splitlines()[1:])
    assert {summary[key] for key in ("AP", "AR_100", "best_f1", "precision", "recall")} == {""}


def test_the_page_and_the_summary_say_by_which_area_objects_are_sized(tmp_path):
    image = replace(entry(1, [BOX, BOX, BOX], [1, 1, 2]), areas=np.array([500, np.nan, 9000.0]))
    page = _write(tmp_path, scene(image), [])
    rule = 'by the "area" of the annotation (2 objects), by the area of the box (1 object).'
    assert f"Objects are small, medium and large {rule}" in html.unescape(page)
    summary = (tmp_path / "summary.csv").read_text()
    assert "objects with the area of the annotation,2\nobjects with the area of the box,1\n" in summary


def test_the_worst_images_are_drawn_inside_the_page(tmp_path):
    annotations = scene(entry(1, [BOX], [1]), entry(2, [BOX, BOX], [1, 2]), entry(3))
    _images(tmp_path / "images", annotations)
    page = _write(tmp_path / "report", annotations, [record(1, 1, BOX, 0.9)], tmp_path / "images")
    pictures = re.findall(r'alt="([^"]*)" src="data:image/jpeg;base64,([^"]*)"', page)
    wanted = ["sub/2 ü.png, ground truth", "sub/2 ü.png, detections"]  # the others are as they should be
    assert [alt for alt, _ in pictures] == wanted
    assert "sub/2 ü.png: 2 of 2 objects not found" in page
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0][1]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[1] > 300


def test_without_images_the_worst_are_named(tmp_path):
    page = _write(tmp_path, scene(entry(1, [BOX], [1])), [])
    assert "--eval_img_dir" in page and "sub/1 ü.png" in page and "<img" not in page


def test_many_classes_with_odd_names(tmp_path):
    names = tuple(f'<b>"class"</b> & {index} \x85 猫 {"x" * 80}' for index in range(30))
    boxes = [(0, 0, 20 + index, 40) for index in range(30)]
    annotations = Annotations(names, tuple(range(1, 31)), (entry(1, boxes, range(1, 31)),))
    found = [record(1, 1, box, 0.9) | {"category_id": (index * 7) % 30 + 1} for index, box in enumerate(boxes)]
    page = _write(tmp_path, annotations, found)
    assert "<b>class" not in page and "18 more classes" in page and "20 of 30 classes" in page
    assert len((tmp_path / "confusion.csv").read_text(encoding="utf-8").split("\n")) == 33


def test_no_file_of_an_older_report_is_replaced_unasked(tmp_path):
    annotations, records = RANDOM[1]
    _write(tmp_path, annotations, records)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == len(TABLES) + 1
    with pytest.raises(UserError, match="--overwrite"):
        _write(tmp_path, annotations, [])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / PAGE_NAME).unlink()
    with pytest.raises(UserError, match="csv"):
        check_report(tmp_path, False)
    assert "Nothing was detected" in _write(tmp_path, annotations, [], overwrite=True)


def test_a_missing_image_is_an_error_before_anything_is_written(tmp_path):
    annotations = scene(replace(entry(1, [BOX], [1]), file_name="none.png"))
    with pytest.raises(UserError, match=r"none\.png"):
        _write(tmp_path / "report", annotations, [], tmp_path)
    assert not (tmp_path / "report").exists()
