import copy
import json

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import content_hash, image_path, object_areas, unlabelled_folder
from src.data.checks.coco.coco_faults import coco_faults
from src.data.formats.coco_annotations import read_annotations, to_coco
from src.data.formats.label_states import hide_labels
from src.errors import DataError, UserError


def row(identity, image_id, category_id=4, bbox=(1, 2, 3, 4), **more):
    return {"id": identity, "image_id": image_id, "category_id": category_id, "bbox": list(bbox), "iscrowd": 0} | more


def blank(identity, image_id):
    return {
        "id": identity,
        "image_id": image_id,
        "category_id": -1,
        "bbox": [0, 0, 0, 0],
        "area": 0.0,
        "segmentation": [[1, 2]],
    }


def image(identity, **more):
    return {"id": identity, "file_name": f"{identity}.png", "width": 20, "height": 10} | more


def coco_file(images, rows):
    categories = [{"id": 9, "name": "dog"}, {"id": 4, "name": "cat", "supercategory": "pet"}]
    return {"images": images, "annotations": rows, "categories": categories}


def read(tmp_path, coco, masks=False):
    (tmp_path / "a.json").write_text(json.dumps(coco))
    return read_annotations(tmp_path / "a.json", masks)


def test_boxes_labels_and_order(tmp_path):
    rows = [row(5, 7, 9, (17, -1, 4, 5)), row(6, 7, 4, (0.25, 0.5, 1, 1), iscrowd=1)]
    data = read(tmp_path, coco_file([image(7), image(3)], rows))
    assert data.class_names == ("cat", "dog") and data.category_ids == (4, 9)
    assert [entry.image_id for entry in data.images] == [3, 7]
    entry = data.images[1]
    assert entry.boxes.dtype == np.float32 and entry.labels.dtype == np.int32
    np.testing.assert_array_equal(entry.boxes, [[17, 0, 20, 4], [0.25, 0.5, 1.25, 1.5]])
    np.testing.assert_array_equal(entry.labels, [2, 1])
    np.testing.assert_array_equal(entry.crowd, [False, True])
    empty = data.images[0]
    assert empty.labelled and empty.boxes.shape == (0, 4) and empty.labels.shape == (0,) and empty.crowd.shape == (0,)


def test_the_area_is_that_of_the_annotation_or_else_of_the_box(tmp_path):
    coco = coco_file([image(1), image(2)], [row(1, 1, area=6.5), row(2, 1), row(3, 2, area=200)])
    first, second = (data := read(tmp_path, coco)).images
    np.testing.assert_array_equal(first.areas, [6.5, np.nan])
    assert object_areas(first).tolist() == [6.5, 12] and object_areas(second).tolist() == [200]
    assert [r["area"] for r in to_coco(data)["annotations"]] == [6.5, 12, 200]
    assert [r.get("area") for r in hide_labels(coco, {1})["annotations"]] == [6.5, None], "handed on as it stands"


def test_states_of_our_form(tmp_path):
    images = [image(1), image(2, labelled=False), image(3), image(4, labelled=True, also_unlabelled=True)]
    data = read(tmp_path, coco_file(images, [row(1, 1), row(2, 4)]))
    assert [e.image_id for e in data.labelled] == [1, 3, 4]
    assert [e.image_id for e in data.unlabelled] == [2, 4]
    assert all(not e.labelled and len(e.boxes) == 0 for e in data.unlabelled)


def test_states_of_the_reference_form(tmp_path):
    rows = [row(1, 1), blank(2, 2), blank(3, 2), row(4, 3), blank(5, 3)]
    data = read(tmp_path, coco_file([image(1), image(2), image(3), image(4)], rows))
    assert [e.image_id for e in data.labelled] == [1, 3, 4]
    assert [e.image_id for e in data.unlabelled] == [2, 3]
    assert [len(e.boxes) for e in data.labelled] == [1, 1, 0]


def test_to_coco_and_back(tmp_path):
    images = [image(1), image(2, labelled=False), image(3, also_unlabelled=True)]
    data = read(tmp_path, coco_file(images, [row(8, 1), row(9, 3, 9, (0, 0, 20, 10), iscrowd=1)]))
    again = read(tmp_path, to_coco(data))
    assert again.class_names == data.class_names and again.category_ids == data.category_ids
    for old, new in zip(data.images, again.images, strict=True):
        assert (old.image_id, old.file_name, old.labelled, old.also_unlabelled) == (
            new.image_id,
            new.file_name,
            new.labelled,
            new.also_unlabelled,
        )
        np.testing.assert_allclose(old.boxes, new.boxes)
        np.testing.assert_array_equal(old.labels, new.labels)
        np.testing.assert_array_equal(old.crowd, new.crowd)


def test_hidden_labels_leave_no_trace():
    images = [image(1, license=2, objects=3), image(2, labelled=True, objects=1), image(3)]
    rows = [row(1, 1), row(2, 2, segmentation=[[1, 2, 3]], note="kept"), row(5, 3)]
    coco = coco_file(images, rows) | {"info": {"year": 2020}, "segment_info": [1, 2, 3]}
    coco["categories"][0]["instance_count"] = 3
    before = copy.deepcopy(coco)
    hidden = hide_labels(coco, {2, 3})
    assert coco == before
    assert coco_faults(hidden) == []
    assert hidden["images"][0] == image(1, license=2, labelled=False)
    assert hidden["images"][1] == image(2, labelled=True, objects=1), "what a human said of it stays"
    assert [r["id"] for r in hidden["annotations"]] == [1, 2]
    assert hidden["annotations"][0] == row(1, 2, segmentation=[[1, 2, 3]], note="kept")
    assert set(hidden) == {"images", "annotations", "categories", "info"}
    assert "instance_count" not in str(hidden)


def test_hide_labels_drops_blank_rows_and_marks_policy_two():
    coco = coco_file([image(1), image(2)], [row(1, 1), blank(2, 1), row(3, 2)])
    hidden = hide_labels(coco, {1}, also_unlabelled=True)
    assert hidden["annotations"] == [row(1, 1)]
    assert hidden["images"][0]["also_unlabelled"] is True
    assert "also_unlabelled" not in hide_labels(hidden, {1})["images"][0]


def test_unlabelled_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGBA", (8, 4)).save(tmp_path / "sub" / "ä.png")
    Image.new("RGB", (8, 4)).save(tmp_path / "b.jpg", exif=exif)
    entries = unlabelled_folder(tmp_path, 50)
    assert [(e.image_id, e.file_name, e.width, e.height) for e in entries] == [
        (50, "b.jpg", 4, 8),
        (51, "sub/ä.png", 8, 4),
    ]
    assert not any(e.labelled for e in entries)
    assert image_path(entries[1], "elsewhere") == tmp_path / "sub" / "ä.png"


def test_unlabelled_folder_faults(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        unlabelled_folder(tmp_path / "none", 1)
    with pytest.raises(UserError, match="no images"):
        unlabelled_folder(tmp_path, 1)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("broken")
    with pytest.raises(DataError) as error:
        unlabelled_folder(tmp_path, 1)
    assert len(error.value.faults) == 2


def test_the_hash_of_the_content_sees_labels_and_nothing_else(tmp_path):
    def hashed(images, rows):
        (tmp_path / "a.json").write_text(json.dumps(coco_file(images, rows)))
        return content_hash(read_annotations(tmp_path / "a.json"))

    before = hashed([image(1), image(2)], [row(1, 1), row(2, 1)])
    assert before == hashed([image(2, license=3), image(1)], [row(7, 1, area=5), row(8, 1)])
    others = [
        hashed([image(1), image(2)], [row(1, 1)]),
        hashed([image(1), image(2)], [row(1, 1), row(2, 2)]),
        hashed([image(1), image(2)], [row(1, 1), row(2, 1, category_id=9)]),
        hashed([image(1), image(2)], [row(1, 1), row(2, 1, iscrowd=1)]),
        hashed([image(1), image(2, labelled=False)], [row(1, 1), row(2, 1)]),
        hashed([image(1), image(2, file_name="3.png")], [row(1, 1), row(2, 1)]),
    ]
    assert len({before, *others}) == 7


TRIANGLE = [[1.0, 2.0, 4.0, 2.0, 4.0, 6.0]]
CROWD = {"size": [10, 20], "counts": [0, 200]}


def masked_file():
    images = [image(1), image(2), image(3, labelled=False), image(4, also_unlabelled=True)]
    rows = [
        row(1, 1, segmentation=TRIANGLE, area=6.5),
        row(2, 2, 9, (0, 0, 20, 10), iscrowd=1, segmentation=CROWD),
        row(3, 2, 9, (0, 0, 20, 10), iscrowd=1),
        row(4, 4, 9, segmentation={"size": [10, 20], "counts": "0X6"}),
    ]
    return coco_file(images, rows)


def test_outlines_are_read_where_they_are_asked_for(tmp_path):
    assert all(e.outlines is None for e in read(tmp_path, masked_file()).images)
    first, second, hidden, joined = (data := read(tmp_path, masked_file(), masks=True)).images
    assert [json.loads(bytes(outline)) for outline in first.outlines] == [TRIANGLE]
    assert json.loads(bytes(second.outlines[0])) == CROWD and second.outlines[1] is None
    assert hidden.outlines == () and len(joined.outlines) == 1
    assert first.areas.tolist() == [6.5] and np.isnan([*second.areas, *joined.areas]).all()
    assert all(not entry.outlines for entry in data.unlabelled)


def test_outlines_reach_a_coco_file_and_come_back(tmp_path):
    data = read(tmp_path, masked_file(), masks=True)
    assert not any("segmentation" in r for r in to_coco(data)["annotations"])
    rows = to_coco(data, masks=True)["annotations"]
    box = [[0.0, 0.0, 20.0, 0.0, 20.0, 10.0, 0.0, 10.0]]
    assert [r["segmentation"] for r in rows] == [TRIANGLE, CROWD, box, {"size": [10, 20], "counts": "0X6"}]
    assert [r["area"] for r in rows] == [6.5, 200.0, 200.0, 200.0]
    again = to_coco(read(tmp_path, to_coco(data, masks=True), masks=True), masks=True)
    assert again["annotations"] == rows


def test_outlines_count_in_the_hash_where_they_were_read(tmp_path):
    other = masked_file()
    other["annotations"][0]["segmentation"] = [[1, 2, 4, 2, 4, 5]]
    hashes = {content_hash(read(tmp_path, coco, masks)) for coco in (masked_file(), other) for masks in (False, True)}
    assert len(hashes) == 3
