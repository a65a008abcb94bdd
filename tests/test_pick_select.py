import json
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import pick_select
import random_select
from src.data.formats.coco_annotations import read_annotations
from src.data.formats.label_states import hide_labels
from src.data.training_data import Sources, examine

ROOT = Path(__file__).resolve().parents[1]
IMAGES = [{"id": i, "file_name": f"s/{i}.png", "width": 50, "height": 50} for i in range(1, 11)]
IMAGES[9]["labelled"] = True  # reviewed, and empty
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


def waits(folder, capsys, ratio, *more, **files):
    """A pick that stops for labels, which is a success and writes no annotation file; what it says."""
    pick_select.main(arguments(folder, ratio, *more, **files))
    assert not (folder / "out.json").exists()
    return capsys.readouterr().out


def test_the_best_unlabelled_images_join_the_labelled_ones(folder, capsys):
    labelled, unlabelled = pick(folder, 50)
    assert labelled == [1, 7, 8, 9, 10] and unlabelled == [2, 3, 4, 5, 6]
    assert (folder / "out_picked.txt").read_text() == "s/10.png\ns/8.png\ns/7.png\n"
    assert "10 images, 5 labelled (3 newly picked" in capsys.readouterr().out
    boxes = {e.image_id: e.boxes.tolist() for e in read_annotations(folder / "out.json").labelled}
    assert boxes[10] == [] and boxes[7] == [[1, 1, 8, 8]], "picked images have their true labels"


def test_a_csv_says_why_each_image_was_picked(folder, capsys):
    lines = ["file_name,acquisition_score,detections,objects of a,difficulty"]
    lines += [f"{name},{value:g},3,{int(value == 3)},0.5" for name, value in VALUES.items()]
    (folder / "values_terms.csv").write_text("\n".join(lines) + "\n")
    labelled, _ = pick(folder, 50, "--at_least", "a=3")
    assert labelled == [1, 3, 8, 9, 10], "two objects are labelled, and image 3 has the third one"
    assert (folder / "out_picked.csv").read_text().splitlines() == [
        "file_name,chosen_by,acquisition_score,detections,objects of a,difficulty",
        "s/10.png,score,10,3,0,0.5",
        "s/8.png,score,8,3,0,0.5",
        "s/3.png,at_least a,3,3,1,0.5",
    ]
    said = capsys.readouterr().out
    assert "at_least a=3: 2 objects are labelled, and 3 with those predicted in picked images" in said
    assert "near-duplicates were not searched for: pass --img_dir" in said


def test_least_objects_need_a_class_and_the_csv_of_the_ranking(folder, capsys):
    assert "values_terms.csv is missing" in refused(folder, capsys, 50, "--at_least", "a=3")
    for text in ("b=3", "a", "a=-1", "a=x"):
        said = refused(folder, capsys, 50, "--at_least", text)
        assert f"at_least {text}: must be CLASS=N with a class of the annotation file: a" in said
    assert "random_share 2: must lie between 0 and 1, such as 0.1; for 2 percent pass 0.02" in refused(
        folder, capsys, 50, "--random_share", "2"
    )


def test_a_class_with_a_comma_is_told_as_one(folder, capsys):
    named = {"categories": [{"id": 1, "name": "b, c"}]}
    write(folder / "full.json", FULL | named)
    write(folder / "part.json", hide_labels(FULL | named, {1, 9}))
    said = refused(folder, capsys, 50, "--at_least", "c=3")
    assert 'with a class of the annotation file: ["b, c"]' in said


def test_a_tenth_of_the_pick_is_random(folder, capsys):
    labelled, _ = pick(folder, 90, "--random_share", "0.5")
    assert len(labelled) == 9 and "3 of the 7 picked images are drawn at random (seed 10)" in capsys.readouterr().out
    reasons = [line.split(",")[1] for line in (folder / "out_picked.csv").read_text().splitlines()[1:]]
    assert reasons == ["score"] * 4 + ["random"] * 3


def budget(folder, option, *values, predicted=4):
    """Picks by a budget, in a pool in which the even images have ``predicted`` objects and the odd ones none."""
    lines = ["file_name,acquisition_score,detections,objects of a"]
    lines += [f"{name},{value:g},9,{0 if value % 2 else predicted}" for name, value in VALUES.items()]
    (folder / "values_terms.csv").write_text("\n".join(lines) + "\n")
    words = [*arguments(folder, 0)[:-2], "--random_share", "0", option, *map(str, values)]
    pick_select.main(words)
    return (folder / "out_picked.txt").read_text().split()


def test_a_budget_of_images(folder, capsys):
    assert budget(folder, "--budget_images", 2) == ["s/10.png", "s/8.png"]
    # 4 objects predicted: a fifth is deleted, and 0.3 x 5 are drawn.
    assert "expected to label: 2 images, 9 boxes (a 9), 0.0" in capsys.readouterr().out


def test_where_a_detector_predicts_hardly_anything_boxes_are_expected_as_in_labelled_images(folder, capsys):
    # The labelled images have an object each.
    budget(folder, "--budget_images", 2, predicted=0)
    said = capsys.readouterr().out
    assert "expected to label: 2 images, 2 boxes, 0.01" in said
    assert (
        "unreliable: the detector predicts 0 objects per image with a score above 0.5, but labelled images have 1, so as many are assumed "
        "in the ranked images on average: fewer where the detector predicts fewer than on average; in the picked ones 1 are expected per image"
    ) in said
    # As many on average of 0.8 and 0: 0.8 x 0.8 + 0.486 x 1.8 boxes in an image where 0.8 are predicted.
    for file in folder.glob("out*"):
        file.unlink()
    budget(folder, "--budget_images", 2, predicted=0.8)
    said = capsys.readouterr().out
    assert "expected to label: 2 images, 3 boxes" in said and "in the picked ones 1.51 are expected" in said


@pytest.mark.parametrize("changes", [{"added": 4}, {"accepted": 3, "added": 1}])
def test_reports_do_not_make_a_hardly_trained_detector_reliable(folder, capsys, changes):
    """Images of the reports count by their objects, not by the few that were drawn beside the boxes of a better detector."""
    row = {"state": "labelled", "accepted": 0, "moved": 0, "relabelled": 0, "deleted": 0, "added": 0} | changes
    write(folder / "few.json", {"per_image": [row | {"file_name": f"e{number}"} for number in range(5)]})
    write(folder / "many.json", {"per_image": [row | {"file_name": f"e{number}"} for number in range(2000)]})
    for name, boxes, each in (("few.json", 3, "1.6"), ("many.json", 8, "3.97")):
        budget(folder, "--budget_images", 2, "--labelling_reports", folder / name, "--overwrite", predicted=0)
        said = capsys.readouterr().out
        # A labelled image has 1 object; the prior of 20 images and those of the reports, with 4 objects each.
        assert f"expected to label: 2 images, {boxes} boxes, 0.0" in said and "(corrected by the reports of" in said
        assert "unreliable: the detector predicts 0 objects per image" in said and f"ones {each} are expected" in said


def test_hardly_anything_predicted_is_a_lower_bound_where_nothing_is_labelled(folder, capsys):
    (folder / "values_terms.csv").write_text(
        "\n".join(["file_name,acquisition_score,detections,objects of a", *(f"{name},1,9,0" for name in VALUES)]) + "\n"
    )
    words = ["--ann_file", folder / "full.json", "--top_value_file", folder / "values.json", "--budget_images", "2"]
    pick_select.main([str(word) for word in [*words, "--list_only", "--output_ann_file", folder / "out.json"]])
    assert "no labelled image says how many there are: the numbers are a lower bound" in capsys.readouterr().out


def test_a_list_alone_is_told_and_what_to_do_with_it(folder, capsys):
    """Images of a folder that is not given are picked, and not compared; the command that is printed is then given."""
    for place, names in (("pictures", [row["file_name"] for row in IMAGES]), ("more", ["x.png", "y.png"])):
        for number, name in enumerate(names):
            path = folder / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([number, len(names)]).integers(0, 255, (50, 50, 3), np.uint8)
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    write(folder / "values.json", {"x.png": 3.0, "y.png": 2.0, "s/2.png": 1.0})
    write(folder / "infer_results.json", {name: [] for name in ("x.png", "y.png", "s/2.png")})
    words = [*arguments(folder, 0, ann="part.json")[:-2], "--budget_images", "2", "--list_only"]
    words += ["--img_dir", str(folder / "pictures")]
    pick_select.main([*words])
    said = capsys.readouterr().out
    assert (
        f"labelled or picked images that are not in {folder / 'pictures'} were not compared with others: 2; give the folder where they "
        "lie as --unlabelled_img_dir"
    ) in said
    pick_select.main([*words, "--unlabelled_img_dir", str(folder / "more"), "--overwrite"])
    said = capsys.readouterr().out
    list_file = folder / "out_picked.txt"
    assert "were not compared" not in said
    assert f"{list_file}: 2 images picked; see {list_file.with_suffix('.csv')} for why" in said
    start, _, command = said.splitlines()[-1].partition(":  ")
    assert start == "what to do next: send them to a labelling tool"
    done = subprocess.run([sys.executable, *shlex.split(command)[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "2 images for label_studio" in done.stdout, done.stdout + done.stderr


def test_a_budget_of_boxes_prefers_images_with_few(folder, capsys):
    # Boxes: 4.7 where 4 are predicted, else 0.3, so 7 is worth more per box than 10.
    assert budget(folder, "--budget_boxes", 6) == ["s/7.png", "s/5.png", "s/3.png", "s/10.png"]
    assert "expected to label: 4 images, 6 boxes (a 6)" in capsys.readouterr().out


def test_a_budget_of_hours_follows_what_labelling_has_cost(folder, capsys):
    # 10 + 16 x 0.3 = 14.8 s for an image without predictions, and 10 + 16 x 1.5 + 9.5 x 1.6 = 49.2 s for one with 4.
    assert budget(folder, "--budget_hours", 80 / 3600) == ["s/7.png", "s/5.png", "s/10.png"]
    said = capsys.readouterr().out
    assert "3 images, 5 boxes (a 5), 0.0219 hours (90 %: 0.0" in said and "published times" in said
    row = {"state": "labelled", "accepted": 1, "moved": 0, "relabelled": 0, "deleted": 1, "added": 0, "seconds": 2.0}
    rows = [row | {"file_name": f"e{number}", "seconds": 1 + number % 3} for number in range(200)]
    write(folder / "round_1_labelling.json", {"per_image": rows})
    more = ("--labelling_reports", folder / "round_1_labelling.json", "--overwrite")
    assert len(budget(folder, "--budget_hours", 80 / 3600, *more)) == 8, "all, at 2 seconds per image"
    assert "fitted to 200 images of earlier rounds" in capsys.readouterr().out
    made_from = json.loads((folder / "out_picked.made_from.json").read_text())["made_from"]
    assert "labelling_report_1" in made_from["inputs"] and made_from["settings"]["budget"] == "--budget_hours 0.0222222"


def test_a_budget_is_checked_and_kept(folder, capsys):
    assert "not allowed with" in refused(folder, capsys, 50, "--budget_hours", "6")
    for words in (
        ["--budget_hours", "0"],
        ["--budget_boxes", "nan"],
        ["--budget_images", "0"],
        ["--budget_images", "x"],
    ):
        with pytest.raises(SystemExit):
            pick_select.main([*arguments(folder, 0)[:-2], *words])
        assert words[0] in capsys.readouterr().err
    with pytest.raises(SystemExit):
        pick_select.main([*arguments(folder, 0)[:-2], "--budget_hours", "1"])
    assert "--budget_hours 1: " in (said := capsys.readouterr().err) and "values_terms.csv is missing" in said
    budget(folder, "--budget_images", 2)
    with pytest.raises(SystemExit):
        budget(folder, "--budget_hours", 1, "--resume")
    assert "budget: was --budget_images 2, is --budget_hours 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        pick(folder, 50, "--random_share", "0", "--resume")
    assert "budget: was --budget_images 2, is --pick_ratio" in capsys.readouterr().err
    assert budget(folder, "--budget_images", 2, "--resume") == ["s/10.png", "s/8.png"]


def test_a_budget_is_checked_before_the_training(folder, capsys):
    words = ["--ann_file", str(folder / "full.json"), "--combine_ann_file", str(folder / "part.json")]
    pick_select.main([*words, "--budget_hours", "2"])
    assert (
        "the ranking decides how many of the 8 unlabelled images are picked (--budget_hours 2)"
        in capsys.readouterr().out
    )
    with pytest.raises(SystemExit):
        pick_select.main([*words, "--budget_hours", "2", "--labelling_reports", str(folder / "none.json")])
    assert "none.json: no such file" in capsys.readouterr().err
    pick_select.main([*words, "--budget_images", "3"])
    assert "3 of the 8 unlabelled images are to be picked" in capsys.readouterr().out
    pick_select.main([*words, "--budget_images", "400"])
    assert (
        "8 of the 8 unlabelled images are to be picked; with the 2 labelled ones that makes 10"
        in capsys.readouterr().out
    )
    with pytest.raises(SystemExit):
        pick_select.main([*words[:2], "--combine_ann_file", words[1], "--budget_images", "3"])
    assert "all 10 images are labelled already, so there is nothing to pick from" in capsys.readouterr().err


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
    images = [{key: value for key, value in image.items() if key != "labelled"} for image in IMAGES]
    write(folder / "part.json", FULL | {"images": images, "annotations": kept + blanks})
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
    message = waits(folder, capsys, 40, ann="part.json")
    assert "2 of the 2 picked images have no labels" in message and "out_picked.txt" in message
    assert (folder / "out_picked.txt").read_text() == "s/10.png\ns/8.png\n"
    assert pick(folder, 40, "--overwrite")[0] == [1, 8, 9, 10]


def test_without_labels_the_output_of_an_earlier_pick_is_not_taken_for_that_of_this_one(folder, capsys):
    pick(folder, 40)
    before = (folder / "out.json").read_bytes()
    with pytest.raises(SystemExit) as stop:
        pick_select.main(arguments(folder, 40, "--overwrite", ann="part.json"))
    assert stop.value.code == 2 and "of an earlier pick" in capsys.readouterr().err
    assert (folder / "out.json").read_bytes() == before


def test_the_list_alone_can_be_asked_for(folder, capsys):
    said = waits(folder, capsys, 40, "--list_only")
    assert (folder / "out_picked.txt").read_text() == "s/10.png\ns/8.png\n" and "have no labels" not in said


def test_ranked_images_that_the_file_does_not_know_count_as_unlabelled(folder, capsys):
    write(folder / "values.json", VALUES | {"new/a.png": 99.0, "new/b.png": 0.5})
    message = waits(folder, capsys, 34)
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
    assert "that have the name of a labelled image are not picked: 1, such as " in capsys.readouterr().out
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
    assert f"{folder / 'full.json'}: training reads all its images from {pictures}; move them there" in said
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
    [
        (101, "between 0 and 100"),
        (20, "2 of 10 are labelled already; pass at least 30"),
        (5, "less than one image"),
        (0.6, "for a share of 0.6 pass 60"),
    ],
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


# ---- images without boxes: reviewed and empty, or not labelled yet? ----


@pytest.fixture
def half_finished(tmp_path):
    """20 images are labelled; of the 76 others, which are all to be picked, an export has boxes in the first 30."""
    images = [{"id": i, "file_name": f"{i:02}.png", "width": 50, "height": 50} for i in range(1, 97)]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 5, 5]} for i in range(1, 51)]
    full = FULL | {"images": images, "annotations": rows}
    write(tmp_path / "full.json", full)
    write(tmp_path / "part.json", hide_labels(full, set(range(1, 21))))
    write(tmp_path / "values.json", {image["file_name"]: 1.0 for image in images[20:]})
    return tmp_path


def entries_of(folder):
    return {image["file_name"]: image for image in json.loads((folder / "out.json").read_text())["images"]}


def change_entries(folder, names, **fields):
    coco = json.loads((folder / "full.json").read_text())
    for image in coco["images"]:
        if image["file_name"] in names:
            image |= fields
    write(folder / "full.json", coco)


def test_picked_images_without_boxes_are_not_taken_for_empty(half_finished, capsys):
    message = refused(half_finished, capsys, 100, "--random_share", "0")
    assert "30 of the 76 picked images have boxes" in message and "46 have none" in message
    for words in ("--empty_is_reviewed", '"labelled": false', f"take them out of {half_finished / 'out_picked.txt'}"):
        assert words in message
    named = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    assert named == [f"{i}.png" for i in range(51, 56)] + ["... and 41 more"]
    whole = Path(message.partition("the whole list: ")[2].strip())
    assert whole.read_text().split() == [f"{i}.png" for i in range(51, 97)]
    whole.unlink()
    assert len((half_finished / "out_picked.txt").read_text().split()) == 76, "the work list is there"


def test_what_a_human_says_of_images_without_boxes_stands_in_the_output(half_finished, capsys):
    labelled, unlabelled = pick(half_finished, 100, "--empty_is_reviewed")
    assert (len(labelled), len(unlabelled)) == (96, 0)
    assert "76 newly picked" in (said := capsys.readouterr().out) and "46 without boxes count as reviewed" in said
    said_so = [name for name, image in entries_of(half_finished).items() if image.get("labelled") is True]
    assert said_so == [f"{i}.png" for i in range(51, 97)]
    for name in entries_of(half_finished):
        (half_finished / name).write_bytes(cv2.imencode(".png", np.zeros((50, 50, 3), np.uint8))[1].tobytes())
    data, faults = examine(Sources(half_finished / "out.json", half_finished))
    assert not faults.errors and not [sentence for sentence in data.suspicions if "no box" in sentence]


def test_entries_can_say_it_one_by_one(half_finished, capsys):
    change_entries(half_finished, {f"{i}.png" for i in range(51, 96)}, labelled=True)
    message = refused(half_finished, capsys, 100)
    assert " 1 have none" in message and "  96.png\n" in message and "95.png" not in message
    change_entries(half_finished, {"96.png"}, labelled=False)
    message = waits(half_finished, capsys, 100, "--overwrite")
    assert "1 of the 76 picked images have no labels" in message
    labelled, unlabelled = pick(half_finished, 100, "--resume")
    said = capsys.readouterr().out
    assert "1 of the 76 images of" in said and "stay unlabelled:\n  96.png\n" in said
    assert labelled == list(range(1, 96)) and unlabelled == [96]


def test_images_that_are_not_labelled_yet_can_be_taken_out_of_the_list(half_finished, capsys):
    refused(half_finished, capsys, 100)
    listed = (half_finished / "out_picked.txt").read_text().split()
    (half_finished / "out_picked.txt").write_text("\n".join(listed[:30]))
    labelled, unlabelled = pick(half_finished, 100, "--resume")
    assert labelled == list(range(1, 51)) and unlabelled == list(range(51, 97))


def test_the_check_before_training_asks_for_the_word_too(half_finished, capsys):
    check = ["--ann_file", str(half_finished / "full.json"), "--combine_ann_file", str(half_finished / "part.json")]
    check += ["--pick_ratio", "50"]
    with pytest.raises(SystemExit) as stop:
        pick_select.main(check)
    message = capsys.readouterr().err
    assert (
        stop.value.code == 2 and "30 of the 76 images to pick from have boxes" in message and "46 have none" in message
    )
    assert "51.png" in message and "picked.txt" not in message and "--empty_is_reviewed" in message
    pick_select.main([*check, "--empty_is_reviewed"])
    change_entries(half_finished, {f"{i}.png" for i in range(51, 97)}, labelled=False)
    capsys.readouterr()
    pick_select.main(check)
    assert "The labels of 46 of these unlabelled images are not in" in capsys.readouterr().out


def test_boxes_that_got_lost_on_the_way_are_noticed(folder, capsys):
    rows = [row for row in FULL["annotations"] if row["image_id"] != 1]
    write(folder / "full.json", FULL | {"annotations": rows})
    message = refused(folder, capsys, 40)
    assert f"1 image with boxes in {folder / 'part.json'} and none in {folder / 'full.json'}:\n  s/1.png\n" in message
    assert pick(folder, 40, "--overwrite", "--empty_is_reviewed")[0] == [1, 8, 9, 10]


def test_the_word_of_an_earlier_round_holds_although_a_new_export_does_not_know_it(half_finished):
    """The second round: what was picked and empty is labelled in --combine_ann_file, and bare again in --ann_file."""
    write(half_finished / "values.json", {f"{i}.png": float(i) for i in range(21, 97)})
    pick(half_finished, 50, "--empty_is_reviewed")  # 69.png to 96.png
    (half_finished / "out.json").rename(half_finished / "part.json")
    pick(half_finished, 75, "--empty_is_reviewed", "--overwrite")  # 45.png to 68.png
    said_so = [name for name, image in entries_of(half_finished).items() if image.get("labelled") is True]
    assert said_so == [f"{i}.png" for i in range(51, 97)]


# ---- --resume: list and output of before ----


def corrected(folder, width=20):
    """The box of s/8.png is drawn anew."""
    rows = [row | ({"bbox": [1, 1, width, 8]} if row["image_id"] == 8 else {}) for row in FULL["annotations"]]
    write(folder / "full.json", FULL | {"annotations": rows})


def box_of_8(path):
    return next(row["bbox"] for row in json.loads(path.read_text())["annotations"] if row["image_id"] == 8)


def test_nothing_changed_so_nothing_is_made_anew(folder, capsys):
    pick(folder, 50)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    pick(folder, 50, "--resume")
    said = capsys.readouterr().out
    assert (
        f"kept from before: {folder / 'out.json'}" in said and f"kept from before: {folder / 'out_picked.txt'}" in said
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_corrected_box_is_taken_over_and_the_old_file_stays(folder, capsys):
    pick(folder, 50)
    before = (folder / "out.json").read_bytes()
    corrected(folder)
    assert pick(folder, 50, "--resume")[0] == [1, 7, 8, 9, 10], "the same images as before"
    said = capsys.readouterr().out
    assert "1 image (s/8.png) have other boxes (1 gone, 1 new)" in said
    assert box_of_8(folder / "out.json") == [1, 1, 20, 8]
    assert (folder / "out_before_1.json").read_bytes() == before
    corrected(folder, width=21)
    pick(folder, 50, "--resume")
    assert box_of_8(folder / "out_before_2.json") == [1, 1, 20, 8] and box_of_8(folder / "out.json") == [1, 1, 21, 8]


def test_a_file_that_is_only_spelled_otherwise_changes_no_label(folder, capsys):
    pick(folder, 50)
    labels = json.loads((folder / "out.json").read_text())
    (folder / "full.json").write_text(json.dumps(FULL, indent=2))
    pick(folder, 50, "--resume", "--used_by", str(folder))
    assert "its labels are the same" in capsys.readouterr().out and not (folder / "out_before_1.json").exists()
    assert json.loads((folder / "out.json").read_text()) | {"info": 0} == labels | {"info": 0}
    pick(folder, 50, "--resume")
    assert "kept from before" in capsys.readouterr().out


def test_labels_do_not_change_under_a_run_that_has_begun(folder, capsys):
    run = folder / "second stage"
    pick(folder, 50)
    before = (folder / "out.json").read_bytes()
    corrected(folder)
    resume = arguments(folder, 50, "--resume", "--used_by", str(run))
    run.mkdir()
    (run / "config.yaml").write_text("")
    with pytest.raises(SystemExit) as stop:
        pick_select.main(resume)
    message = capsys.readouterr().err
    assert stop.value.code == 2 and "s/8.png" in message and "--resume_anyway" in message
    assert (folder / "out.json").read_bytes() == before and not (folder / "out_before_1.json").exists()

    # each of the three ways out works
    pick_select.main([*resume, "--ann_file", str(folder / "out.json")])
    assert box_of_8(folder / "out.json") == [1, 1, 8, 8]
    (command,) = [line.partition("away: ")[2] for line in message.splitlines() if "away: " in line]
    subprocess.run(command, shell=True, check=True)
    assert (folder / "second stage_before" / "config.yaml").exists()
    pick_select.main(resume)
    assert box_of_8(folder / "out.json") == [1, 1, 20, 8]
    run.mkdir()
    (run / "config.yaml").write_text("")
    corrected(folder, width=22)
    pick_select.main([*resume, "--resume_anyway"])
    assert box_of_8(folder / "out.json") == [1, 1, 22, 8]


def part_of_others(folder):
    write(folder / "part.json", hide_labels(FULL, {1, 9, 2}))


def another_ranking(folder):
    write(folder / "values.json", VALUES | {"s/2.png": 99.0})


@pytest.mark.parametrize(
    ("change", "ratio", "words"),
    [
        (lambda folder: None, 60, "pick_ratio: was 50.0, is 60.0"),
        (part_of_others, 50, "combine_ann_file: the content of"),
        (another_ranking, 50, "top_value_file: the content of"),
    ],
)
def test_a_list_that_was_picked_otherwise_is_not_silently_kept(folder, capsys, change, ratio, words):
    pick(folder, 50)
    listed, output = (folder / "out_picked.txt").read_bytes(), (folder / "out.json").read_bytes()
    change(folder)
    with pytest.raises(SystemExit) as stop:
        pick_select.main(arguments(folder, ratio, "--resume"))
    message = capsys.readouterr().err
    assert stop.value.code == 2 and words in message and "--resume_anyway" in message
    assert ((folder / "out_picked.txt").read_bytes(), (folder / "out.json").read_bytes()) == (listed, output)

    pick(folder, ratio, "--resume", "--resume_anyway")
    assert words in capsys.readouterr().out and (folder / "out_picked.txt").read_bytes() == listed
    (folder / "out_picked.txt").unlink()  # the other way out
    pick(folder, ratio, "--resume")
    assert (folder / "out_picked.txt").read_bytes() != listed or change is part_of_others


def test_an_edited_list_and_another_policy_are_taken_over(folder, capsys):
    pick(folder, 50)
    (folder / "out_picked.txt").write_text("s/8.png\ns/7.png\n")
    assert pick(folder, 50, "--resume") == ([1, 7, 8, 9], [2, 3, 4, 5, 6, 10])
    assert "1 image (s/10.png) are not labelled any more" in capsys.readouterr().out
    assert pick(folder, 50, "--resume", "--policy", "2") == ([1, 7, 8, 9], list(range(1, 11)))
    assert "join or leave the unlabelled stream" in capsys.readouterr().out


def test_what_somebody_changed_in_the_output_by_hand_stays(folder, capsys):
    pick(folder, 50)
    coco = json.loads((folder / "out.json").read_text())
    coco["annotations"][0]["bbox"] = [1, 1, 40, 40]
    write(folder / "out.json", coco)
    pick(folder, 50, "--resume")
    assert json.loads((folder / "out.json").read_text()) == coco


def test_a_stopped_pick_ends_with_the_bytes_of_one_that_was_not_stopped(folder, capsys):
    pick(folder, 50)
    whole = (folder / "out.json").read_bytes()
    (folder / "out.json").unlink()
    pick(folder, 50, "--resume")
    assert (folder / "out.json").read_bytes() == whole


@pytest.fixture
def voc(tmp_path):
    """Pascal VOC: 8 images with an object each."""
    for name in ("images", "annotations"):
        (tmp_path / "voc" / name).mkdir(parents=True)
    for number in range(1, 9):
        cv2.imwrite(str(tmp_path / "voc" / "images" / f"{number}.png"), np.full((50, 50, 3), number, np.uint8))
        write_xml(tmp_path / "voc", number, 10)
    write(tmp_path / "values.json", {f"{number}.png": float(number) for number in range(1, 9)})
    return tmp_path / "voc"


def write_xml(voc, number, side):
    """The label of an image: a square of a side."""
    box = f"<xmin>1</xmin><ymin>1</ymin><xmax>{1 + side}</xmax><ymax>{1 + side}</ymax>"
    text = f"<annotation><object><name>a</name><bndbox>{box}</bndbox></object></annotation>"
    (voc / "annotations" / f"{number}.xml").write_text(text)


def of_voc(voc, *more, combine=None):
    """The words of a pick whose labels are Pascal VOC."""
    folder = voc.parent
    words = [
        "--ann_file",
        voc / "annotations",
        "--img_dir",
        voc / "images",
        "--combine_ann_file",
        combine or folder / "part.json",
    ]
    words += [
        "--top_value_file",
        folder / "values.json",
        "--output_ann_file",
        folder / "out.json",
        "--pick_ratio",
        "50",
    ]
    return [str(word) for word in (*words, "--random_share", "0", *more)]


def test_labels_of_another_form_are_picked_from_and_their_changes_seen(voc, capsys):
    folder = voc.parent
    words = ["--ann_file", voc / "annotations", "--img_dir", voc / "images", "--label_ratio", "25"]
    random_select.main([str(word) for word in (*words, "--output_ann_file", folder / "part.json")])
    before = {entry.file_name for entry in read_annotations(folder / "part.json").labelled}
    pick_select.main(of_voc(voc))
    labelled = {entry.file_name: entry.boxes.tolist() for entry in read_annotations(folder / "out.json").labelled}
    assert (
        len(labelled) == 4
        and before < labelled.keys()
        and all(boxes == [[1, 1, 11, 11]] for boxes in labelled.values())
    )
    pick_select.main(of_voc(voc, "--resume"))
    assert "kept from before" in capsys.readouterr().out.splitlines()[-1]
    picked = min(labelled.keys() - before)
    write_xml(voc, picked.removesuffix(".png"), 20)
    pick_select.main(of_voc(voc, "--resume"))
    now = {entry.file_name: entry.boxes.tolist() for entry in read_annotations(folder / "out.json").labelled}
    assert now == labelled | {picked: [[1, 1, 21, 21]]}


def test_only_coco_says_what_is_labelled_and_the_command_that_converts_works(voc, capsys, monkeypatch):
    with pytest.raises(SystemExit):
        pick_select.main(of_voc(voc, combine=voc / "annotations"))
    message = capsys.readouterr().err
    command = shlex.split(message.partition("in its place:  ")[2].split("\n")[0])
    assert (
        Path(command[1]).name == "random_select.py" and "IMAGES" not in command and "--leave_out_faulty" not in command
    )
    monkeypatch.chdir(voc.parent)
    with pytest.raises(SystemExit):
        random_select.main(["--help"])
    hides_none = "With --label_ratio 100 no label is hidden: labels of any form become a COCO file."
    assert "hides no label at --label_ratio 100" in message and hides_none in " ".join(capsys.readouterr().out.split())
    random_select.main(command[2:])
    assert len(read_annotations("labelled.json").labelled) == 8


def test_the_command_that_converts_leaves_out_what_cannot_be_used(voc, capsys, monkeypatch):
    write_xml(voc, 3, 90)
    with pytest.raises(SystemExit):
        pick_select.main(of_voc(voc, combine=voc / "annotations"))
    message = capsys.readouterr().err
    assert "3.png: object 1 (a)" in message, "the faults are said beside it"
    command = shlex.split(message.partition("in its place:  ")[2].split("\n")[0])
    monkeypatch.chdir(voc.parent)
    (voc / "images" / "4.png").write_bytes((voc / "images" / "4.png").read_bytes()[:-20])
    random_select.main([*command[2:], "--faulty_at_most", "30"])
    assert {entry.file_name for entry in read_annotations("labelled.json").labelled} == {
        f"{number}.png" for number in (1, 2, 5, 6, 7, 8)
    }
    said = capsys.readouterr().out
    assert "left out 2 of 8 images and 0 of 6 boxes of the other images" in said and "labelled_left_out.json" in said


@pytest.fixture
def ranked(folder):
    """With the CSV of the ranking, which says what is predicted."""
    rows = [f"{name},{value:g},1,1" for name, value in VALUES.items()]
    (folder / "values_terms.csv").write_text(
        "\n".join(["file_name,acquisition_score,detections,objects of a", *rows, ""])
    )
    return folder


def words_of(folder, *more):
    words = arguments(folder, 50, *more)
    return [word for place, word in enumerate(words) if "--pick_ratio" not in words[max(place - 1, 0) : place + 1]]


@pytest.mark.parametrize("unit", ["hours", "boxes"])
def test_a_budget_beyond_all_bounds_picks_everything(ranked, unit):
    pick_select.main(words_of(ranked, f"--budget_{unit}", "1e308", "--list_only"))
    assert len((ranked / "out_picked.txt").read_text().split()) == 8


@pytest.mark.parametrize("count", ["nan", "1e400", "-1", "1_0", "many"])
def test_objects_in_the_csv_of_a_ranking_that_are_no_number_are_named(ranked, capsys, count):
    file = ranked / "values_terms.csv"
    file.write_text(file.read_text().replace("s/3.png,3,1,1", f"s/3.png,3,1,{count}"))
    with pytest.raises(SystemExit) as stop:
        pick_select.main(words_of(ranked, "--budget_boxes", "5"))
    told = capsys.readouterr().err
    assert stop.value.code == 2 and f"of s/3.png must be a number from 0 up, found '{count}'; rank again" in told


@pytest.mark.parametrize(
    ("least", "told"),
    [(["a=1", "a=2"], "at_least: a is given twice, as 1 and as 2"), (["a=" + "9" * 5000], "must be CLASS=N")],
)
def test_floors_that_contradict_or_are_beyond_all_bounds_are_refused(ranked, capsys, least, told):
    assert told in refused(ranked, capsys, 50, "--at_least", *least)


def test_floors_beside_a_pick_that_is_all_random_are_refused(ranked, capsys):
    told = refused(ranked, capsys, 50, "--at_least", "a=3", "--random_share", "1")
    assert (
        "random_share 1: all images are drawn at random, so none is left to pick for --at_least; lower --random_share"
        in told
    )
    pick(ranked, 50, "--random_share", "1")


def test_a_folder_of_unlabelled_images_that_is_not_there_is_named(folder, capsys):
    told = refused(folder, capsys, 50, "--unlabelled_img_dir", str(folder / "nowhere"))
    assert "nowhere: no such folder of unlabelled images" in told


def test_a_file_that_says_not_what_is_labelled_is_refused_once(folder, capsys):
    (folder / "xmls").mkdir()
    (folder / "xmls/a.xml").write_text("<annotation></annotation>")
    words = ["--ann_file", folder / "xmls", "--combine_ann_file", folder / "xmls", "--pick_ratio", 60]
    with pytest.raises(SystemExit):
        pick_select.main([str(word) for word in words])
    told = capsys.readouterr().err
    assert "only COCO JSON says which images are labelled" in told and "must be given, too" not in told
