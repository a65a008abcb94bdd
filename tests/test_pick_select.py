import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import pick_select
from src.data.annotations import hide_labels, read_annotations

ROOT = Path(__file__).resolve().parents[1]
IMAGES = [{"id": i, "file_name": f"s/{i}.png", "width": 50, "height": 50} for i in range(1, 11)]
FULL = {
    "images": IMAGES,
    "annotations": [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, i, i], "iscrowd": 0} for i in range(1, 10)
    ],
    "categories": [{"id": 1, "name": "a"}],
}
VALUES = {f"s/{i}.png": float(i) for i in range(1, 11)}  # the last is the most valuable, and empty


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "full.json", FULL)
    write(tmp_path / "part.json", hide_labels(FULL, {1, 9}))
    write(tmp_path / "values.json", VALUES)
    return tmp_path


def write(path, value):
    path.write_text(json.dumps(value))


def arguments(folder, ratio, *more, ann="full.json", combine="part.json"):
    options = {
        "--ann_file": ann,
        "--combine_ann_file": combine,
        "--top_value_file": "values.json",
        "--output_ann_file": "out.json",
    }
    paths = [text for key, name in options.items() if name for text in (key, str(folder / name))]
    return [*paths, "--pick_ratio", str(ratio), *more]


def pick(folder, ratio, *more, **files):
    pick_select.main(arguments(folder, ratio, *more, **files))
    data = read_annotations(folder / "out.json")
    return [e.image_id for e in data.labelled], [e.image_id for e in data.unlabelled]


def refused(folder, capsys, ratio, *more, **files):
    with pytest.raises(SystemExit) as stop:
        pick_select.main(arguments(folder, ratio, *more, **files))
    assert stop.value.code == 2 and not (folder / "out.json").exists()
    return capsys.readouterr().err


def test_the_best_unlabelled_images_join_the_labelled_ones(folder, capsys):
    labelled, unlabelled = pick(folder, 50)
    assert labelled == [1, 7, 8, 9, 10] and unlabelled == [2, 3, 4, 5, 6]
    assert (folder / "out_picked.txt").read_text() == "s/10.png\ns/8.png\ns/7.png\n"
    assert "10 images, 5 labelled (3 newly picked" in capsys.readouterr().out
    boxes = {e.image_id: e.boxes.tolist() for e in read_annotations(folder / "out.json").labelled}
    assert boxes[10] == [] and boxes[7] == [[1, 1, 8, 8]], "picked images have their true labels"


def test_policy_2_and_no_combine_file(folder):
    labelled, unlabelled = pick(folder, 30, "--policy", "2", combine=None)
    assert labelled == [8, 9, 10] and unlabelled == list(range(1, 11))


def test_a_file_of_policy_2_stays_one(folder, capsys):
    write(folder / "part.json", hide_labels(FULL, {1, 9}, also_unlabelled=True))
    labelled, unlabelled = pick(folder, 50)
    assert labelled == [1, 7, 8, 9, 10] and unlabelled == list(range(1, 11))
    assert "5 labelled (3 newly picked" in (said := capsys.readouterr().out) and "10 in the unlabelled stream" in said
    assert pick(folder, 50, "--policy", "1", "--overwrite")[1] == [2, 3, 4, 5, 6]
    assert "5 in the unlabelled stream" in capsys.readouterr().out


def test_the_reference_form_of_a_combine_file(folder):
    blanks = [{"id": i, "image_id": i, "category_id": -1, "bbox": [0, 0, 0, 0]} for i in range(2, 9)] + [
        {"id": 10, "image_id": 10, "category_id": -1, "bbox": [0, 0, 0, 0]}
    ]
    kept = [row for row in FULL["annotations"] if row["image_id"] in (1, 9)]
    write(folder / "part.json", FULL | {"annotations": kept + blanks})
    assert pick(folder, 30)[0] == [1, 9, 10]


def test_ids_may_differ_between_the_files(folder):
    part = hide_labels(FULL, {1, 9})
    for entry in [*part["images"], *part["annotations"]]:
        key = "image_id" if "image_id" in entry else "id"
        entry[key] += 100
    write(folder / "part.json", part)
    assert pick(folder, 30)[0] == [1, 9, 10]


def test_crowds_are_not_counted_as_boxes_and_areas_stay(folder, capsys):
    rows = [row | {"iscrowd": row["id"] % 2, "area": row["id"] / 2} for row in FULL["annotations"]]
    write(folder / "full.json", FULL | {"annotations": rows})
    assert pick(folder, 30)[0] == [1, 9, 10]
    assert "; the labels are 0 boxes and 2 crowds\n" in capsys.readouterr().out
    kept = json.loads((folder / "out.json").read_text())["annotations"]
    assert [row["area"] for row in kept] == [0.5, 4.5]


def test_images_without_labels_leave_a_work_list_only(folder, capsys):
    message = refused(folder, capsys, 40, ann="part.json")
    assert "2 of the 2 picked images have no labels" in message and "out_picked.txt" in message
    assert (folder / "out_picked.txt").read_text() == "s/10.png\ns/8.png\n"
    assert pick(folder, 40, "--overwrite")[0] == [1, 8, 9, 10]


def test_ranked_images_that_the_file_does_not_know_count_as_unlabelled(folder, capsys):
    write(folder / "values.json", VALUES | {"new/a.png": 99.0, "new/b.png": 0.5})
    message = refused(folder, capsys, 34)
    assert "1 of the 2 picked images have no labels" in message and "such as new/a.png" in message
    assert (folder / "out_picked.txt").read_text() == "new/a.png\ns/10.png\n", "34 percent of 12 are 4"


def test_the_list_of_an_earlier_pick_is_taken_as_it_is(folder, capsys):
    (folder / "list.txt").write_text("\ufeffs/3.png\r\n\r\ns/5.png\r\ns/9.png\r\ns/3.png", encoding="utf-8")
    options = ["--ann_file", "full.json", "--combine_ann_file", "part.json", "--output_ann_file", "out.json"]
    paths = [word if word.startswith("--") else str(folder / word) for word in [*options, "--picked_file", "list.txt"]]
    pick_select.main(paths)
    assert [e.image_id for e in read_annotations(folder / "out.json").labelled] == [1, 3, 5, 9]
    assert "(2 newly picked" in capsys.readouterr().out
    (folder / "list.txt").write_text("\n")
    with pytest.raises(SystemExit):
        pick_select.main([*paths, "--overwrite"])
    assert "no file names" in capsys.readouterr().err


def test_without_a_ranking_it_only_checks_and_tells(folder, capsys):
    (folder / "more").mkdir()
    for name in ("new.png", "other.png"):
        (folder / "more" / name).write_text("")
    before = sorted(folder.iterdir())
    files = ["--ann_file", str(folder / "part.json"), "--combine_ann_file", str(folder / "part.json")]
    pick_select.main([*files, "--pick_ratio", "50", "--unlabelled_img_dir", str(folder / "more")])
    said = capsys.readouterr().out
    assert "4 of the 10 unlabelled images are to be picked; with the 2 labelled ones that makes 6" in said
    assert "The labels of 10 of these" in said and "the job will stop" in said
    files[1] = str(folder / "full.json")
    pick_select.main([*files, "--pick_ratio", "50", "--unlabelled_img_dir", str(folder / "more")])
    assert "The labels of 2 of these" in (said := capsys.readouterr().out) and "the job may stop" in said
    pick_select.main([*files, "--pick_ratio", "50"])
    assert capsys.readouterr().out.count("\n") == 1, "all labels are there"
    assert sorted(folder.iterdir()) == before


def test_names_in_a_folder_that_the_annotation_file_has_too(folder, capsys):
    (folder / "more" / "s").mkdir(parents=True)
    (folder / "more" / "s" / "1.png").write_text("")
    files = ["--ann_file", str(folder / "full.json"), "--combine_ann_file", str(folder / "part.json")]
    check = [*files, "--pick_ratio", "50", "--unlabelled_img_dir", str(folder / "more")]
    pick_select.main(check)
    assert "1 images of" in capsys.readouterr().out
    (folder / "more" / "s" / "2.png").write_text("")
    with pytest.raises(SystemExit):
        pick_select.main(check)
    said = capsys.readouterr().err
    assert "s/2.png" in said and "s/1.png" not in said


@pytest.fixture
def pictures(folder):
    """A folder with the images of full.json."""
    for entry in IMAGES:
        path = folder / "pictures" / entry["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.zeros((50, 50, 3), np.uint8))[1].tobytes())
    return folder / "pictures"


def test_images_that_are_not_there_are_named_before_they_are_labelled(folder, pictures, capsys):
    check = ["--ann_file", str(folder / "full.json"), "--combine_ann_file", str(folder / "part.json")]
    check += ["--pick_ratio", "50", "--img_dir", str(pictures)]
    pick_select.main(check)
    (pictures / "s" / "3.png").unlink()
    (pictures / "s" / "4.png").write_bytes(cv2.imencode(".png", np.zeros((50, 40, 3), np.uint8))[1].tobytes())
    capsys.readouterr()
    with pytest.raises(SystemExit):
        pick_select.main(check)
    said = capsys.readouterr().err
    assert f"{folder / 'full.json'}: training reads every image of it in {pictures}; put them there" in said
    assert "2 faults" in said and "s/3.png: no such image file" in said and "4.png: the image is 40x50" in said
    assert "s/3.png: no such image file" in refused(folder, capsys, 50, "--img_dir", str(pictures))
    assert not (folder / "out_picked.txt").exists()


def test_missing_images_and_wrong_labels_are_reported_together(folder, pictures, capsys):
    (pictures / "s" / "3.png").unlink()
    write(folder / "part.json", hide_labels(FULL, {1}) | {"categories": [{"id": 1, "name": "b"}]})
    said = refused(folder, capsys, 50, "--img_dir", str(pictures))
    assert "its categories are b" in said and "s/3.png: no such image file" in said


def test_nothing_left_to_label(folder, capsys):
    with pytest.raises(SystemExit):
        files = ["--ann_file", str(folder / "full.json"), "--combine_ann_file", str(folder / "full.json")]
        pick_select.main([*files, "--pick_ratio", "100"])
    assert "all 10 images are labelled already" in capsys.readouterr().err


@pytest.mark.parametrize("left_out", ["--pick_ratio", "--output_ann_file"])
def test_arguments_that_belong_together(folder, capsys, left_out):
    words = arguments(folder, 50)
    place = words.index(left_out)
    with pytest.raises(SystemExit):
        pick_select.main(words[:place] + words[place + 2 :])
    assert f"{left_out} is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "ratio, words",
    [(101, "between 0 and 100"), (20, "2 of 10 are labelled already; pass at least 30"), (5, "less than one image")],
)
def test_bad_ratios(folder, capsys, ratio, words):
    assert words in refused(folder, capsys, ratio)
    assert not (folder / "out_picked.txt").exists()


def test_a_ranking_that_is_too_short(folder, capsys):
    write(folder / "values.json", {"s/9.png": 1, "s/8.png": 2})
    assert "3 more images are to be labelled, but there are only 1" in refused(folder, capsys, 50)


@pytest.mark.parametrize(
    "values, words",
    [
        ([1], "JSON object"),
        ({}, "not empty"),
        ({"s/1.png": "x"}, "value of s/1.png"),
        ({"1.png": 1}, "none of the 8 unlabelled images, such as s/10.png, but 1 others, such as 1.png"),
    ],
)
def test_bad_rankings(folder, capsys, values, words):
    write(folder / "values.json", values)
    assert words in refused(folder, capsys, 50)


def test_a_combine_file_of_other_images(folder, capsys):
    part = hide_labels(FULL, {1})
    part["images"][2]["file_name"] = "other.png"
    write(folder / "part.json", part)
    assert "other.png is not in --ann_file" in refused(folder, capsys, 50)


def test_a_real_start_overwrites_nothing(folder):
    command = [sys.executable, str(ROOT / "pick_select.py"), *arguments(folder, 50)]
    assert subprocess.run(command, check=False).returncode == 0
    (folder / "out.json").unlink()
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 2 and "out_picked.txt" in again.stderr and "Traceback" not in again.stderr
