"""What cannot be used is left out when that is asked for, with its reason, and only then; in every form and program."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest

from random_select import main as select
from src.data.checks.coco.coco_faults import coco_faults
from src.data.checks.faulty_coco import clear_coco
from src.data.checks.left_out import LeftOut, describe
from src.data.doctor import main as examine
from src.data.formats.reading import read_data
from src.data.synthetic import main as draw
from src.data.training_data import Sources, read_training_data
from src.errors import UserError
from src.split_data import main as split
from src.xml2coco import main as convert

LENIENT = ("--leave_out_faulty", "--faulty_at_most", "40")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A sound folder of images/ and annotations/ (Pascal VOC), and train.json."""
    folder = tmp_path_factory.mktemp("drawn")
    draw(["--out", str(folder), "--images", "8"])
    convert(["--data_path", str(folder), "--save_path", str(folder / "train.json")])
    return folder


@pytest.fixture
def faulty(drawn, tmp_path) -> Path:
    """The same with a box without area in the first file, a broken second file, a third image that is cut off, a fourth without file."""
    for kind in ("images", "annotations"):
        (tmp_path / kind).mkdir()
        for file in (drawn / kind).iterdir():
            (tmp_path / kind / file.name).write_bytes(file.read_bytes())
    xmls, images = (sorted((tmp_path / kind).iterdir()) for kind in ("annotations", "images"))
    empty = "<object><name>with_mask</name><difficult>0</difficult><bndbox>"
    empty += "<xmin>5</xmin><ymin>7</ymin><xmax>5</xmax><ymax>9</ymax></bndbox></object></annotation>"
    xmls[0].write_text(xmls[0].read_text().replace("</annotation>", empty))
    xmls[1].write_text(xmls[1].read_text()[:80])
    images[2].write_bytes(images[2].read_bytes()[:-200])
    xmls[3].unlink()
    return tmp_path


def counts(left_out: LeftOut) -> tuple[int, int, int]:
    """Images, boxes, and areas that were left out."""
    return len(left_out.images), len(left_out.boxes), len(left_out.fields)


@pytest.mark.parametrize("ann_file", ["annotations", "train.json"])
def test_random_select_leaves_out_and_lists_what_it_refuses_otherwise(faulty, drawn, ann_file, tmp_path, capsys):
    coco = json.loads((drawn / "train.json").read_text())
    coco["annotations"][0]["bbox"][2] = 0
    (faulty / "train.json").write_text(json.dumps(coco))
    if ann_file == "train.json":  # in the other form the image is one without its XML file
        (sorted((faulty / "images").iterdir())[3]).unlink()
    words = ["--ann_file", str(faulty / ann_file), "--img_dir", str(faulty / "images"), "--label_ratio", "100"]
    words += ["--output_ann_file", str(tmp_path / "out.json")]
    with pytest.raises(SystemExit):
        select(words)
    assert not (tmp_path / "out.json").exists()
    select([*words, *LENIENT])
    images = 3 if ann_file == "annotations" else 2
    listed = json.loads((tmp_path / "out_left_out.json").read_text())[0]
    assert (listed["images_left_out"], listed["boxes_left_out"]) == (images, 1)
    assert len(json.loads((tmp_path / "out.json").read_text())["images"]) == 8 - images
    assert f"left out {images} of {listed['of_images']} images and 1 of" in capsys.readouterr().out


def test_xml2coco_leaves_out_and_lists_what_it_refuses_otherwise(faulty, tmp_path, capsys):
    target = tmp_path / "out.json"
    words = ["--data_path", str(faulty), "--save_path", str(target)]
    with pytest.raises(SystemExit):
        convert(words)
    assert not target.exists()
    convert([*words, *LENIENT])
    (told,) = json.loads((tmp_path / "out_left_out.json").read_text())
    assert (told["images_left_out"], told["of_images"], told["boxes_left_out"]) == (3, 8, 1)
    names = [row["image"] for row in told["images"]]
    assert len({name[:-4] for name in names}) == 3
    reasons = " ".join(row["reason"] for row in told["images"])
    assert "not valid XML" in reasons and "truncated or broken" in reasons and "has no annotations/" in reasons
    assert told["boxes"][0]["box"] == "5 7 5 9" and "has no area" in told["boxes"][0]["reason"]
    coco = json.loads(target.read_text())
    assert len(coco["images"]) == 5 and not coco_faults(coco)
    assert "left out 3 of 8 images and 1 of" in capsys.readouterr().out


def test_more_than_the_percentage_is_refused_and_nothing_is_written(faulty, tmp_path, capsys):
    target = tmp_path / "out.json"
    with pytest.raises(SystemExit):
        convert(["--data_path", str(faulty), "--save_path", str(target), "--leave_out_faulty"])
    told = capsys.readouterr().err
    assert (
        "3 of 8 images and 1 of 18 boxes of the other images cannot be used, more than --faulty_at_most 5 percent; correct them, or leave them out with --faulty_at_most 38"
        in told
        and "not valid XML" in told
    )
    assert not target.exists() and not (tmp_path / "out_left_out.json").exists()


def test_sound_data_have_no_list(drawn, tmp_path):
    convert(["--data_path", str(drawn), "--save_path", str(tmp_path / "a.json"), *LENIENT])
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_split_leaves_out_what_cannot_be_paired_or_decoded(faulty, tmp_path, capsys):
    words = ["--data_path", str(faulty), "--output_path", str(tmp_path / "parts")]
    with pytest.raises(SystemExit):
        split(words)
    split([*words, *LENIENT])
    told = json.loads((tmp_path / "parts" / "split.json").read_text())
    assert len(told["train"]) + len(told["val"]) == 6
    (listed,) = json.loads((tmp_path / "parts" / "left_out.json").read_text())
    assert listed["images_left_out"] == 2


def test_training_takes_what_is_usable_of_a_folder_as_it_lies(faulty):
    sources = {"ann_file": faulty, "img_dir": faulty / "images"}
    with pytest.raises(UserError):
        read_training_data(Sources(**sources))
    data = read_training_data(Sources(**sources, faulty_at_most=40))
    assert len(data.labelled) == 5
    assert counts(data.left_out[0]) == (3, 1, 0)
    with pytest.raises(UserError, match="more than --faulty_at_most 30"):
        read_training_data(Sources(**sources, faulty_at_most=30))


def test_a_folder_of_unlabelled_images_loses_broken_ones(drawn, faulty):
    for path in (faulty / "images").iterdir():  # as they are, they would be copies of the labelled ones
        path.write_bytes(path.read_bytes() + b"\0")
    broken = min((faulty / "images").iterdir())
    broken.write_bytes(b"no image")
    sources = {"ann_file": drawn / "train.json", "img_dir": drawn / "images", "unlabelled_img_dir": faulty / "images"}
    with pytest.raises(UserError):
        read_training_data(Sources(**sources))
    data = read_training_data(Sources(**sources, faulty_at_most=40))
    assert len(data.unlabelled) == 6 and counts(data.left_out[-1]) == (2, 0, 0)


def test_the_doctor_says_what_will_be_left_out(faulty, capsys):
    words = ["--ann_file", str(faulty), "--img_dir", str(faulty / "images")]
    with pytest.raises(SystemExit):
        examine(words)
    capsys.readouterr()
    examine([*words, *LENIENT])
    told = capsys.readouterr().out
    assert "left out 3 of 8 images and 1 of" in told and "5 7 5 9" in told and "0 errors" in told


def test_the_doctor_names_each_reason_once_where_many_are_left_out(drawn, tmp_path, capsys):
    shutil.copytree(drawn / "images", tmp_path / "images")
    files = sorted((tmp_path / "images").iterdir())
    for file in files[:6]:
        file.write_bytes(file.read_bytes()[:-200])
    files[6].unlink()
    words = ["--ann_file", str(drawn / "train.json"), "--img_dir", str(tmp_path / "images")]
    examine([*words, "--leave_out_faulty", "--faulty_at_most", "90"])
    told = capsys.readouterr().out
    rows = [line for line in told.splitlines() if line.startswith("  left out: ")]
    names = ", ".join(file.name for file in files[:5])
    assert len(rows) == 2 and rows[0].startswith(
        f"  left out: 6 images ({names} and 1 more): the picture is truncated or broken ("
    )
    assert rows[1] == f"  left out: 1 image ({files[6].name}): no such image file"
    listed = Path(re.search("the whole list: (.*)", told)[1]).read_text().splitlines()
    assert len(listed) == 7 and listed[5].startswith(f"{files[5].name}: the picture is truncated")


def test_a_class_that_is_partly_written_otherwise_is_one_fault(drawn, tmp_path, capsys):
    for kind in ("images", "annotations"):
        shutil.copytree(drawn / kind, tmp_path / kind)
    changed = 0
    for file in sorted((tmp_path / "annotations").iterdir())[1:]:
        changed += "without_mask" in file.read_text()
        file.write_text(file.read_text().replace("without_mask", "Without_Mask"))
    names = "with_mask,without_mask,mask_weared_incorrect"
    with pytest.raises(SystemExit):
        convert(
            [*f"--data_path {tmp_path} --save_path {tmp_path / 'a.json'} --leave_out_faulty --classes {names}".split()]
        )
    told = capsys.readouterr().err
    assert f"{tmp_path}: {changed} of 8 images cannot be used" in told and told.count("Without_Mask") == 1
    assert re.search(r"'Without_Mask', which is none of .*; is it without_mask\?\n", told)
    assert len(Path(re.search("the whole list: (.*)", told)[1]).read_text().splitlines()) == changed > 5
    with pytest.raises(SystemExit):
        examine(
            [*f"--ann_file {tmp_path} --img_dir {tmp_path}/images --leave_out_faulty --class_names {names}".split()]
        )
    told = capsys.readouterr().out
    assert told.count("Without_Mask") == 1 and "the whole list: " in told


COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 20, "height": 10} for n in (1, 2, 3)],
    "annotations": [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0} for n in (1, 2, 3)
    ],
    "categories": [{"id": 1, "name": "cat"}],
}
FAULTS = {  # what is wrong with the first image or its row -> images, boxes and areas that go
    "box without width": ("annotations", {"bbox": [1, 1, 0, 5]}, (0, 1, 0)),
    "box with negative height": ("annotations", {"bbox": [1, 1, 5, -5]}, (0, 1, 0)),
    "box outside": ("annotations", {"bbox": [15, 1, 15, 5]}, (1, 0, 0)),
    "box of text": ("annotations", {"bbox": ["1", 1, 5, 5]}, (1, 0, 0)),
    "no box": ("annotations", {"bbox": None}, (1, 0, 0)),
    "box that is no number": ("annotations", {"bbox": [float("nan"), 1, 5, 5]}, (1, 0, 0)),
    "unknown class": ("annotations", {"category_id": 7}, (1, 0, 0)),
    "strange crowd": ("annotations", {"iscrowd": 2}, (1, 0, 0)),
    "area of nothing": ("annotations", {"area": 0}, (0, 0, 1)),
    "area too large": ("annotations", {"area": 1e6}, (1, 0, 0)),
    "unknown image": ("annotations", {"image_id": 9}, (0, 1, 0)),
    "size of text": ("images", {"width": "20"}, (1, 0, 0)),
    "name outside": ("images", {"file_name": "../1.png"}, (1, 0, 0)),
    "unlabelled with boxes": ("images", {"labelled": False}, (1, 0, 0)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_coco_file_is_sound_afterwards_and_the_kind_of_fault_decides_what_goes(name):
    key, wrong, expected = FAULTS[name]
    coco = copy.deepcopy(COCO)
    coco[key][0] |= wrong
    before = copy.deepcopy(coco)
    assert coco_faults(coco)
    left_out = LeftOut("a.json")
    cleared = clear_coco(coco, left_out)
    assert str(coco) == str(before) and not coco_faults(cleared)
    assert counts(left_out) == expected and all(row["reason"] for row in left_out.rows)
    assert len(cleared["images"]) == 3 - expected[0]
    assert {2, 3} <= {image["id"] for image in cleared["images"]} and len(cleared["annotations"]) >= 2


@pytest.mark.parametrize(
    "value", [None, [], 3, {}, {"images": 1}, COCO, COCO | {"categories": []}, COCO | {"images": [1]}]
)
def test_sound_files_and_what_is_no_coco_file_stay_as_they_are(value):
    left_out = LeftOut("a.json")
    assert clear_coco(value, left_out) is value and not left_out.rows


def test_text_lines_lose_boxes_without_area_and_faulty_lines(drawn, tmp_path):
    names = sorted(file.name for file in (drawn / "images").iterdir())[:3]
    lines = [f"{names[0]} 1,1,9,9,0 5,5,5,9,0", f"{names[1]} 1,1,9,9,4", f"{names[2]} 2,2,8,8,0"]
    path = tmp_path / "train.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError):
        read_data(path, drawn / "images", ["cat"])
    left_out = LeftOut("train.txt")
    found = read_data(path, drawn / "images", ["cat"], left_out=left_out)
    assert [entry.file_name for entry in found.images] == [names[0], names[2]]
    assert [len(entry.boxes) for entry in found.images] == [1, 1] and counts(left_out) == (1, 1, 0)


def test_the_percentage_counts_images_and_boxes_apart():
    left_out = LeftOut("a", at_most=10)
    left_out.box("a.png", "1 1 1 1")
    left_out.check(kept_images=9, kept_boxes=9)
    with pytest.raises(UserError, match="^a: 1 of 9 boxes cannot be used"):
        left_out.check(kept_images=9, kept_boxes=8)


def test_where_the_list_is_is_said_only_if_there_is_one(tmp_path):
    left_out = LeftOut("data")
    assert describe([left_out], tmp_path / "left_out.json") == []
    left_out.box("a.png", "1 1 1 5")
    left_out.check(10, 99)
    assert describe([left_out])[-1] == "data: left out 0 of 10 images and 1 of 100 boxes"
    assert describe([left_out], tmp_path / "left_out.json")[-1].endswith("left_out.json")
