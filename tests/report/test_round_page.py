"""The page of a round: what it tells before and after the labels are back, and that it needs no other file."""

import json
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from src.data.annotations import unlabelled_entry
from src.data.formats.tools.annotated import Shape
from src.labelling.box_pairs import CHANGES
from src.report.drawing import class_colour
from src.report.rounds.round_numbers import Progress, curve_charts, forecast, learning_curve
from src.report.rounds.round_page import main
from src.report.rounds.round_pictures import (
    MOST_MISTAKES,
    MOST_PICTURES,
    class_objects,
    cut_out,
    mistakes,
    thumbnails,
)
from tests.report.inline import pixels

CLASSES = [{"id": 1, "name": "<cat>"}, {"id": 2, "name": "hund"}]
TRUE = {"b & b.png": [(1, [5, 5, 20, 20]), (2, [40, 5, 15, 30])], "c.png": [(2, [10, 10, 30, 30])]}


def coco(labelled: set[str]) -> dict:
    """a.png, which has a cat, and the images of TRUE, as far as they are labelled."""
    truth = {"a.png": [(1, [1, 1, 30, 30])], **TRUE}
    images = [
        {"id": number, "file_name": name, "width": 60, "height": 50, "labelled": name in labelled}
        for number, name in enumerate(truth, 1)
    ]
    rows = [
        {"image_id": image["id"], "category_id": label, "bbox": box, "area": box[2] * box[3]}
        for image in images
        for label, box in (truth[image["file_name"]] if image["labelled"] else [])
    ]
    return {
        "images": images,
        "annotations": [row | {"id": number} for number, row in enumerate(rows, 1)],
        "categories": CLASSES,
    }


@pytest.fixture
def place(tmp_path):
    """The first round of a campaign that waits for labels: both images of TRUE are picked."""
    (tmp_path / "images").mkdir()
    for number, name in enumerate(("a.png", *TRUE)):
        cv2.imwrite(str(tmp_path / "images" / name), np.full((50, 60, 3), 60 * number, np.uint8))
    (tmp_path / "train.json").write_text(json.dumps(coco({"a.png"})))
    folder = tmp_path / "out" / "round_1"
    selection = folder / "new_ann_file_selection"
    selection.mkdir(parents=True)
    (folder / "eval").mkdir()
    (folder / "eval" / "metrics.json").write_text(json.dumps({"AP": 0.3, "AP50": 0.5}))
    found = {name: [] for name in TRUE}
    found["b & b.png"] = [
        {"pred box": [5, 5, 20, 20], "confidence score": 0.9, "pred class": 0, "pred score": [0, 0.9, 0.1]},
        {"pred box": [39, 5, 15, 30], "confidence score": 0.8, "pred class": 0, "pred score": [0, 0.8, 0.2]},
        {"pred box": [0, 0, 9, 9], "confidence score": 0.4, "pred class": 0, "pred score": [0, 0.4, 0.2]},
    ]
    (selection / "infer_results.json").write_text(json.dumps(found))
    table = "file_name,acquisition_score,detections,objects of <cat>,objects of hund\n"
    table += "b & b.png,2.5,3,2,0\nc.png,0.5,0,0,0\n"
    (selection / "top_value_data_terms.csv").write_text(table)
    (folder / "new_ann_file_picked.txt").write_text("b & b.png\nc.png\n")
    (folder / "new_ann_file_picked.csv").write_text(
        "file_name,chosen_by,acquisition_score\nb & b.png,score,2.5\nc.png,random,0.5\n"
    )
    return tmp_path


def page_of(place, number=1) -> str:
    main(
        ["--run", str(place / "out"), "--round", str(number), "--ann_file", str(place / "train.json")]
        + ["--img_dir", str(place / "images")]
    )
    return (place / "out" / f"round_{number}" / "round.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    """The page without tags and pictures."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r'src="data:[^"]*"', "", page)))


def test_before_the_labels_are_back(place):
    page = page_of(place)
    text = words(page)
    assert "Round 1: 2 images to label Labelling rounds of" in text and f"{place.name}/out. Written" in text
    assert "highest acquisition score first; under a budget of boxes or hours, highest score per cost" in text
    assert "No forecast yet" in text and "round 1 1 1 not known 30.0 50.0" in text
    # 2 boxes predicted: 2 x 0.8 + 0.3 x (3 + 1) boxes; 2 x 10 + 16 x 1.2 + 9.5 x 0.4 x 2 seconds, see test_labelling_cost.py
    assert "expected 2 3 47 s" in text and "measured" not in text.split("Balance")[0]
    assert "&lt;cat&gt; 1 100 % 2 100 % not yet hund 0 0 % 0 0 % not yet" in text
    assert (
        "1. b &amp; b.png: by acquisition score, acquisition score 2.5; 2 boxes" in text
        and "2. c.png: drawn at random, acquisition score 0.5; no box" in text
    )
    assert (
        "What the labellers changed" not in text and page.count('<img alt="') == 4
    )  # two images, two objects of one class
    assert "<cat>" not in page and not re.search(r'(?:src|href)="(?!data:|#)|https?:', page)


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.png",
        "javascript:alert('1')&lt;&#10;.png",
        "\u202egnp.exe\u2066.png",
        "{{ 7 * 7 }}{% raw %}.png",
        "x" * 251 + ".png",
    ],
)
def test_hostile_names_stay_text_wherever_they_stand(place, name):
    label = f"</title></script><script>alert(1)</script>{name[:40]}"
    (place / "images" / "b & b.png").rename(place / "images" / name)
    for file in [place / "train.json", *(place / "out").rglob("*.*")]:
        if file.is_file():
            text = file.read_text().replace("b & b.png", name).replace("<cat>", label)
            file.write_text(text)
    page = page_of(place)
    read = _Reader()
    read.feed(page)
    assert not read.tags & {"script", "iframe", "object", "base"} and not read.foreign
    assert page.count("<img ") == page.count('<img alt="')
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page)
    shown = re.sub("[\u202e\u2066]", lambda found: repr(found[0])[1:-1], name)
    assert f"1. {shown}: by acquisition score" in "".join(read.texts)


class _Reader(HTMLParser):
    """The elements and texts of a page as a browser takes them, and attributes that run code or lead out of the page."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.foreign = set(), [], []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.foreign += [(key, value) for key, value in attributes if key.startswith("on")]
        links = [value for key, value in attributes if key in ("src", "href", "xlink:href")]
        self.foreign += [value for value in links if not value.startswith(("data:image/", "#"))]

    def handle_data(self, data):
        self.texts.append(data)


def test_after_the_labels_are_back(place):
    folder = place / "out" / "round_1"
    (folder / "new_ann_file.json").write_text(json.dumps(coco({"a.png", *TRUE})))
    rows = [
        {"file_name": "b & b.png", "state": "labelled", "boxes": 2, "seconds": 36.0, "accepted": 1, "moved": 0}
        | {"relabelled": 1, "deleted": 0, "added": 0},
        {"file_name": "c.png", "state": "skipped", "boxes": 0, "seconds": None},
    ]
    report = {"per_image": rows, "seconds_per_image": {"images": 1, "total": 36.0, "mean": 36.0, "median": 36.0}}
    (folder / "new_ann_file_labelling.json").write_text(json.dumps(report))
    text = words(page_of(place))
    assert "Round 1: 2 of 2 images labelled Labelling rounds of" in text
    assert "measured 1 2 36 s" in text and "Skipped or not done, and still unlabelled: 1 image." in text
    assert "&lt;cat&gt; 1 100 % 2 100 % 2 50 % hund 0 0 % 0 0 % 2 50 %" in text
    # of two cats that were sent one was right and one a dog; the dog of c.png was missed
    assert "&lt;cat&gt; 2 1 50 % 0 0 % 1 50 % 0 0 % 0 1.000" in text and "hund 0 0 0 0 0 1 n/a" in text
    assert "1 box of &lt;cat&gt; became hund" in text
    assert "b &amp; b.png: 1 accepted, 1 relabelled" in text and "c.png: 1 added" in text

    second = place / "out" / "round_2" / "eval"
    second.mkdir(parents=True)
    (second / "metrics.json").write_text(json.dumps({"AP": 0.4, "AP50": 0.6}))
    last = words(page_of(place, 2))
    assert "Round 2: trained with 3 labelled images" in last and "AP fell" not in last
    assert "round 1 1 1 not known 30.0 50.0 round 2 3 4 36 s 40.0 +10.0 60.0" in last and "Picked images" not in last
    assert "2 more images: +" in last and "Only two rounds" in last and "AP over hours of labelling" in last


def labelled_round(place, number: int, scores: dict) -> None:
    """A round that was trained with all labels, has these scores and picks nothing."""
    (place / "out" / f"round_{number - 1}" / "new_ann_file.json").write_text(json.dumps(coco({"a.png", *TRUE})))
    folder = place / "out" / f"round_{number}" / "eval"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(scores))


def test_a_fall_of_ap_is_the_first_thing_on_the_page_and_in_the_log(place, capsys):
    labelled_round(place, 2, {"AP": 0.4, "per_class": {"<cat>": {"AP": 0.5}, "hund": {"AP": 0.3}}})
    assert "AP fell" not in page_of(place, 2) + capsys.readouterr().out
    labelled_round(place, 3, {"AP": 0.36, "per_class": {"<cat>": {"AP": 0.52}, "hund": {"AP": 0.2}}})
    page = page_of(place, 3)
    told = "AP fell by 4.0 points, from 40.0 % (round 2) to 36.0 % (round 3). “hund” lost most, 10.0 points."
    assert told in capsys.readouterr().out
    text = words(page).replace("\u00a0", " ")
    assert f"{told} Before more is labelled, look at what the labellers changed in round 2" in text
    assert "Best detector so far: round 2." in text
    assert text.index("AP fell") < text.index("Rounds so far") and page.count('class="headline alarm"') == 1
    assert '36.0<small class="fall">-4.0</small>' in page and "40.0<small>+10.0</small>" in page
    labelled_round(place, 4, {"AP": 0.35})
    assert "so it may be chance" in page_of(place, 4)
    labelled_round(place, 5, {})
    assert "AP fell" not in page_of(place, 5), "nobody knows"


def test_a_fall_of_ap_after_a_shorter_training_is_not_blamed_on_the_labels(place):
    labelled_round(place, 2, {"AP": 0.2})
    for steps in ((100, 92), (100, 36), (36, 100)):
        for number, count in enumerate(steps, start=1):
            (place / f"out/round_{number}/config.yaml").write_text(f"max_iter: {count}\n")
        text = words(page_of(place, 2)).replace("\u00a0", " ")
        told = "Round 2 was trained for 36 steps, round 1 for 100, and that alone lowers AP" in text
        assert "AP fell by 10.0 points" in text and told == (steps == (100, 36))


def refusal(place, capsys, number=1) -> str:
    with pytest.raises(SystemExit) as stopped:
        page_of(place, number)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("number", [0, -1, 2, 10**12])
def test_a_round_that_there_is_not_is_refused_at_once(place, capsys, number):
    said = refusal(place, capsys, number)
    assert "must be 1 to" in said or "round_2: no such folder" in said


@pytest.mark.parametrize("value", [[], {"AP": "x"}, {"AP": 50}, {"AP": 10**400}, {"AP50": [1]}, "x", 3])
def test_scores_that_cannot_be_are_refused_by_name(place, capsys, value):
    (place / "out" / "round_1" / "eval" / "metrics.json").write_text(json.dumps(value))
    assert "metrics.json: not in the form that eval.py writes" in refusal(place, capsys)


@pytest.mark.parametrize(
    "change", [{"boxes": "x"}, {"boxes": -1}, {"seconds": [1]}, {"state": None}, {"seconds": 1e300}]
)
def test_a_report_of_labelling_that_cannot_be_is_refused_by_name(place, capsys, change):
    folder = place / "out" / "round_1"
    (folder / "new_ann_file.json").write_text(json.dumps(coco({"a.png", *TRUE})))
    row = {"file_name": "b & b.png", "state": "labelled", "boxes": 2, "seconds": 36.0}
    (folder / "new_ann_file_labelling.json").write_text(json.dumps({"per_image": [row | change]}))
    assert "new_ann_file_labelling.json: 1 fault" in refusal(place, capsys)


TASK = {"file_name": "b & b.png", "name": "0001.png", "width": 60, "height": 50, "prelabels": []}
BOX = {"label": "hund", "bbox": [1, 1, 9, 9], "score": 0.9}


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ([TASK], "has no task of c.png, which was picked"),
        ([TASK | {"prelabels": [BOX | {"label": "wolf"}]}, TASK | {"file_name": "c.png"}], "of the class 'wolf'"),
        ([TASK | {"prelabels": [BOX | {"bbox": [1, 1, -9, 9]}]}], "not a manifest of export_tasks.py"),
        ([TASK | {"prelabels": [BOX | {"bbox": [1e30, 1, 9, 9]}]}], "not a manifest of export_tasks.py"),
    ],
)
def test_tasks_of_another_round_are_refused_by_name(place, capsys, tasks, told):
    folder = place / "out" / "round_1" / "tasks"
    folder.mkdir()
    manifest = {"format": "coco", "classes": ["<cat>", "hund"], "thresholds": {}, "thresholds_from": "", "tasks": tasks}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said = refusal(place, capsys)
    assert told in said and "manifest.json" in said


def test_a_box_far_longer_than_the_picture_takes_no_more_memory_than_the_picture(place):
    path = place / "out" / "round_1" / "new_ann_file_selection" / "infer_results.json"
    found = json.loads(path.read_text())
    found["b & b.png"][0]["pred box"] = [-1e6, 5, 2e6, 9]
    path.write_text(json.dumps(found))
    tracemalloc.start()
    assert "2 objects in " in page_of(place)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


def test_objects_are_cut_out_where_they_are():
    """A red object in the corner of a blue image: it fills the middle of its tile, and outside of the image there is grey."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :] = (0, 0, 250)
    image[:40, 160:] = (250, 0, 0)
    tile = cut_out(image, Shape("cat", (160.0, 0.0, 200.0, 40.0)), (0, 255, 0)).astype(int)
    side = tile.shape[0]
    border = round(0.35 / 1.7 * side)
    assert tile.shape == (side, side, 3)
    assert (tile[side // 2, side // 2] == (250, 0, 0)).all() and (
        tile[side - border // 2, border // 2] == (0, 0, 250)
    ).all()
    assert (tile[border // 2, side // 2] == 128).all() and (tile[side // 2, side - border // 2] == 128).all()
    green = np.argwhere((tile == (0, 255, 0)).all(axis=2))
    assert np.abs(green.min(axis=0) - border).max() <= 1 and np.abs(green.max(axis=0) - (side - border)).max() <= 1


def test_the_page_of_many_large_photos_stays_small(tmp_path):
    """Of any number of picked photos of 12 megapixels, in any number of classes, the page has a few pictures of a few kilobytes."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    photo = cv2.resize(noise, (4000, 3000), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "a.jpg"), photo)
    classes = [f"class {number}" for number in range(80)]
    name, shapes = "a.jpg", [Shape(label, (100.0, 100.0, 180.0, 180.0), score=0.9) for label in classes * 30]
    entries = {name: unlabelled_entry(1, name, (4000, 3000), tmp_path)}
    (thumbnail,) = thumbnails(entries, {name: shapes[:20]}, {name: "a caption"}, classes, tmp_path)
    (pair,) = mistakes(entries, {name: shapes[:20]}, {name: shapes[:10]}, tmp_path)
    assert all(max(image.width, image.height) < 1000 for image in (*thumbnail.images, *pair.images))
    objects = class_objects(entries, {name: shapes}, classes, tmp_path)
    assert [(each.count, each.images) for each in objects] == [(30, 1)] * 80
    sizes = {
        "thumbnail": len(thumbnail.images[0].data) * MOST_PICTURES,
        "mistakes": sum(len(image.data) for image in pair.images) * MOST_MISTAKES,
        "objects": sum(len(image.data) for each in objects for image in each.shown),
    }
    assert sum(sizes.values()) < 40e6, sizes  # of noise, which compresses worst


def test_boxes_that_were_changed_are_marked_by_what_was_changed(tmp_path):
    """Each box has the colour of its change, five pixels wide; accepted ones are thin, and each picture has its own ones only."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((600, 600, 3), 128, np.uint8))
    entries = {"a.png": unlabelled_entry(1, "a.png", (600, 600), tmp_path)}
    places = {kind: (100.0, 30.0 + 110 * row, 190.0, 110.0 + 110 * row) for row, kind in enumerate(CHANGES)}
    moved = (*places["moved"][:2], 220.0, places["moved"][3])
    sent = [Shape("cat", places[kind], score=0.9) for kind in CHANGES if kind != "added"]
    returned = [Shape("cat", places["accepted"]), Shape("cat", moved), Shape("dog", places["relabelled"])]
    returned.append(Shape("cat", places["added"]))
    (found,) = mistakes(entries, {"a.png": sent}, {"a.png": returned}, tmp_path)
    assert found.caption == "a.png: 1 accepted, 1 moved, 1 relabelled, 1 deleted, 1 added"
    labels, detector = (pixels(image) for image in found.images)
    for number, kind in enumerate(("accepted", "deleted", "added", "moved", "relabelled")):
        left, top, _, bottom = map(int, places[kind])
        strips = [picture[(top + bottom) // 2 + 20, left - 8 : left + 8] for picture in (labels, detector)]
        coloured = [int((np.abs(strip - class_colour(number)).max(axis=1) < 60).sum()) for strip in strips]
        wide = [not (kind == "deleted" and side == 0) and not (kind == "added" and side == 1) for side in (0, 1)]
        for pixels_of_line, there in zip(coloured, wide, strict=True):
            assert pixels_of_line in ((1, 2) if kind == "accepted" else (4, 5, 6)) if there else not pixels_of_line, (
                kind
            )


def test_a_very_wide_picture_has_a_row_of_its_own(tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((60, 1500, 3), np.uint8))
    entries = {"wide.png": unlabelled_entry(1, "wide.png", (1500, 60), tmp_path)}
    (found,) = thumbnails(entries, {"wide.png": []}, {"wide.png": "a caption"}, ["cat"], tmp_path)
    assert (
        found.is_wide
        and found.images[0].width == 1600
        and found.images[0].alt == "wide.png with no box of the detector"
    )


def test_the_curve_is_continued_over_images_and_over_hours():
    rows = [Progress(number, 100 * number, 0, 2.0 * number - 2, 30.0 + 2 * number, None) for number in (1, 2, 3)]
    images, hours = curve_charts(rows, learning_curve(rows), hours_per_image=0.01)
    assert [key.name for key in images.legend] == [
        "AP in percent",
        "forecast for 600 labelled images",
        "its 90 % interval",
    ]
    assert [key.name for key in hours.legend] == ["AP in percent", "forecast for 7.0 h", "its 90 % interval"]
    assert [key.value for key in images.legend] == [key.value for key in hours.legend]
    assert [len(chart.legend) for chart in curve_charts(rows, learning_curve(rows))] == [3, 1], "nobody knows the hours"
    untimed = [replace(row, hours=None) for row in rows]
    assert len(curve_charts(untimed, learning_curve(untimed), 0.01)) == 1
    assert [len(chart.legend) for chart in curve_charts(rows[:2], None, 0.01)] == [1, 1]
    assert not curve_charts(rows[:1], None)


def test_the_forecast_is_honest():
    rows = [
        Progress(number, 100 * number, 0, 2.0 * number, ap, None) for number, ap in ((1, 30.0), (2, 36.0), (3, 39.0))
    ]
    assert "one round says nothing" in forecast(learning_curve(rows[:1]), rows[:1], 50, 1.0)
    assert "Only two rounds" in forecast(learning_curve(rows[:2]), rows[:2], 50, 1.0)
    told = forecast(learning_curve(rows), rows, 50, 1.0)
    low, high = map(float, re.search(r"\(90 %: (-?[\d.]+) to ([\d.]+)\)", told).groups())
    assert told.startswith("50 more images (about 60 min of labelling): +") and "Only" not in told and low < high < 61
    assert forecast(learning_curve(rows), rows, 1, None).startswith("1 more image: ")
    gains = forecast(learning_curve(rows), rows, 50, 1.0, unlabelled=100)
    assert gains.startswith(told) and "2 more hours of labelling (about 100 images): +" in gains
    first, second = map(float, re.findall(r": \+([\d.]+) AP", gains))
    assert first < second
    for hours, unlabelled in ((1.0, 99), (0.2, 10**6), (2.0, 100)):  # not so many there, beyond the chart, said already
        assert "more hours" not in forecast(learning_curve(rows), rows, 50, hours, unlabelled=unlabelled)
    after = forecast(learning_curve(rows), rows, 50, 1.0, labelled=True)
    assert (
        after.startswith("Before the picked images were labelled, this was expected of 50 more images")
        and told in after
    )
    unknown = [Progress(1, 100, 0, None, None, None)]
    assert "no round was evaluated" in forecast(learning_curve(unknown), unknown, 50, None)
