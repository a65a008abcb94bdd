import copy
import json

import pytest

from src.data.checks.coco.coco_faults import coco_faults
from src.data.formats.coco import read_coco, read_coco_boxes
from src.data.formats.coco_rows import write_coco
from src.errors import DataError, UserError

GOOD = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 100, "height": 50},
        {"id": 2, "file_name": "b.png", "width": 9, "height": 9},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 20, 20], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [90, 40, 11, 11.5], "iscrowd": 1},
    ],
    "categories": [{"id": 3, "name": "mask"}],
}

ALL_SIZES = 'all 2 images, such as images[0] (a.png): "width" and "height" must be whole numbers of pixels from 1 up, '
ALL_BOXES = "all 2 boxes, such as the first: bbox must be four finite numbers [x, y, width, height], "

# (path to the value, new value or "delete", words the message must hold)
BROKEN = [
    (("images",), "delete", 'no "images" list'),
    (("annotations",), {}, '"annotations" must be a list, found an object'),
    (("images", 0), "a.png", "images[0]: expected an object, found a text"),
    (("categories",), [], "no categories"),
    (("categories", 0, "id"), "3", 'categories[0]: "id" must be an integer'),
    (("categories", 0, "name"), "delete", 'categories[0]: "name" must be a text, found nothing'),
    (("categories",), [{"id": 3, "name": "mask"}, {"id": 3, "name": "hat"}], "category id 3 is used 2 times"),
    (("categories",), [{"id": 3, "name": "mask"}, {"id": 4, "name": "mask"}], 'category name "mask" is used 2 times'),
    (("images", 0, "id"), "delete", 'images[0] (a.png): "id" must be an integer'),
    (("images", 1, "id"), 1, "image id 1 is used 2 times"),
    (("images", 1, "file_name"), "a.png", 'image file_name "a.png" is used 2 times'),
    (("images", 0, "file_name"), "../a.png", '"file_name" must be a path inside the image folder, found "../a.png"'),
    (("images", 0, "file_name"), "/a.png", '"file_name" must be a path inside the image folder, found "/a.png"'),
    (("images", 0, "file_name"), "", '"file_name" must be a text, found ""'),
    (("images", 0, "width"), 0, "must be whole numbers of pixels from 1 up, found 0 x 50"),
    (("images", 0, "height"), "delete", "found 100 x nothing"),
    (("images", 0, "height"), float("nan"), "found 100 x NaN"),
    (
        ("images", 0, "width"),
        2**20 + 1,
        "must be at most 1048576, and 1073741824 pixels together, found 1048577 x 50; cut",
    ),
    (("images", 0, "width"), 1e9, "must be at most 1048576"),
    (("images", 0, "labelled"), "no", '"labelled" must be true or false, found "no"'),
    (("images", 0, "labelled"), False, '"labelled" is false but it has 2 annotations'),
    (("annotations", 1, "id"), 1, "annotation id 1 is used 2 times"),
    (("annotations", 0, "image_id"), 7, "annotations[0] (id 1): image_id 7 is not among the images"),
    (("annotations", 0, "image_id"), [1], "image_id [1] is not among the images"),
    (("annotations", 0, "category_id"), 1, "category_id 1 is not among the categories"),
    (("annotations", 0, "category_id"), -1, "category_id -1 is not among the categories"),
    (("annotations", 0, "category_id"), "delete", "category_id nothing is not among"),
    (("annotations", 0, "bbox"), "delete", "bbox must be four finite numbers [x, y, width, height], found null"),
    (("annotations", 0, "bbox"), [1, 2, 3], "bbox must be four finite numbers"),
    (("annotations", 0, "bbox"), [1, 2, float("inf"), 3], "bbox must be four finite numbers"),
    (("annotations", 0, "bbox"), [1, 2, True, 3], "bbox must be four finite numbers"),
    (("annotations", 0, "bbox"), [5, 5, 0, 3], "has no size"),
    (("annotations", 0, "bbox"), [5, 5, 3, -3], "has no size"),
    (("annotations", 0, "bbox"), [90, 5, 11.6, 3], "lies outside its image of 100 x 50 pixels"),
    (("annotations", 0, "bbox"), [-1.6, 5, 11, 3], "lies outside its image"),
    (("annotations", 0, "bbox"), [100, 5, 1, 3], "lies outside its image"),
    (("annotations", 0, "bbox"), [200, 5, 1, 3], "lies outside its image"),
    (("annotations", 0, "iscrowd"), 2, '"iscrowd" must be 0 or 1, found 2'),
]


def broken(place: tuple, value: object) -> dict:
    coco = copy.deepcopy(GOOD)
    target = coco
    for key in place[:-1]:
        target = target[key]
    if value == "delete":
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return coco


def test_a_good_file_has_no_faults_and_keeps_its_fields(tmp_path):
    assert coco_faults(GOOD) == []
    (tmp_path / "a.json").write_text(json.dumps(GOOD | {"info": {"year": 1}}), encoding="utf-8-sig")
    assert read_coco(tmp_path / "a.json") == GOOD | {"info": {"year": 1}}


@pytest.mark.parametrize("place, value, words", BROKEN, ids=[words for _, _, words in BROKEN])
def test_each_fault_is_named(place, value, words):
    assert any(words in fault for fault in coco_faults(broken(place, value))), coco_faults(broken(place, value))


@pytest.mark.parametrize("box", [[-1, 5, 11, 3], [90, 5, 11, 3], [90, 5, 11.5, 3], [0, 0, 100, 51.5], [0, -1.5, 3, 3]])
def test_a_box_may_stick_out_by_a_pixel_and_a_half(box):
    assert coco_faults(broken(("annotations", 0, "bbox"), box)) == []


def test_all_faults_come_together(tmp_path):
    coco = broken(("annotations", 0, "bbox"), [5, 5, 0, 3])
    coco["images"][1]["width"] = 0
    coco["annotations"][1]["category_id"] = 9
    (tmp_path / "a.json").write_text(json.dumps(coco))
    with pytest.raises(DataError) as error:
        read_coco(tmp_path / "a.json")
    assert len(error.value.faults) == 3
    assert str(tmp_path / "a.json") in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda coco: [image.update(width=str(image["width"])) for image in coco["images"]],
            f'{ALL_SIZES}found "100" x 50; write numbers without quotes',
        ),
        (
            lambda coco: [image.pop("height") for image in coco["images"]],
            f"{ALL_SIZES}found 100 x nothing",
        ),
        (
            lambda coco: [row.update(bbox=list(map(str, row["bbox"]))) for row in coco["annotations"]],
            f'{ALL_BOXES}found ["0.5", "1", "20", "20"]; write numbers without quotes',
        ),
    ],
    ids=["quoted widths", "no heights", "quoted boxes"],
)
def test_a_fault_of_all_rows_is_told_once(change, words):
    coco = copy.deepcopy(GOOD)
    change(coco)
    assert coco_faults(coco) == [words]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"bbox":', '"bbox": [0, 0, 1, 1], "bbox":', '1 object with "bbox" twice; keep the right one'),
        ('"file_name":', '"file_name": "b.png", "file_name":', '1 object with "file_name" twice; keep the right one'),
        ('"images":', '"info": {"bbox": 1, "image_id": 2, "category_id": 3}, "images":', None),
    ],
)
def test_a_key_that_stands_twice_in_a_row_is_refused(tmp_path, old, new, words):
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(GOOD).replace(old, new, 1))
    if words is None:
        assert read_coco(path)["images"]
        return
    with pytest.raises(DataError) as caught:
        read_coco(path)
    assert list(caught.value.faults) == [words]


@pytest.mark.parametrize(
    "data, words",
    [
        (b'{"images": [}', "not valid JSON at line 1, column 13"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"", "not valid JSON"),
        (b"[1]", "found a list"),
        (b'{"shapes": [], "version": "5"}', 'found an object with ["shapes", "version"], expected "images"'),
    ],
)
def test_unreadable_files(tmp_path, data, words):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UserError, match="a.json") as error:
        read_coco(tmp_path / "a.json")
    assert words in str(error.value)


def test_as_many_pixels_as_an_image_reader_takes_are_allowed():
    coco = copy.deepcopy(GOOD)
    coco["images"][0] |= {"width": 2**20, "height": 2**10}
    assert not coco_faults(coco)
    coco["images"][0] |= {"width": 2**20, "height": 2**10 + 1}
    assert "found 1048576 x 1025" in coco_faults(coco)[0]


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="a.json: no such file"):
        read_coco(tmp_path / "a.json")


def test_the_brief_reading_leaves_out_outlines_and_nothing_that_counts(tmp_path):
    coco = copy.deepcopy(GOOD)
    coco["images"][1]["labelled"] = coco["images"][0]["also_unlabelled"] = True
    coco["annotations"][0]["area"] = 400.0
    whole = copy.deepcopy(coco)
    whole["images"][0] |= {"coco_url": "http://a/b.png", "license": 3}
    whole["annotations"][0] |= {"segmentation": [[1, 2, 3, 4, 5, 6]]}
    whole["annotations"][1] |= {"segmentation": {"counts": [1, 2], "size": [9, 9]}}
    path = tmp_path / "a.json"
    path.write_text("\ufeff" + json.dumps(whole | {"info": {"year": 2017}}), encoding="utf-8")
    assert read_coco_boxes(path) == coco
    write_coco(path, read_coco(path), overwrite=True)
    assert json.loads(path.read_text(encoding="utf-8"))["annotations"] == whole["annotations"]


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"images": [', "not valid JSON at line 1"),
        ('{"images": [], "annotations": []}', 'no "categories" list'),
        (json.dumps(GOOD | {"annotations": [7]}), "annotations[0]: expected an object, found a number"),
        (json.dumps(GOOD | {"categories": []}), "no categories"),
    ],
)
def test_the_brief_reading_names_faults_as_the_whole_one_does(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    for read in (read_coco, read_coco_boxes):
        with pytest.raises(DataError) as error:
            read(tmp_path / "a.json")
        assert words in str(error.value)
