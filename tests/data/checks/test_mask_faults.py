"""Objects without a mask and faulty outlines are named with their place, their image and what to do, also in the doctor."""

import copy
import json

import pytest

from src.data.checks.coco.coco_faults import coco_faults
from src.data.doctor import main
from src.data.formats.coco_annotations import read_annotations
from src.data.formats.reading import read_data
from src.data.training_data import Sources, read_training_data
from src.errors import UserError

SQUARE = [[10, 10, 30, 10, 30, 30, 10, 30]]
GOOD = {
    "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 50}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 20], "iscrowd": 0, "segmentation": SQUARE},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 20], "segmentation": SQUARE, "area": 400},
        {"id": 3, "image_id": 1, "category_id": 3, "bbox": [0, 0, 100, 50], "iscrowd": 1},
    ],
    "categories": [{"id": 3, "name": "mask"}],
}


def changed(**row) -> dict:
    coco = copy.deepcopy(GOOD)
    coco["annotations"][0] |= row
    return coco


def test_a_good_file_has_no_fault_and_crowds_need_no_mask():
    assert coco_faults(GOOD, masks=True) == []


@pytest.mark.parametrize("segmentation", [None, []])
def test_an_object_without_a_mask_is_named_with_its_image_and_what_to_do(tmp_path, segmentation):
    coco = changed(segmentation=segmentation)
    (tmp_path / "train.json").write_text(json.dumps(coco))
    with pytest.raises(UserError) as error:
        read_annotations(tmp_path / "train.json", masks=True)
    assert "train.json: 1 fault" in str(error.value)
    assert "annotations[0] (id 1): the object of a.png has no mask; draw its outline" in str(error.value)
    assert "iscrowd" in str(error.value) and "a system without masks" in str(error.value)
    assert coco_faults(coco) == []


def test_where_no_object_has_a_mask_that_is_one_fault():
    coco = copy.deepcopy(GOOD)
    for row in coco["annotations"]:
        row.pop("segmentation", None)
    (fault,) = coco_faults(coco, masks=True)
    assert "none of the 2 objects has a mask, such as annotations[0] (id 1) of a.png; for each, draw" in fault


def test_faulty_outlines_come_together_with_other_faults():
    coco = changed(segmentation=[[1, 2, 3]])
    coco["annotations"][1]["bbox"] = [50, 10, 20, 20]
    coco["annotations"][2]["category_id"] = 9
    faults = coco_faults(coco, masks=True)
    assert len(faults) == 3
    assert "annotations[0] (id 1), an object of a.png: segmentation, polygon 0: has an odd number of" in faults[1]
    assert (
        "annotations[1] (id 2), an object of a.png: segmentation covers nothing of bbox (50, 10, 70, 30)" in faults[2]
    )


def test_rows_that_are_faulty_otherwise_do_not_stop_the_look_at_masks():
    coco = copy.deepcopy(GOOD)
    junk = [
        {"image_id": [1]},
        {"image_id": 7, "segmentation": 3},
        {"image_id": 1, "bbox": "x"},
        {"image_id": 1, "bbox": [5, 5, 0, 3]},
        {"segmentation": SQUARE},
    ]
    coco["annotations"] += junk
    coco["images"].append({"id": 7, "width": "x"})
    assert not any("mask" in fault for fault in coco_faults(coco, masks=True))


def test_a_number_that_json_lacks_does_not_hide_the_masks(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(changed(note=float("nan"))))
    assert [bytes(outline) for outline in read_annotations(tmp_path / "a.json", masks=True).images[0].outlines[:1]] == [
        json.dumps(SQUARE).encode()
    ]
    (tmp_path / "a.json").write_text(json.dumps(changed(segmentation=[[1, 2, float("nan"), 3, 4, 5]])))
    with pytest.raises(UserError, match="segmentation must be polygons"):
        read_annotations(tmp_path / "a.json", masks=True)


def test_forms_without_masks_are_refused(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "a.txt").write_text("a.png 1,2,3,4,0")
    (tmp_path / "a.xml").write_text("<annotation></annotation>")
    for path in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(UserError, match="has boxes but no masks.*COCO JSON"):
            read_data(path, tmp_path / "images", ("cat",), masks=True)


def test_training_and_the_doctor_say_the_same(tmp_path, capsys):
    (tmp_path / "train.json").write_text(json.dumps(changed(segmentation=[[1, 2, 3, 4]])))
    words = "polygon 0: has 2 points; at least 3 enclose something"
    with pytest.raises(UserError, match=words):
        read_training_data(Sources(tmp_path / "train.json", tmp_path, max_gts=8, masks=True))
    arguments = ["--ann_file", str(tmp_path / "train.json"), "--img_dir", str(tmp_path)]
    with pytest.raises(SystemExit):
        main([*arguments, "--masks"])
    assert words in capsys.readouterr().out
    with pytest.raises(SystemExit):  # a.png is missing
        main(arguments)
    assert words not in capsys.readouterr().out
