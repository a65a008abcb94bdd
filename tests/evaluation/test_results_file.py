"""Result records of other programs: taken as they are, or refused with every fault."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_masks

from src.data.annotations import Annotations, ImageEntry
from src.errors import DataError
from src.evaluation.results_file import check_results, have_masks, read_results

RECORD = {"image_id": 7, "category_id": 4, "bbox": [1, 2.5, 3, 4], "score": 0.5}


@pytest.fixture
def annotations() -> Annotations:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    entries = [ImageEntry(number, f"day/{number}.png", 60, 50, True, *nothing) for number in (1, 7)]
    return Annotations(("square", "circle"), (4, 9), tuple(entries))


def _write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_records_come_back(annotations, tmp_path):
    rows = [RECORD, RECORD | {"image_id": 1, "category_id": 9, "score": 1}]
    assert read_results(_write(tmp_path / "r.json", rows), annotations) == rows
    assert read_results(_write(tmp_path / "r.json", []), annotations) == []


def test_a_name_decides_before_a_number(annotations, tmp_path):
    path = _write(tmp_path / "r.json", [RECORD | {"image_id": 1, "file_name": "day/7.png"}])
    assert [record["image_id"] for record in read_results(path, annotations)] == [7]
    path = _write(tmp_path / "r.json", [RECORD | {"image_id": 1, "file_name": "night.png"}])
    with pytest.raises(DataError, match=r"image 'night\.png' is not in the annotation file"):
        read_results(path, annotations)


def test_all_faults_are_told_together(annotations, tmp_path):
    rows = [
        3,
        {"image_id": 7},
        RECORD | {"image_id": 8},
        RECORD | {"category_id": 1},
        RECORD | {"bbox": [1, 2, 3]},
        RECORD | {"bbox": [1, 2, 0, 4]},
        RECORD | {"score": "high"},
        RECORD | {"score": True},
        RECORD,
    ]
    with pytest.raises(DataError) as raised:
        read_results(_write(tmp_path / "r.json", rows), annotations)
    told = raised.value.faults
    assert len(told) == 8 and told[0] == "record 0: expected an object, got int"
    assert told[1] == "record 1: has no category_id, bbox, score"
    assert "image 8" in told[2] and "category 1" in told[3] and "bbox" in told[4] and "bbox" in told[5]


@pytest.mark.parametrize(
    "text", ["{}", "[{", '[{"image_id": 7, "category_id": 4, "bbox": [1, 2, 3, 4], "score": NaN}]']
)
def test_what_is_no_list_of_numbers_is_refused(annotations, tmp_path, text):
    with pytest.raises(DataError, match=r"r\.json"):
        read_results(_write(tmp_path / "r.json", text), annotations)


def test_masks_of_every_form_become_the_one_that_is_scored(annotations, tmp_path):
    square = np.zeros((50, 60), np.uint8)
    square[10:20, 5:15] = 1
    counts = coco_masks.encode(np.asfortranarray(square))["counts"].decode()
    lengths = np.diff(np.flatnonzero(np.diff(square.ravel(order="F"), prepend=0, append=2)), prepend=0).tolist()
    forms = [
        [[5, 10, 15, 10, 15, 20, 5, 20]],
        {"size": [50, 60], "counts": lengths},
        {"size": [50, 60], "counts": counts},
    ]
    path = _write(tmp_path / "r.json", [RECORD | {"segmentation": form} for form in forms])
    for record in read_results(path, annotations):
        assert record == RECORD | {"segmentation": {"size": [50, 60], "counts": counts}}


@pytest.mark.parametrize("nothing", [None, []])
def test_an_empty_segmentation_is_none(annotations, tmp_path, nothing):
    path = _write(tmp_path / "r.json", [RECORD | {"segmentation": nothing}])
    assert read_results(path, annotations) == [RECORD]
    assert not have_masks(path)


def test_one_mask_says_that_there_are_masks_whatever_else_is_wrong(tmp_path):
    assert have_masks(_write(tmp_path / "r.json", [3, RECORD, RECORD | {"segmentation": [[1, 2, 3]]}]))
    assert not have_masks(_write(tmp_path / "r.json", [RECORD])) and not have_masks(_write(tmp_path / "r.json", {}))


@pytest.mark.parametrize(
    "segmentation, words",
    [
        ([[1, 2, 3]], "record 1: segmentation, polygon 0: has an odd number of coordinates, 3"),
        ({"size": [60, 50], "counts": [3000]}, "its size [height, width] is [60, 50], its image is [50, 60]"),
        ("x", "record 1: segmentation must be polygons"),
        (None, "1 of 2 records have no segmentation, such as record 1; give all of them one, or none"),
    ],
)
def test_faulty_masks_are_told(annotations, tmp_path, segmentation, words):
    good = RECORD | {"segmentation": {"size": [50, 60], "counts": [3000]}}  # nothing of it is the object, which may be
    with pytest.raises(DataError) as raised:
        read_results(_write(tmp_path / "r.json", [good, RECORD | {"segmentation": segmentation}]), annotations)
    assert len(raised.value.faults) == 1 and words in raised.value.faults[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (str, "4 ids are in quotes"),
        (float, "4 ids are written with a decimal point"),
        (lambda n: n + 2**60, "4 ids are above 2^53"),
    ],
)
def test_ids_that_are_all_wrong_in_one_way_are_told_once(change, words):
    record = {"bbox": [1, 2, 3, 4], "score": 0.5}
    records = [record | {"image_id": change(1), "category_id": change(1)}] * 2
    with pytest.raises(DataError) as error:
        check_results(records, Annotations((), (), ()), "found.json")
    assert (
        len(error.value.faults) == 1 and words in error.value.faults[0] and '"image_id" of records' in str(error.value)
    )


def test_records_of_other_images_or_categories_are_told_once(annotations, tmp_path):
    rows = [RECORD | {"image_id": number} for number in range(100, 400)] + [RECORD | {"category_id": 0}] * 2
    with pytest.raises(DataError) as raised:
        read_results(_write(tmp_path / "r.json", rows), annotations)
    images, categories = raised.value.faults
    assert images == (
        "300 of the 302 records are of images that are not in the annotation file, whose image_id go from 1 to 7; the first is record 0: "
        "image 100 is not in the annotation file; give the annotation file that the detector was run with, or correct the records"
    )
    assert categories.startswith(
        "2 of the 302 records are of categories that are not in the annotation file, whose category_id go from 4"
    )
    assert len(raised.value.rows) == 302


def test_a_name_is_enough_and_long_values_are_cut(annotations, tmp_path):
    named = {key: value for key, value in RECORD.items() if key != "image_id"} | {"file_name": "day/7.png"}
    assert read_results(_write(tmp_path / "r.json", [named]), annotations)[0]["image_id"] == 7
    with pytest.raises(DataError) as raised:
        read_results(_write(tmp_path / "r.json", [RECORD | {"score": 10**400}]), annotations)
    assert len(str(raised.value)) < 300
