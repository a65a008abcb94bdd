"""Three parts of a data set: exact sizes, no picture in two of them, and boxes without area left out and told."""

import json
from itertools import chain
from xml.etree.ElementTree import fromstring

import pytest

from benchmarks.label_efficiency.data import clear_coco, clear_xml, draw_parts, joined_groups, part_of, prepare
from benchmarks.label_efficiency.plan import read_plan
from src.errors import UserError
from tests.benchmarks.label_efficiency.plans import draw_set, write_plan

SIZES = {"train": 5, "validation": 3, "test": 4}


def groups_of(*sizes: int) -> list[list[str]]:
    """Groups of names."""
    return [[f"{number}_{member}" for member in range(size)] for number, size in enumerate(sizes)]


@pytest.mark.parametrize("seed", range(20))
def test_parts_have_their_sizes_and_groups_stay_together(seed):
    groups = groups_of(2, 3, 2, 1, 1, 1, 1, 1)
    parts = draw_parts(groups, SIZES, seed)
    assert {part: len(names) for part, names in parts.items()} == SIZES
    assert sorted(chain(*parts.values())) == sorted(chain(*groups))
    for group in groups:
        assert sum(bool(set(group) & set(names)) for names in parts.values()) == 1


def test_parts_depend_on_the_seed_alone_and_spare_images_belong_to_none():
    groups = groups_of(*[1] * 20)
    first, again, other = (
        draw_parts(order, SIZES, seed) for order, seed in ((groups, 1), (groups[::-1], 1), (groups, 2))
    )
    assert first == again != other
    assert sum(map(len, first.values())) == 12


def test_a_group_that_fits_nowhere_is_refused():
    with pytest.raises(UserError, match=r"6 images show one picture \(0_0, ...\) and fit into no part"):
        draw_parts(groups_of(6, *[1] * 6), SIZES, 1)


def test_given_groups_join_those_that_are_found():
    names = list("abcdef")
    groups = joined_groups(names, [("b", "c"), ("f", "a")], [[0, 1], [2, 3], [4], [5]])
    assert groups == [("a", "b", "c", "d", "f"), ("e",)]
    with pytest.raises(UserError, match=r"same_picture: x\.png is not an image"):
        joined_groups(names, [("a", "x.png")], [[index] for index in range(6)])


def voc(*boxes) -> bytes:
    """A Pascal VOC file with these boxes."""
    corners = ("xmin", "ymin", "xmax", "ymax")
    rows = ["".join(f"<{key}>{value}</{key}>" for key, value in zip(corners, box)) for box in boxes]
    objects = "".join(f"<object><name>cell</name><bndbox>{row}</bndbox></object>" for row in rows)
    return f"<annotation><filename>a.png</filename>stray{objects}</annotation>".encode()


def test_objects_without_area_are_taken_out_of_xml_and_told():
    content, faults = clear_xml(voc((1, 1, 5, 5), (504, 337, 504, 337), (2, 3, 9, 3), (2, 3, 9, 4)))
    assert faults == [
        "object 2 (cell), box 504 337 504 337, has no area",
        "object 3 (cell), box 2 3 9 3, has no area",
    ]
    assert [row.findtext("bndbox/ymax") for row in fromstring(content).findall("object")] == ["5", "4"]
    for untouched in (voc((1, 1, 5, 5)), b"not XML", voc(("a", 1, 2, 3))):
        assert clear_xml(untouched) == (untouched, [])


def test_boxes_without_area_are_taken_out_of_coco_and_told():
    rows = [{"id": 1, "image_id": 7, "bbox": [0, 0, 3, 3]}, {"id": 2, "image_id": 7, "bbox": [4, 4, 0, 3]}]
    cleared, faults = clear_coco({"images": [{"id": 7}], "annotations": rows})
    assert cleared == {"images": [{"id": 7}], "annotations": rows[:1]}
    assert faults == ["annotation 2 of image 7, box [4, 4, 0, 3], has no area"]


def test_a_part_has_its_images_and_their_boxes():
    images = [{"id": number, "file_name": name} for number, name in enumerate("abc")]
    rows = [{"id": number, "image_id": number % 3} for number in range(6)]
    part = part_of({"images": images, "annotations": rows, "categories": []}, ["a", "c"])
    assert [image["id"] for image in part["images"]] == [0, 2]
    assert [row["id"] for row in part["annotations"]] == [0, 2, 3, 5]


def test_a_voc_folder_becomes_three_files_whose_split_is_kept(tmp_path):
    data = draw_set(tmp_path / "set")
    (data / "images" / "copy.png").write_bytes((data / "images" / "face_00003.png").read_bytes())
    (data / "annotations" / "copy.xml").write_bytes((data / "annotations" / "face_00003.xml").read_bytes())
    broken = data / "annotations" / "face_00001.xml"
    flat = "<object><name>with_mask</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>5</xmax><ymax>9</ymax></bndbox></object>"
    broken.write_text(broken.read_text().replace("</annotation>", f"{flat}</annotation>"))
    plan = read_plan(write_plan(tmp_path, {}))
    made = []

    def run(words) -> None:
        """xml2coco, in this process."""
        from src import xml2coco

        xml2coco.main(words[1:])
        made.append(words[0])

    split_file = tmp_path / "evidence" / "split.json"
    ready = prepare(plan, data, tmp_path / "out", split_file, run)
    parts = {part: json.loads(file.read_text()) for part, file in ready.files.items()}
    assert {part: len(coco["images"]) for part, coco in parts.items()} == {"train": 8, "validation": 3, "test": 4}
    assert ready.left_out == [f"face_00001.xml: object {objects_of(broken)} (with_mask), box 5 5 5 9, has no area"]
    split = json.loads(split_file.read_text())
    assert ["copy.png", "face_00003.png"] in split["same_picture"]
    sides = [
        part
        for part, coco in parts.items()
        for image in coco["images"]
        if image["file_name"] in ("copy.png", "face_00003.png")
    ]
    assert len(set(sides)) <= 1

    again = prepare(plan, data, tmp_path / "out", split_file, run)
    assert again == ready and made == ["src/xml2coco.py"]
    fresh = prepare(plan, data, tmp_path / "other", split_file, run)
    assert fresh.hashes == ready.hashes
    broken.write_text(broken.read_text() + "\n")
    with pytest.raises(UserError, match="made from other annotations"):
        prepare(plan, data, tmp_path / "out", split_file, run)
    other = read_plan(write_plan(tmp_path, {}, parts={"train": 7, "validation": 3, "test": 4}))
    with pytest.raises(UserError, match="made for the parts"):
        prepare(other, data, tmp_path / "third", split_file, run)


def objects_of(file) -> int:
    """How many objects an XML file has."""
    return len(fromstring(file.read_bytes()).findall("object"))
