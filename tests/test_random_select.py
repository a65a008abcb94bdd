import json
import subprocess
import sys
from pathlib import Path

import pytest

import random_select
from src.data.formats.coco_annotations import read_annotations

ROOT = Path(__file__).resolve().parents[1]


def write(path, count=20, **changes):
    """Image i (1..count) has i % 3 boxes, so some are empty."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 50} for i in range(1, count + 1)]
    pairs = [(i, k) for i in range(1, count + 1) for k in range(i % 3)]
    rows = [
        {"id": n, "image_id": i, "category_id": 1, "bbox": [k, 1, 5, 5], "segmentation": [[1, 2, 3]], "iscrowd": 0}
        for n, (i, k) in enumerate(pairs, start=1)
    ]
    coco = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "a"}]} | changes
    path.write_text(json.dumps(coco))
    return coco


def select(tmp_path, *more, ratio="25"):
    output = tmp_path / "out.json"
    random_select.main(
        [
            "--ann_file",
            str(tmp_path / "a.json"),
            "--label_ratio",
            ratio,
            "--output_ann_file",
            str(output),
            "--overwrite",
            *more,
        ]
    )
    return read_annotations(output), json.loads(output.read_text())


def test_policy_1_splits_the_images_in_two(tmp_path, capsys):
    coco = write(tmp_path / "a.json")
    data, raw = select(tmp_path)
    assert len(data.labelled) == 5 and len(data.unlabelled) == 15
    chosen = {entry.image_id for entry in data.labelled}
    assert {row["image_id"] for row in raw["annotations"]} <= chosen
    assert len(raw["annotations"]) == sum(row["image_id"] in chosen for row in coco["annotations"])
    assert "20 images, 5 labelled, 15 unlabelled" in capsys.readouterr().out


def test_crowds_are_not_counted_as_boxes_and_areas_stay(tmp_path, capsys):
    coco = write(tmp_path / "a.json")
    for row in coco["annotations"]:
        row |= {"iscrowd": row["id"] % 2, "area": row["id"] / 2}
    write(tmp_path / "a.json", annotations=coco["annotations"])
    _, raw = select(tmp_path, ratio="100")
    crowds = sum(row["id"] % 2 for row in coco["annotations"])
    boxes = len(coco["annotations"]) - crowds
    assert f"; the labels that stay are {boxes} boxes and {crowds} crowds\n" in capsys.readouterr().out
    assert [row["area"] for row in raw["annotations"]] == [row["area"] for row in coco["annotations"]]


def test_policy_2_has_every_image_in_the_unlabelled_stream(tmp_path):
    write(tmp_path / "a.json")
    data, _ = select(tmp_path, "--policy", "2")
    assert len(data.labelled) == 5
    assert [entry.image_id for entry in data.unlabelled] == list(range(1, 21))


def test_the_choice_does_not_depend_on_the_order_of_the_file(tmp_path):
    coco = write(tmp_path / "a.json")
    first = {entry.image_id for entry in select(tmp_path)[0].labelled}
    write(tmp_path / "a.json", images=coco["images"][::-1])
    assert {entry.image_id for entry in select(tmp_path)[0].labelled} == first
    assert {entry.image_id for entry in select(tmp_path, "--seed", "11")[0].labelled} != first


def test_a_fraction_of_a_percent(tmp_path):
    write(tmp_path / "a.json", 400)
    assert len(select(tmp_path, ratio="0.5")[0].labelled) == 2


def test_a_share_in_place_of_percent_is_noticed(tmp_path, capsys):
    write(tmp_path / "a.json", 400)
    select(tmp_path, ratio="0.5")
    assert "note: --label_ratio is in percent; for a share of 0.5 pass 50" in capsys.readouterr().out
    select(tmp_path, "--overwrite", ratio="1.5")
    assert "note" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "ratio, words",
    [("1", "less than one image"), ("101", "between 0 and 100"), ("0.25", "is 5; for a share of 0.25 pass 25")],
)
def test_bad_ratios(tmp_path, capsys, ratio, words):
    write(tmp_path / "a.json")
    with pytest.raises(SystemExit):
        select(tmp_path, ratio=ratio)
    assert words in capsys.readouterr().err


def test_a_file_with_unlabelled_images_is_refused(tmp_path, capsys):
    write(tmp_path / "a.json")
    _, raw = select(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(raw))
    with pytest.raises(SystemExit):
        select(tmp_path)
    assert "15 images are unlabelled already" in capsys.readouterr().err


def test_a_real_start_is_quick_and_overwrites_nothing(tmp_path):
    write(tmp_path / "a.json")
    arguments = ["--ann_file", "a.json", "--label_ratio", "25", "--output_ann_file", "out.json"]
    command = [sys.executable, str(ROOT / "random_select.py"), *arguments]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == 0
    again = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2 and "--overwrite" in again.stderr and "Traceback" not in again.stderr
    wrong = subprocess.run([*command, "--policy", "3"], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 2 and "--policy" in wrong.stderr


def test_images_without_boxes_count_as_reviewed_but_many_of_them_are_doubted(tmp_path, capsys):
    write(tmp_path / "a.json")  # 6 of 20 have no box
    select(tmp_path)
    said = capsys.readouterr().out
    assert "6 of the 20 images have no box" in said
    assert "suspicious: 6 of the 20 labelled images have no box, such as 12.png, 15.png, 18.png and 3 more" in said
    entries = [
        {"id": i, "file_name": f"{i}.png", "width": 50, "height": 50} | ({"labelled": True} if i % 3 == 0 else {})
        for i in range(1, 21)
    ]
    write(tmp_path / "a.json", images=entries)
    _, raw = select(tmp_path, ratio="100")
    assert "suspicious" not in capsys.readouterr().out
    assert [image["id"] for image in raw["images"] if image.get("labelled")] == [3, 6, 9, 12, 15, 18], "the word stays"


@pytest.mark.parametrize(
    ("names", "told"), [("zebra", "a (21 objects) is not one of the classes zebra"), ("a,a", "'a' is given 2 times")]
)
def test_classes_that_a_coco_file_has_not_are_refused(tmp_path, capsys, names, told):
    write(tmp_path / "a.json")
    with pytest.raises(SystemExit):
        select(tmp_path, "--class_names", names)
    assert told in capsys.readouterr().err
    assert len(select(tmp_path, "--class_names", "b,a")[0].labelled) == 5, "ids decide, not the order of the names"
