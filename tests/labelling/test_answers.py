"""Names, states, several annotators, odd objects: small exports of Label Studio and COCO written by hand."""

import json
import math

import numpy as np
import pytest

from src.data.formats.outlines import as_outline, whole_mask
from src.data.formats.tools.annotated import Shape
from src.data.formats.tools.image_names import AmbiguousName, ImageNames, UnknownName, clean_name
from src.errors import DataError, UserError
from src.labelling.answers.answer import Asked, State
from src.labelling.answers.collect import collect
from src.labelling.difference import compare, is_untouched
from src.labelling.returned import read_exports
from src.labelling.task import Manifest, Prelabel, Task
from src.labelling.tools.brush import decode_brush


def asked(*tasks, **more):
    tasks = tasks or (Task("a.jpg", "0001_a.jpg", 200, 100), Task("sub/b+c d.jpg", "0002_b+c d.jpg", 100, 100))
    manifest = Manifest("label_studio", ["cat", "dog"], {}, "", list(tasks))
    sizes = {task.file_name: (task.width, task.height) for task in tasks}
    return Asked(manifest.names, sizes, ("cat", "dog"), manifest, **more)


def region(label, x, y, width, height, rotation=0, size=(200, 100), **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation, "rectanglelabels": [label]}
    sides = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    return {"type": "rectanglelabels", "value": value} | sides | more


def task(key, *annotations, **more):
    data = {"image": "/data/upload/1/1a2b3c4d-any.jpg"} | ({"file_name": key} if key else {})
    return {"id": 1, "data": data, "annotations": list(annotations)} | more


def said(*results, **more):
    return {"id": 5, "result": list(results), "was_cancelled": False, "lead_time": 3.0} | more


def read(tmp_path, value, **more):
    (tmp_path / "export.json").write_text(json.dumps(value))
    return collect(read_exports([tmp_path / "export.json"]), asked(**more))


@pytest.mark.parametrize(
    "name, key",
    [
        ("a.jpg", "a.jpg"),
        ("0001_a.jpg", "a.jpg"),
        ("/data/local-files/?d=images/0002_b%2Bc%20d.jpg", "sub/b+c d.jpg"),
        ("/data/local-files/?d=images/0002_b+c%20d.jpg", "sub/b+c d.jpg"),  # "+" unquoted
        ("http://127.0.0.1:8080/data/upload/3/1a2b3c4d-0002_bc_d.jpg", "sub/b+c d.jpg"),  # as an upload is renamed
        ("0a1b2c3d__0001_a.jpg", "a.jpg"),  # Label Studio's COCO export
        ("C:\\photos\\sub\\b+c d.jpg", "sub/b+c d.jpg"),
        ("../somewhere/sub/b+c d.jpg", "sub/b+c d.jpg"),
        ("b+c d.jpg", "sub/b+c d.jpg"),
    ],
)
def test_names_that_went_through_a_tool_lead_back(name, key):
    assert asked().names.find(name).key == key


ROBOFLOW = {  # as it renames 0001_a.jpg, which was sent of a.jpg, and its label file
    "COCO": "train/_annotations.coco.json",
    "VOC": "train/0001_a_jpg.rf.{}.xml",
    "LabelMe": "train/0001_a_jpg.rf.{}.json",
    "CVAT": "train/annotations.xml",
    "YOLO": "train/labels/0001_a_jpg.rf.{}.txt",
    "Label Studio": "export.json",
}
HASH, OTHER_HASH = "0f8fad5bd9cb469fa16570867728950e", "XyZ1a2b3c4d5e6f7a8b9"


def write_roboflow(root, form, name, digest):
    """One box of a cat in the image of this name."""
    whole = f"{name}.rf.{digest}.jpg"
    path = root / ROBOFLOW[form].format(digest).replace("0001_a_jpg", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "COCO":
        images = [{"id": 1, "file_name": whole, "width": 200, "height": 100}]
        rows = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [50, 25, 100, 50]}]
        path.write_text(json.dumps({"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}))
    elif form == "VOC":
        box = "<xmin>50</xmin><ymin>25</ymin><xmax>150</xmax><ymax>75</ymax>"
        path.write_text(f"<annotation><object><name>cat</name><bndbox>{box}</bndbox></object></annotation>")
    elif form == "LabelMe":
        shapes = [{"label": "cat", "shape_type": "rectangle", "points": [[50, 25], [150, 75]]}]
        path.write_text(json.dumps({"shapes": shapes, "imagePath": whole, "imageWidth": 200, "imageHeight": 100}))
    elif form == "CVAT":
        box = '<box label="cat" xtl="50" ytl="25" xbr="150" ybr="75"/>'
        image = f'<image id="0" name="{whole}" width="200" height="100">{box}</image>'
        path.write_text(f"<annotations>{image}</annotations>")
    elif form == "YOLO":
        path.write_text("0 0.5 0.5 0.5 0.5")
        (root / "data.yaml").write_text("names: [cat]")
    else:
        rows = [task(None, said(region("cat", 25, 25, 50, 50)))]
        rows[0]["data"]["image"] = f"/data/upload/1/1a2b3c4d-{whole}"
        path.write_text(json.dumps(rows))


@pytest.mark.parametrize("form", ROBOFLOW)
@pytest.mark.parametrize(
    ("name", "key"),
    [("0001_a_jpg", "a.jpg"), ("a_jpg", "a.jpg"), ("b-c-d_jpg", "sub/b+c d.jpg"), ("a_jpg_jpg", "a.jpg")],
)
def test_images_that_roboflow_renamed_lead_back_in_every_form(tmp_path, form, name, key):
    write_roboflow(tmp_path, form, name, HASH)
    tasks = (Task("a.jpg", "0001_a.jpg", 200, 100), Task("sub/b+c d.jpg", "0002_b+c d.jpg", 200, 100))
    answers = collect(read_exports([tmp_path]), asked(*tasks))
    assert list(answers.by_image) == [key] and not answers.not_used
    np.testing.assert_allclose(answers.by_image[key].shapes[0].box, (50, 25, 150, 75))
    assert any("matched by the only name that ends alike" in note for note in answers.notes)


@pytest.mark.parametrize(
    ("resize", "is_used"),
    [("640x640 (Fit (black edges))", False), ("640x320 (Fit (black edges))", True), ("640x640 (Stretch)", True)],
)
def test_labels_of_pictures_to_which_roboflow_added_borders_are_not_used(tmp_path, resize, is_used):
    write_roboflow(tmp_path, "YOLO", "0001_a_jpg", HASH)
    (tmp_path / "README.roboflow.txt").write_text(f"to each image:\n* Resize to {resize}\n")
    answers = collect(read_exports([tmp_path]), asked(Task("a.jpg", "0001_a.jpg", 200, 100)))
    assert answers.by_image["a.jpg"].is_label == is_used
    reasons = [row.reason for row in answers.not_used]
    there = "image left unlabelled: it was drawn on a picture of 640 x 640 pixels, the image has 200 x 100; "
    assert reasons == ([] if is_used else [there + "label the image itself, and export it without resizing"])


@pytest.mark.parametrize("form", ["VOC", "LabelMe", "YOLO"])
def test_augmented_versions_of_an_image_are_not_used(tmp_path, form):
    for digest in (HASH, OTHER_HASH):
        write_roboflow(tmp_path, form, "0001_a_jpg", digest)
    write_roboflow(tmp_path, form, "0002_b-c-d_jpg", HASH)
    tasks = (Task("a.jpg", "0001_a.jpg", 200, 100), Task("sub/b+c d.jpg", "0002_b+c d.jpg", 200, 100))
    answers = collect(read_exports([tmp_path]), asked(*tasks))
    assert list(answers.by_image) == ["sub/b+c d.jpg"]
    assert [row.file_name for row in answers.not_used] == ["a.jpg"] * 2
    assert all("one of 2 versions of this image that Roboflow's augmentation" in row.reason for row in answers.not_used)


def test_augmented_versions_of_an_image_are_not_used_of_coco_either(tmp_path):
    images = [
        {"id": n, "file_name": f"{n}_jpg.rf.{HASH}.jpg", "width": 200, "height": 100, "extra": {"name": "a.jpg"}}
        for n in (1, 2)
    ]
    rows = [{"id": n, "image_id": n, "category_id": 1, "bbox": [5 * n, 5, 10, 10]} for n in (1, 2)]
    value = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}
    answers = read(tmp_path, value)
    assert not answers.by_image["a.jpg"].is_label
    assert all("one of 2 versions of this image that Roboflow's" in row.reason for row in answers.not_used)


def test_names_that_lead_to_no_image_or_to_several():
    names = ImageNames(["one/a.jpg", "two/a.jpg", "two/c.jpg", "c.webp.jpg", "c.webp.png"])
    with pytest.raises(AmbiguousName, match=r"a\.jpg may be any of 2 images: one/a\.jpg, two/a\.jpg"):
        names.find("a.jpg")
    with pytest.raises(UnknownName):
        names.find("three/c.jpg")  # the same base name in another folder is another image
    with pytest.raises(AmbiguousName):
        names.find("c.webp", has_suffix=False)
    with pytest.raises(AmbiguousName):
        # the folder is that of Label Studio's exports
        ImageNames(["d.jpg", "one/d.jpg"]).find("images/0a1b2c3d__d.jpg")
    assert names.find("images/0a1b2c3d__c.jpg").key == "two/c.jpg"
    assert names.find("two/c", has_suffix=False).by_end is None
    assert names.find("c", has_suffix=False).by_end == "c"
    assert clean_name("./a\\b//c.jpg") == "a/b/c.jpg"


@pytest.mark.parametrize(
    "name, cleaned",
    [
        ("//[team]/a.jpg", "[team]/a.jpg"),
        ("gs://bucket[1]/one/a #1.jpg", "one/a #1.jpg"),
        ("s3://bucket/is this?.jpg", "is this?.jpg"),
        ("http://[team/one/a.jpg", "one/a.jpg"),
        ("//\u2100/a.jpg", "\u2100/a.jpg"),
        ("https://server/one/a.jpg?width=9#top", "one/a.jpg"),
    ],
)
def test_addresses_that_are_none_and_names_with_their_letters(name, cleaned):
    assert clean_name(name) == cleaned


def test_a_name_that_may_mean_two_images_stops_and_lists_both(tmp_path):
    tasks = (Task("one/a.jpg", "one/a.jpg", 10, 10), Task("two/a.jpg", "two/a.jpg", 10, 10))
    value = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}],
        "annotations": [],
        "categories": [],
    }
    (tmp_path / "export.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"one/a\.jpg, two/a\.jpg"):
        collect(read_exports([tmp_path / "export.json"]), asked(*tasks))


def test_the_key_in_the_task_is_believed_and_no_other(tmp_path):
    answers = read(tmp_path, [task("sub/b+c d.jpg", said()), task("gone.jpg", said())])
    assert answers.by_image.keys() == {"sub/b+c d.jpg"}
    (row,) = answers.not_used
    assert row.file_name == "gone.jpg" and "none of the 2 images" in row.reason


def test_the_four_states_of_label_studio(tmp_path):
    box = region("cat", 10, 10, 50, 50)
    for annotations, state in (
        ([said(box)], State.LABELLED),
        ([said()], State.EMPTY),
        ([said(box, was_cancelled=True)], State.SKIPPED),
        ([], State.NOT_DONE),
        ([said(was_cancelled=True), said(box)], State.LABELLED),
    ):
        assert read(tmp_path, [task("a.jpg", *annotations)]).by_image["a.jpg"].state is state
    draft = read(tmp_path, [task("a.jpg", drafts=[{"result": [box]}])])
    assert draft.by_image["a.jpg"].state is State.NOT_DONE and "draft" in draft.not_used[0].reason


def test_json_min_tells_an_untouched_task_by_its_lack_of_an_annotation(tmp_path):
    row = {"id": 1, "image": "/data/local-files/?d=images/0001_a.jpg", "file_name": "a.jpg", "annotator": 1}
    box = {key: value for key, value in region("cat", 10, 10, 50, 50).items() if key not in ("type", "value")}
    labels = [box | region("cat", 10, 10, 50, 50)["value"]]
    done = {"annotation_id": 3, "lead_time": 4.5}
    answer = read(tmp_path, [row | done | {"label": labels}]).by_image["a.jpg"]
    assert answer.state is State.LABELLED and answer.seconds == 4.5
    assert answer.shapes[0].box == pytest.approx((20, 10, 120, 60))
    assert read(tmp_path, [row | done]).by_image["a.jpg"].state is State.EMPTY
    assert read(tmp_path, [row]).by_image["a.jpg"].state is State.NOT_DONE


def test_label_studios_coco_cannot_tell_empty_from_untouched(tmp_path):
    entries = [
        {"id": 0, "file_name": "images/0a1b2c3d__0001_a.jpg", "width": None, "height": None},
        {"id": 1, "file_name": "/data/local-files/?d=images/0002_b%2Bc%20d.jpg", "width": 100, "height": 100},
    ]
    rows = [{"id": 0, "image_id": 1, "category_id": 0, "bbox": [10, 10, 30, 30], "segmentation": [], "area": 900}]
    value = {"images": entries, "annotations": rows, "categories": [{"id": 0, "name": "dog"}]}
    answers = read(tmp_path, value)
    assert answers.by_image["a.jpg"].state is State.UNCLEAR
    assert answers.by_image["sub/b+c d.jpg"].shapes[0].label == "dog"
    assert read(tmp_path, value, all_reviewed=True).by_image["a.jpg"].state is State.EMPTY


def test_an_image_that_came_back_without_boxes_is_not_empty_unless_it_is_said(tmp_path):
    """Label Studio's COCO and YOLO exports give an untouched task, which has predictions, without boxes."""
    sent = Task("a.jpg", "0001_a.jpg", 200, 100, prelabels=[Prelabel("cat", (10.0, 10.0, 20.0, 20.0))])
    value = {
        "images": [{"id": 1, "file_name": "0001_a.jpg"}],
        "annotations": [],
        "categories": [{"id": 0, "name": "cat"}],
    }
    for said, state in ((None, State.UNCLEAR), (True, State.EMPTY), (False, State.NOT_DONE)):
        value["images"][0] |= {} if said is None else {"labelled": said}
        (tmp_path / "export.json").write_text(json.dumps(value))
        answers = collect(read_exports([tmp_path / "export.json"]), asked(sent))
        assert answers.by_image["a.jpg"].state is state


def test_the_size_of_an_image_without_boxes_does_not_matter(tmp_path):
    """Label Studio's COCO export measures such an image itself, without its EXIF orientation."""
    entry = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 200, "labelled": True}
    answers = read(tmp_path, {"images": [entry], "annotations": [], "categories": []})
    assert answers.by_image["a.jpg"].state is State.EMPTY and not answers.not_used


def test_of_several_annotators_the_newest_counts_unless_one_is_named(tmp_path):
    old = said(region("cat", 0, 0, 50, 50), updated_at="2026-01-02T00:00:00Z", completed_by={"email": "a@b.c", "id": 1})
    new = said(region("dog", 0, 0, 50, 50), updated_at="2026-03-02T00:00:00Z", completed_by=2)
    answers = read(tmp_path, [task("a.jpg", new, old)])
    assert [shape.label for shape in answers.by_image["a.jpg"].shapes] == ["dog"]
    assert "images with several annotations that differ, of which the newest is taken: 1" in answers.notes
    assert "another annotation" in answers.not_used[0].reason
    answers = read(tmp_path, [task("a.jpg", new, old)], annotator="a@b.c")
    assert [shape.label for shape in answers.by_image["a.jpg"].shapes] == ["cat"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-03-02T01:30:00+05:00", "2026-03-01T23:00:00Z"),  # 20:30 of the day before in UTC
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.5Z"),
        ("2026-03-02T10:00:00.5Z", "2026-03-02T11:00:00.75+01:00"),
        ("2026-03-02T10:00:00Z", "2026-03-02 10:00:01"),
        ("2026-03-02 10:00", "20260302T100100Z"),
        ("Mon, 02 Mar 2026 10:00:00 +0100", "2026-03-02T09:00:01Z"),
        ("2026/03/02 10:00:00", "2026-03-02T10:00:01Z"),
        (1_772_445_600, "2026-03-02T10:00:01Z"),  # 10:00:00
        (1_772_445_600_000, 1_772_445_601),
    ],
)
def test_times_are_compared_as_moments(old, new, tmp_path):
    before = said(region("cat", 0, 0, 50, 50), updated_at=old)
    after = said(region("dog", 0, 0, 50, 50), updated_at=new)
    for rows in ((before, after), (after, before)):
        answers = read(tmp_path, [task("a.jpg", *rows)])
        assert [shape.label for shape in answers.by_image["a.jpg"].shapes] == ["dog"]
        assert not any("cannot be read" in note for note in answers.notes)


@pytest.mark.parametrize("odd", ["yesterday", "2026-13-45T99:00:00Z", "0"])
def test_times_that_cannot_be_read_are_told(odd, tmp_path):
    first = said(region("cat", 0, 0, 50, 50), updated_at="2026-03-02T10:00:00Z")
    answers = read(tmp_path, [task("a.jpg", first, said(region("dog", 0, 0, 50, 50), updated_at=odd))])
    assert [shape.label for shape in answers.by_image["a.jpg"].shapes] == ["dog"]
    told = "annotations whose time cannot be read, of which the later one in the files counts as the newer: 1"
    assert told in answers.notes


def test_a_rotated_box_becomes_the_upright_one_around_it(tmp_path):
    # 60 x 20 pixels at (100, 20), turned by 90 degrees clockwise about its upper left corner: to the left and down.
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 50, 20, 30, 20, rotation=90)))])
    assert answers.by_image["a.jpg"].shapes[0].box == pytest.approx((80, 20, 100, 80))
    assert "rotated boxes and ellipses that became the upright boxes around them: 1" in answers.notes
    # by 30 degrees, against a corner-by-corner loop
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 50, 20, 30, 20, rotation=30)))])
    corners = [
        (100 + r * math.cos(math.radians(a + 30)), 20 + r * math.sin(math.radians(a + 30)))
        for r, a in ((0, 0), (60, 0), (20, 90), (math.hypot(60, 20), math.degrees(math.atan2(20, 60))))
    ]
    wanted = [
        min(x for x, _ in corners),
        min(y for _, y in corners),
        max(x for x, _ in corners),
        max(y for _, y in corners),
    ]
    assert answers.by_image["a.jpg"].shapes[0].box == pytest.approx(wanted)


def test_polygons_and_ellipses(tmp_path):
    sides = {"original_width": 200, "original_height": 100}
    polygon = {
        "type": "polygonlabels",
        "value": {"points": [[10, 10], [20, 10], [15, 40]], "polygonlabels": ["dog"]},
    } | sides
    ellipse = {
        "type": "ellipselabels",
        "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "ellipselabels": ["cat"]},
    } | sides
    first, second = read(tmp_path, [task("a.jpg", said(polygon, ellipse))]).by_image["a.jpg"].shapes
    assert first.box == pytest.approx((20, 10, 40, 40)) and first.segmentation[0] == pytest.approx(
        [20, 10, 40, 10, 30, 40]
    )
    assert second.box == pytest.approx((80, 30, 120, 70)) and second.segmentation is None


def brush_code(words, counter=8):
    """Label Studio's run-length code, written bit by bit: every run repeats one word."""
    bits = f"{len(words):032b}{7:05b}" + f"{counter - 1:04b}" * 4
    place = 0
    while place < len(words):
        end = place
        while end < len(words) and words[end] == words[place] and end - place < 2**counter:
            end += 1
        bits += f"1{0:02b}{end - place - 1:0{counter}b}{words[place]:08b}"
        place = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def test_a_painted_mask_is_decoded():
    alpha = np.zeros((6, 9), int)
    alpha[2:5, 3:7] = 255
    alpha[2, 3] = 0
    words = np.zeros((6, 9, 4), int)
    words[..., 3] = alpha
    box, rle = decode_brush(brush_code(words.reshape(-1).tolist()), (9, 6))
    assert box == (3, 2, 7, 5)
    from pycocotools import mask as coco_masks

    assert (coco_masks.decode(rle) == (alpha > 0)).all()
    assert decode_brush(brush_code([0] * 216), (9, 6))[0] is None
    for code in ([], [1, 2, 3], brush_code([0] * 8), [300]):
        with pytest.raises(ValueError):
            decode_brush(code, (9, 6))
    header = [255, 255, 255, 252, *[0] * 8]  # 2^30 pixels and more
    with pytest.raises(ValueError, match="more pixels than any may have"):
        decode_brush(header, (40_000, 40_000))


@pytest.mark.parametrize(
    "results, reason",
    [
        ([region("bird", 1, 1, 9, 9)], "bird (1 object) is not one of the classes cat, dog"),
        ([region("c\x85t", 1, 1, 9, 9)], r"class 'c\x85t' has a control character"),
        ([region("cat", 1, 1, 9, 9, size=(100, 200))], "one of the two ignores the EXIF orientation"),
        ([region("cat", 1, 1, 9, 9, image_rotation=90)], "turned by 90 degrees"),
        ([region("cat", float("nan"), 1, 9, 9)], "expected a finite number"),
        ([{"type": "rectangle", "value": {}, "original_width": 9, "original_height": 9}], "without a class"),
        ([region("cat", 50, 50, 0, 0)], "has no area"),
    ],
)
def test_an_image_with_an_object_that_cannot_be_used_stays_unlabelled_and_is_listed(tmp_path, results, reason):
    answers = read(tmp_path, [task("a.jpg", said(*results))])
    assert answers.by_image["a.jpg"].state is State.UNUSABLE
    assert any(reason in row.reason for row in answers.not_used)
    assert all(row.file_name == "a.jpg" and "annotation 5" in row.place for row in answers.not_used)


COCO_BOX = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}],
    "categories": [{"id": 1, "name": "cat"}],
}


def one_box(folder, form, box):
    """An export of one tool with one cat at (x1, y1, x2, y2) in a.jpg, which has 200 x 100 pixels."""
    x1, y1, x2, y2 = box
    sides = x2 - x1, y2 - y1
    shape = {"label": "cat", "points": [[x1, y1], [x2, y2]], "shape_type": "rectangle"}
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, *sides], "area": 1, "iscrowd": 0}
    said_box = said(region("cat", x1 / 2, y1, sides[0] / 2, sides[1]))
    relative = (x1 + x2) / 400, (y1 + y2) / 200, sides[0] / 200, sides[1] / 100
    files = {
        "coco": {"e.json": json.dumps(COCO_BOX | {"annotations": [row]})},
        "label_studio": {"e.json": json.dumps([task("a.jpg", said_box)])},
        "labelme": {"a.json": json.dumps({"imagePath": "a.jpg", "shapes": [shape]})},
        "cvat": {
            "e.xml": '<annotations><image id="0" name="a.jpg" width="200" height="100"><box label="cat" '
            f'xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"/></image></annotations>'
        },
        "voc": {"a.xml": f"<annotation><object><name>cat</name><bndbox>{corners}</bndbox></object></annotation>"},
        "yolo": {"data.yaml": "names: [cat]\n", "labels/a.txt": "0 " + " ".join(map(str, relative))},
    }[form]
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return collect(read_exports([folder]), asked())


FORMS = ("coco", "label_studio", "labelme", "cvat", "voc", "yolo")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "box, where",
    [((210, 20, 250, 60), "outside"), ((180, 20, 240, 60), "to 67 % outside"), ((-90, -50, 30, 30), "to 9")],
)
def test_a_box_mostly_outside_its_image_keeps_the_image_back_in_every_form(tmp_path, form, box, where):
    answers = one_box(tmp_path, form, box)
    assert answers.by_image["a.jpg"].state is State.UNUSABLE and not answers.by_image["a.jpg"].shapes
    (row,) = answers.not_used
    assert f"lies {where}" in row.reason and "image left unlabelled: cat (" in row.reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("box, count", [((150, 20, 205, 60), 1), ((150, 20, 201, 60), 0), ((199.5, 20, 201.2, 60), 0)])
def test_a_box_over_the_border_is_clipped_and_counted_in_every_form(tmp_path, form, box, count):
    answers = one_box(tmp_path, form, box)
    assert answers.by_image["a.jpg"].shapes[0].box == pytest.approx((box[0], 20, 200, 60))
    clipped = "boxes that reached over the border of their image and were clipped to it: 1"
    assert answers.notes.count(clipped) == count


def test_keypoints_that_are_not_stated_are_no_outlines_on_their_way_back(tmp_path):
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.4 0.6" + " 0.4 0.4 2" * 4 + "\n")
    answers = collect(read_exports([tmp_path]), asked())
    assert not answers.by_image and "a box and 4 keypoints of 3 numbers, not outlines" in answers.not_used[0].reason
    (tmp_path / "data.yaml").write_text("names: [cat]\nkpt_shape: [4, 3]\n")
    assert collect(read_exports([tmp_path]), asked()).by_image["a.jpg"].shapes[0].box == pytest.approx(
        (60, 20, 140, 80)
    )
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.4 0.6 0.4 0.4 0.6 0.6\n" * 10)
    (note,) = collect(read_exports([tmp_path]), asked()).notes
    assert "could be of a box and 2 keypoints" in note


def test_a_slip_of_the_mouse_and_a_point_do_not_take_the_image_away(tmp_path):
    point = {"type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["cat"]}}
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 1, 1, 9, 9), region("cat", 50, 50, 0, 0), point))])
    assert len(answers.by_image["a.jpg"].shapes) == 1 and len(answers.not_used) == 2


def test_a_picture_shown_in_another_size_of_the_same_form_is_the_same(tmp_path):
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 10, 10, 50, 50, size=(100, 50))))])
    assert answers.by_image["a.jpg"].shapes[0].box == pytest.approx((20, 10, 120, 60))


def test_cvats_coco_turns_boxes_and_painted_masks_are_single_objects(tmp_path):
    entry = {"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}
    turned = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [50, 40, 40, 20], "attributes": {"rotation": 90.0}}
    counts = [0, 3, 200 * 100 - 3]
    painted = {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 3], "iscrowd": 1}
    painted |= {"attributes": {"occluded": False}, "segmentation": {"size": [100, 200], "counts": counts}}
    value = {"images": [entry], "annotations": [turned, painted], "categories": [{"id": 1, "name": "cat"}]}
    first, second = read(tmp_path, value).by_image["a.jpg"].shapes
    assert first.box == pytest.approx((60, 30, 80, 70))
    assert not second.crowd and second.rle["counts"] == counts


def shapes(*rows):
    return [Prelabel(label, (x, y, width, height)).shape for label, x, y, width, height in rows]


def test_each_box_is_accepted_moved_relabelled_deleted_or_added():
    sent = shapes(("cat", 0, 0, 20, 20), ("cat", 50, 0, 20, 20), ("dog", 0, 50, 20, 20), ("dog", 50, 50, 20, 20))
    back = shapes(("cat", 1, 0, 20, 20), ("cat", 55, 0, 20, 20), ("cat", 0, 50, 20, 20), ("cat", 80, 80, 10, 10))
    found = compare(sent, back)
    assert found.counts["accepted"] == {"cat": 1} and found.ious["cat"] == [pytest.approx(19 / 21)]
    assert found.counts["moved"] == {"cat": 1}  # IoU 15 / 25
    assert found.counts["relabelled"] == {"dog": 1} and found.relabelled == {("dog", "cat"): 1}
    assert found.counts["deleted"] == {"dog": 1} and found.counts["added"] == {"cat": 1}
    assert is_untouched(sent, list(reversed(sent))) and not is_untouched(sent, back) and is_untouched([], [])


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("export.json", '{"a": 1}', "of no known form; expected Label Studio"),
        ("export.json", '{"a.jpg123": {"filename": "a.jpg", "regions": []}}', "a file of VIA"),
        ("export.xml", "<View/>", "of no known form"),
        ("export.xml", "<annotations><track/></annotations>", "CVAT for video"),
        ("labels.txt", "0 1 1 1 1", "give the folder of a YOLO export"),
    ],
)
def test_what_is_of_no_form_is_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words):
        read_exports([tmp_path / name])


def test_the_folder_of_yolo_label_files_has_its_classes_beside_it_or_says_what_it_lacks(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0001_a.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    with pytest.raises(UserError, match=r"label files of YOLO \(\.txt\) need data\.yaml or classes\.txt"):
        read_exports([tmp_path / "labels"])
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    for folder in (tmp_path / "labels", tmp_path):
        [export] = read_exports([folder])
        assert [(image.name, shape.label) for image in export.images for shape in image.shapes] == [("0001_a", "dog")]


def test_a_size_beyond_all_bounds_is_one_of_another_picture(tmp_path):
    shape = {"label": "cat", "points": [[1, 2], [9, 12]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": "a.jpg", "imageWidth": 10**400, "imageHeight": 100}
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = collect(read_exports([tmp_path / "a.json"]), asked())
    assert any("it was drawn on a picture of 1000" in row.reason for row in found.not_used)


def coco(images, rows, categories=((1, "cat"),)):
    """A COCO export of (id, name) images, all of 200 x 100 pixels or as ``asked`` says."""
    sizes = {"a.jpg": (200, 100)}
    entries = [
        {"id": i, "file_name": name} | dict(zip(("width", "height"), sizes.get(name, (100, 100)), strict=True))
        for i, name in images
    ]
    boxes = [{"id": n, "category_id": 1, "bbox": [1, 1, 20, 20]} | row for n, row in enumerate(rows, 1)]
    return {"images": entries, "annotations": boxes, "categories": [{"id": i, "name": name} for i, name in categories]}


@pytest.mark.parametrize(
    "value, fault",
    [
        (coco([(1, "a.jpg"), (1, "b+c d.jpg")], [{"image_id": 1}]), "image id 1 is used 2 times"),
        (coco([(1, "a.jpg")], [{"image_id": 1}], [(1, "cat"), (1, "dog")]), "category id 1 is used 2 times"),
        (coco([(1, "a.jpg"), ("1", "b+c d.jpg")], [{"image_id": 1}]), "image id 1 is used 2 times"),
        (coco([(1, "a.jpg")], [{"image_id": 1}, {"image_id": 9}]), "annotations[1]: image_id 9 is no image"),
    ],
)
def test_ids_that_leave_open_whose_boxes_are_whose_are_refused(tmp_path, value, fault):
    with pytest.raises(DataError) as error:
        read(tmp_path, value)
    assert any(fault in text for text in error.value.faults)


@pytest.mark.parametrize("identity", ["1", 1.0])
def test_ids_that_rows_write_otherwise_than_images_are_the_same(tmp_path, identity):
    answers = read(tmp_path, coco([(1, "a.jpg")], [{"image_id": identity}]), all_reviewed=True)
    assert len(answers.by_image["a.jpg"].shapes) == 1


def test_a_crowd_is_marked_by_1_and_by_nothing_else(tmp_path):
    answers = read(tmp_path, coco([(1, "a.jpg")], [{"image_id": 1, "iscrowd": "0"}]))
    assert answers.by_image["a.jpg"].state is State.UNUSABLE
    assert "iscrowd must be 0 or 1" in answers.not_used[0].reason


def test_an_annotator_who_has_labelled_nothing_is_refused_with_those_who_have(tmp_path):
    rows = [task("a.jpg", said(region("cat", 0, 0, 50, 50), completed_by={"email": "a@b.c"}))]
    with pytest.raises(UserError, match="annotator d@b.c: .*there are those of a@b.c"):
        read(tmp_path, rows, annotator="d@b.c")
    with pytest.raises(UserError, match="do not say who has labelled"):
        read(tmp_path, coco([(1, "a.jpg")], [{"image_id": 1}]), annotator="d@b.c")
    rows.append(task("sub/b+c d.jpg", said(region("cat", 0, 0, 9, 9, size=(100, 100)), completed_by=2)))
    (note,) = (note for note in read(tmp_path, rows, annotator="a@b.c").notes if "--annotator" in note)
    assert note.endswith("that of another one is taken: 1")


POINT = {"type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["cat"]}}
CVAT_HEAD = '<annotations><image id="0" name="a.jpg" width="200" height="100"><tag label="reviewed"/>'


@pytest.mark.parametrize(
    "name, text",
    [
        ("e.json", json.dumps([task("a.jpg", said(POINT))])),
        ("e.json", json.dumps([task("a.jpg", said() | {"result": None})])),
        ("e.json", json.dumps([{"id": 1, "file_name": "a.jpg", "image": "a.jpg", "annotation_id": 1, "label": [
            {"original_width": 200, "original_height": 100, "x": 1, "y": 1, "width": 9, "height": 9}, {"x": 1}]}])),
        ("e.xml", CVAT_HEAD + '<cuboid label="cat" xtl1="1"/></image></annotations>'),
        ("e.json", json.dumps({"imagePath": "a.jpg", "flags": {"reviewed": True}, "shapes": [
            {"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "line"}]})),
    ],
)  # fmt: skip
def test_an_image_in_which_nothing_drawn_can_be_used_is_not_empty(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    answers = collect(read_exports([tmp_path / name]), asked())
    assert answers.by_image["a.jpg"].state is State.UNUSABLE and answers.not_used


def test_a_choice_or_a_tag_is_nothing_that_was_drawn(tmp_path):
    choice = {"type": "choices", "value": {"choices": ["sharp"]}}
    assert read(tmp_path, [task("a.jpg", said(choice))]).by_image["a.jpg"].state is State.EMPTY
    (tmp_path / "e.xml").write_text(CVAT_HEAD + '<tag label="sharp"/></image></annotations>')
    assert collect(read_exports([tmp_path / "e.xml"]), asked()).by_image["a.jpg"].state is State.EMPTY


def test_labels_of_another_image_of_the_same_base_name_stay_away(tmp_path):
    manifest = asked(Task("a.jpg", "a.jpg", 200, 100)).manifest
    names = manifest.names_among(["a.jpg", "night/a.jpg"])
    with pytest.raises(UnknownName, match="another image"):
        names.find("night/a.jpg")
    with pytest.raises(UnknownName, match="another image"):
        names.find("labels/night/a", has_suffix=False)
    assert names.find("day/a.jpg").key == names.find("a.jpg").key == "a.jpg"
    for name in ("a.txt", "night/a.txt"):  # and where the other one is not known
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("0 0.5 0.5 0.2 0.2\n" if name == "a.txt" else "1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    answers = collect(read_exports([tmp_path]), asked())
    assert [shape.label for shape in answers.by_image["a.jpg"].shapes] == ["cat"]
    assert [row.file_name for row in answers.not_used] == ["night/a"]


def test_scores_of_a_program_are_questioned_and_angles_are_no_scores(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2 0.9\n")
    (note,) = collect(read_exports([tmp_path]), asked()).notes
    assert "1 object has a score" in note
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2 1.57\n")
    assert "confidence from 0 to 1" in collect(read_exports([tmp_path]), asked()).not_used[0].reason
    row = {"image_id": 1, "attributes": {"ignore": True}}
    (note,) = read(tmp_path, coco([(1, "a.jpg")], [row])).notes
    assert "marked as others than usual" in note


def test_numbers_of_another_unit_are_told(tmp_path):
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 0.1, 0.1, 0.2, 0.2)))])
    assert any(note.startswith("boxes smaller than a pixel") for note in answers.notes)
    answers = read(tmp_path, [task("a.jpg", said(region("cat", 1e308, 1e308, 1e308, 1e308)))])
    assert "beyond all images" in answers.not_used[0].reason


def test_a_table_is_refused_with_what_to_export_in_its_place(tmp_path):
    (tmp_path / "e.csv").write_text("image,id,label\n")
    with pytest.raises(UserError, match="export the labels from the tool as JSON"):
        read_exports([tmp_path / "e.csv"])


SQUARE = [[1, 1, 11, 1, 11, 11, 1, 11]]


def outlined(segmentation, **more):
    polygons = tuple(map(tuple, segmentation)) if isinstance(segmentation, list) else None
    rle = segmentation if isinstance(segmentation, dict) else None
    return [Shape("cat", (1, 1, 11, 11), polygons, rle, **more)]


def test_an_outline_that_was_drawn_anew_is_a_change_though_its_box_is_the_same():
    triangle, rle = [[1, 1, 11, 1, 11, 11]], whole_mask(as_outline(SQUARE), (40, 30))
    rounded = [[1.004, 1, 11, 0.996, 11, 11, 1, 11]]
    assert is_untouched(outlined(SQUARE), outlined(rounded)) and is_untouched(outlined(SQUARE), outlined(None))
    assert is_untouched(outlined(rle), outlined(SQUARE)) and is_untouched(outlined(SQUARE), outlined(rle))
    assert is_untouched(outlined([*SQUARE, [2, 2, 3, 2, 3, 3]]), outlined(SQUARE))  # the part that can be sent
    assert not is_untouched(outlined(SQUARE), outlined(triangle))
    assert not is_untouched(outlined(rle), outlined(triangle)) and not is_untouched(outlined(None), outlined(SQUARE))
    assert not is_untouched(outlined(None), outlined(None, crowd=True))
    assert is_untouched(outlined(None, crowd=True), outlined(None))


@pytest.mark.parametrize("flag, state", [(True, State.EMPTY), (False, State.UNCLEAR), ("false", State.UNCLEAR)])
def test_a_flag_of_labelme_is_ticked_or_not(tmp_path, flag, state):
    (tmp_path / "a.json").write_text(json.dumps({"imagePath": "a.jpg", "flags": {"reviewed": flag}, "shapes": []}))
    assert collect(read_exports([tmp_path / "a.json"]), asked()).by_image["a.jpg"].state is state
