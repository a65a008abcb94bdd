"""The whole round of each tool: tasks out, a labeller at work, labels back; as a user runs it, by the programs."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import export_tasks
import import_labels
from src.data.provenance import made_from, write_side_file
from tests.labelling.labellers import ACCEPT, LABELLERS, LEAVE, SAYS_REVIEWED, SAYS_SKIPPED, SKIP

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("cat", "dog")
# key -> (width, height) as shown. Equal base names in two folders, one stem with two suffixes, and names that tools mangle.
IMAGES = {
    "moved.jpg": (100, 80),
    "day 1/same.jpg": (60, 40),
    "day+2/same.jpg": (64, 48),
    "day+2/same.png": (50, 50),
    "größe.webp.jpg": (40, 90),
    "turned.jpg": (70, 100),  # stored as 100 x 70
    "left.jpg": (30, 30),
    "known.jpg": (30, 20),
}
# image -> detections: class, (x, y, width, height), score. The last one of moved.jpg is below any threshold here.
DETECTED = {
    "moved.jpg": [
        (0, (10, 10, 20, 20), 0.9),
        (1, (50, 20, 30, 40), 0.8),
        (0, (0, 0, 5, 5), 0.7),
        (1, (1, 1, 9, 9), 0.2),
    ],
    "day 1/same.jpg": [(1, (5, 5, 20, 20), 0.9)],
    "day+2/same.jpg": [(1, (5, 5, 20, 20), 0.6)],
    "day+2/same.png": [(0, (3, 4, 20, 30), 0.75)],
    "größe.webp.jpg": [],
    "turned.jpg": [],
    "left.jpg": [(0, (2, 2, 20, 20), 0.9)],
}
PICKED = ["left.jpg", "moved.jpg", "day 1/same.jpg", "day+2/same.jpg", "day+2/same.png", "turned.jpg", "größe.webp.jpg"]
ANSWERS = {
    # one accepted to the pixel, one moved, one deleted, one added
    "moved.jpg": [("cat", (10, 10, 30, 30)), ("dog", (55, 22, 85, 66)), ("dog", (2, 50, 30, 78))],
    "day 1/same.jpg": [("cat", (5, 5, 25, 25))],  # relabelled
    "day+2/same.jpg": SKIP,
    "day+2/same.png": ACCEPT,
    "turned.jpg": [("dog", (10, 60, 60, 95))],
    "größe.webp.jpg": [],  # reviewed, nothing there, and nothing was sent
    "left.jpg": LEAVE,
}


@pytest.fixture
def place(tmp_path):
    """Images, the annotation file of now, the list of picked images and the detections in them."""
    for name, (width, height) in IMAGES.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "turned.jpg":
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.new("RGB", (height, width), "white").save(path, exif=exif)
        else:
            Image.new("RGB", (width, height), "white").save(path)
    images = [
        {"id": number, "file_name": name, "width": size[0], "height": size[1], "labelled": name == "known.jpg"}
        for number, (name, size) in enumerate(IMAGES.items(), 1)
    ]
    rows = [{"id": 7, "image_id": 8, "category_id": 2, "bbox": [1, 1, 10, 10], "segmentation": [[1, 1, 11, 1, 11, 11]]}]
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)]
    coco = {"images": images, "annotations": rows, "categories": categories}
    (tmp_path / "train_1.json").write_text(json.dumps(coco))
    (tmp_path / "picked.txt").write_text("".join(f"{name}\n" for name in PICKED))
    found = {
        name: [{"pred box": box, "confidence score": score, "pred class": label} for label, box, score in rows]
        for name, rows in DETECTED.items()
    }
    (tmp_path / "infer_results.json").write_text(json.dumps(found))
    return tmp_path


def send(place, tool, *more):
    files = [
        "--picked_file",
        place / "picked.txt",
        "--img_dir",
        place / "images",
        "--infer_json",
        place / "infer_results.json",
    ]
    chosen = ["--ann_file", place / "train_1.json", "--format", tool, "--output_dir", place / "tasks", *more]
    export_tasks.main([str(word) for word in [*files, *chosen]])
    return place / "tasks"


def take(place, labels, *more, now="train_1.json", after="train_2.json", tasks="tasks"):
    labels = labels if isinstance(labels, list) else [labels]
    files = ["--labels", *labels, "--ann_file", place / now, "--output_ann_file", place / after]
    import_labels.main([str(word) for word in [*files, *(["--tasks", place / tasks] if tasks else []), *more]])
    return json.loads((place / after).read_text())


def boxes_of(coco):
    """image -> its labelled flag and its boxes, rounded and sorted; "nothing" where no flag stands."""
    names = {row["id"]: row["name"] for row in coco["categories"]}
    found = {image["file_name"]: (image.get("labelled", "nothing"), []) for image in coco["images"]}
    files = {image["id"]: image["file_name"] for image in coco["images"]}
    for row in coco["annotations"]:
        x, y, width, height = row["bbox"]
        corners = tuple(round(value, 1) for value in (x, y, x + width, y + height))
        found[files[row["image_id"]]][1].append((names[row["category_id"]], corners))
    return {name: (flag, sorted(rows)) for name, (flag, rows) in found.items()}


def as_floats(rows):
    return sorted((name, tuple(map(float, box))) for name, box in rows)


@pytest.mark.parametrize("tool", LABELLERS)
def test_labels_come_back_to_their_images_and_the_four_states_stay_apart(place, tool, capsys):
    tasks = send(place, tool)
    labels = LABELLERS[tool](tasks, ANSWERS, place / "export")
    found = boxes_of(take(place, labels))
    for name in ("moved.jpg", "day 1/same.jpg", "turned.jpg"):
        assert found[name] == (True, as_floats(ANSWERS[name])), name
    assert found["left.jpg"] == (False, [])
    assert found["day+2/same.jpg"] == (False, [])  # skipped, or came back as sent
    reviewed = tool in SAYS_REVIEWED
    assert found["day+2/same.png"] == ((True, [("cat", (3.0, 4.0, 23.0, 34.0))]) if reviewed else (False, []))
    assert found["größe.webp.jpg"] == (reviewed, [])
    assert found["known.jpg"] == (True, [("dog", (1.0, 1.0, 11.0, 11.0))])
    report = json.loads((place / "train_2_labelling.json").read_text())
    states = report["images"]
    assert states["sent"] == 7 and states["labelled"] == (4 if reviewed else 3) and states["empty"] == reviewed
    assert states["skipped"] == (tool in SAYS_SKIPPED)
    assert states["not_done"] + states["unclear"] == 7 - states["labelled"] - states["empty"] - states["skipped"]
    boxes = report["boxes"]["all"]
    assert boxes["moved"] == boxes["relabelled"] == boxes["deleted"] == 1 and boxes["added"] == 2
    assert boxes["accepted"] == (2 if reviewed else 1) and boxes["mean_iou_of_accepted"] > 0.99
    assert report["boxes"]["relabelled"] == [{"from": "dog", "to": "cat", "boxes": 1}]
    assert report["seconds_per_image"]["images"] == (5 if tool == "label_studio" else 0)
    said = capsys.readouterr().out
    assert ("--all_reviewed" in said) == (states["unclear"] > 0)


@pytest.mark.parametrize("tool", [tool for tool in LABELLERS if tool not in SAYS_REVIEWED])
def test_a_user_can_say_that_all_were_reviewed_where_the_tool_cannot(place, tool):
    labels = LABELLERS[tool](send(place, tool), ANSWERS, place / "export")
    found = boxes_of(take(place, labels, "--all_reviewed"))
    assert found["größe.webp.jpg"] == (True, [])
    assert found["day+2/same.png"] == (True, [("cat", (3.0, 4.0, 23.0, 34.0))])


def test_an_image_that_is_none_of_those_sent_is_told_with_what_to_do(place):
    tasks = send(place, "coco")
    file = LABELLERS["coco"](tasks, ANSWERS, place / "export")
    content = json.loads(file.read_text())
    for image, name in zip(content["images"], ("new.jpg", "renamed.jpg", "known.jpg"), strict=False):
        image["file_name"] = name
    file.write_text(json.dumps(content))
    before = json.loads((place / "train_1.json").read_text())
    new = {"id": 99, "file_name": "new.jpg", "width": 30, "height": 20, "labelled": False}
    (place / "train_1.json").write_text(json.dumps(before | {"images": [*before["images"], new]}))
    take(place, file)
    rows = list(csv.DictReader((place / "train_2_not_used.csv").open(encoding="utf-8")))
    reasons = {row["file_name"]: row["reason"] for row in rows}
    assert "was not sent with these tasks; a second command without --tasks takes its labels" in reasons["new.jpg"]
    assert reasons["known.jpg"] == "an image that was not sent with these tasks and is labelled already"
    assert "if it was renamed, give it the name in order.csv of the tasks again" in reasons["renamed.jpg"]
    content["images"] = content["images"][:1]
    content["annotations"] = [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [3, 3, 9, 9]}]
    content["images"][0] |= {"width": 30, "height": 20}
    file.write_text(json.dumps(content))
    found = boxes_of(take(place, file, now="train_2.json", after="train_3.json", tasks=None))
    assert found["new.jpg"] == (True, [("dog", (3.0, 3.0, 12.0, 12.0))])


def test_labels_are_not_merged_into_the_annotation_file_of_other_images(place, capsys):
    """That of the evaluation; but one of a part, of more images, or of none yet is taken, and so are images of a folder beside it."""
    file = LABELLERS["coco"](send(place, "coco"), ANSWERS, place / "export")
    now = json.loads((place / "train_1.json").read_text())
    other = [{"id": 1, "file_name": "other.jpg", "width": 30, "height": 20, "labelled": True}]
    for images, name in ((other, "val.json"), ([], "none.json"), (now["images"][:1] + other, "more.json")):
        images = [image | {"id": number} for number, image in enumerate(images, 1)]
        (place / name).write_text(json.dumps(now | {"images": images, "annotations": []}))
    with pytest.raises(SystemExit) as caught:
        take(place, file, now="val.json")
    said = str(caught.value.code) + capsys.readouterr().err
    assert (
        "val.json: has none of the images of the tasks" in said and f"give --ann_file {place / 'train_1.json'}" in said
    )
    assert not (place / "train_2.json").exists()
    for number, name in enumerate(("none.json", "more.json")):
        assert len(take(place, file, now=name, after=f"after_{number}.json")["annotations"]) > 2
    known = {"images": [now["images"][-1]], "annotations": now["annotations"]}
    (place / "train_1.json").write_text(json.dumps(now | known))
    (place / "later.json").write_text(json.dumps(now | known))
    assert len(take(place, file, now="later.json", after="after_later.json")["annotations"]) > 2


def test_a_folder_or_a_list_that_is_meant_otherwise_is_one_error(place, capsys):
    (place / "picked.csv").write_text("file_name,acquisition_score,chosen_by\nmoved.jpg,1,score\nleft.jpg,1,score\n")
    for more, told in (
        (["--img_dir", place / "image"], f"{place}/image: no such folder of images; did you mean {place}/images?"),
        (["--picked_file", place / "picked.csv"], f"not the list of them; give {place}/picked.txt"),
    ):
        with pytest.raises(SystemExit):
            send(place, "coco", *more)
        said = capsys.readouterr().err
        assert told in said and said.count("\n") == 1


def test_the_report_counts_boxes_of_a_class_that_the_tasks_did_not_know(place, capsys):
    """A class was misspelt when the tasks were written, and put right in the annotation file and in the tool."""
    right = json.loads((place / "train_1.json").read_text())
    wrong = json.loads(json.dumps(right))
    wrong["categories"][0]["name"] = "caat"
    (place / "train_1.json").write_text(json.dumps(wrong))
    tasks = send(place, "coco")
    (place / "train_1.json").write_text(json.dumps(right))
    answers = {name: [("caat", (2, 2, 20, 20)), ("dog", (3, 3, 9, 9))] for name in PICKED}
    file = LABELLERS["coco"](tasks, answers, place / "export")
    file.write_text(file.read_text().replace("caat", "cat"))
    assert len(take(place, file)["annotations"]) == 1 + 2 * len(PICKED)
    boxes = json.loads((place / "train_2_labelling.json").read_text())["boxes"]
    assert [*boxes["per_class"]] == ["caat", "dog", "cat"]
    known = sum(boxes["all"][key] for key in ("accepted", "moved", "relabelled", "added"))
    assert known == 2 * len(PICKED) and "cat " in capsys.readouterr().out


def test_tasks_show_what_was_sent_and_why_most_valuable_first(place):
    (place / "picked.csv").write_text("file_name,score,reason\nmoved.jpg,3.25,many unsure boxes\n")
    tasks = send(place, "label_studio")
    rows = list(csv.DictReader((tasks / "order.csv").open(encoding="utf-8")))
    assert [row["file_name"] for row in rows] == PICKED
    assert rows[1]["reason"] == "2 of 7; acquisition score 3.25; many unsure boxes"
    assert rows[0]["reason"] == "1 of 7"
    assert sorted(path.name for path in (tasks / "images").iterdir()) == [row["name_in_tool"] for row in rows]
    content = json.loads((tasks / "tasks.json").read_text())
    assert [task["data"]["file_name"] for task in content] == PICKED
    (prediction,) = content[1]["predictions"]
    assert [row["score"] for row in prediction["result"]] == [0.9, 0.8, 0.7]  # 0.2 is below the guess of 0.5
    readme = (tasks / "README.md").read_text()
    assert "a guess" in readme and "with their scores: correct them and *Submit*" in readme
    assert f"--tasks {shlex.quote(str(tasks.absolute()))} " in readme, "it can be pasted"
    assert content[-1]["data"]["image"] == "/data/local-files/?d=images/0007_gr%C3%B6%C3%9Fe.webp.jpg"


def test_without_detections_the_readme_says_to_draw_boxes(place):
    words = ["--picked_file", place / "picked.txt", "--img_dir", place / "images", "--ann_file", place / "train_1.json"]
    export_tasks.main([*map(str, words), "--format", "label_studio", "--output_dir", str(place / "tasks")])
    readme = (place / "tasks" / "README.md").read_text()
    assert "7 images without boxes: draw one around each object." in readme
    assert "Draw a box around each object and *Submit*" in readme and "prediction" not in readme


def test_the_command_of_the_readme_zips_the_images_under_their_names(place):
    tasks = send(place, "cvat")
    command = re.search(r"`(cd .* -m zipfile .*)`", (tasks / "README.md").read_text())[1]
    subprocess.run(["bash", "-c", command], check=True)
    with zipfile.ZipFile(tasks / "images.zip") as archive:
        packed = [name for name in archive.namelist() if not name.endswith("/")]
    images = [str(path.relative_to(tasks / "images")) for path in (tasks / "images").rglob("*") if path.is_file()]
    assert sorted(packed) == sorted(images) and len(packed) == 7


@pytest.mark.parametrize("tool", LABELLERS)
def test_the_readme_says_what_is_to_be_done_in_this_tool_with_these_boxes(place, tool):
    words = ["--picked_file", place / "picked.txt", "--img_dir", place / "images", "--ann_file", place / "train_1.json"]
    export_tasks.main([*map(str, words), "--format", tool, "--output_dir", str(place / "bare")])
    bare, corrected = (folder / "README.md" for folder in (place / "bare", send(place, tool)))
    assert "Draw a box around each object" in bare.read_text() and "orrect the" not in bare.read_text()
    assert "orrect the" in corrected.read_text() or "correct them" in corrected.read_text()
    assert "Upload annotations" not in bare.read_text()
    assert ("Upload annotations" in corrected.read_text()) is (tool == "cvat")
    in_place = tool in ("labelme", "yolo", "voc")
    assert ("has exported into the folder `labels`" in bare.read_text()) is not in_place
    assert ("it reads the labels in this folder" in bare.read_text()) is in_place


def test_the_terms_of_an_acquisition_score_are_shown_to_the_labeller(place):
    columns = "file_name,chosen_by,acquisition_score,detections,objects of cat,objects of dog,entropy\n"
    (place / "picked.csv").write_text(columns + "moved.jpg,at_least cat,3.25,4,2,0,0.71\n")
    rows = list(csv.DictReader((send(place, "coco") / "order.csv").open(encoding="utf-8")))
    wanted = "2 of 7; acquisition score 3.25; at_least cat, entropy 0.71"
    assert rows[1]["reason"] == wanted and rows[1]["acquisition_score"] == "3.25"


def test_the_classes_are_those_that_infer_says_beside_its_detections(place, capsys):
    words = [
        "--picked_file",
        place / "picked.txt",
        "--img_dir",
        place / "images",
        "--infer_json",
        place / "infer_results.json",
    ]
    words = [str(word) for word in [*words, "--format", "coco", "--output_dir", place / "tasks"]]
    with pytest.raises(SystemExit):
        export_tasks.main(words)
    assert "the classes are not known; give --ann_file" in capsys.readouterr().err
    origin = made_from("infer.py", {}, {"class_names": ["dog", "cat"]})
    write_side_file(place / "infer_results.json", origin, overwrite=False)
    export_tasks.main(words)
    assert json.loads((place / "tasks" / "manifest.json").read_text())["classes"] == ["dog", "cat"]


def test_labels_of_a_detector_with_classes_in_another_order_than_the_annotation_file_mean_its_own(place, capsys):
    """Picked images, validation images and a review: "pred class" 0 is the first class of the detector, here the dog."""
    origin = made_from("infer.py", {}, {"class_names": ["dog", "cat"]})
    write_side_file(place / "infer_results.json", origin, overwrite=False)
    validation = [
        "--eval_infer_json",
        place / "infer_results.json",
        "--eval_ann_file",
        place / "eval.json",
        "--precision",
        "1",
    ]
    coco = json.loads((place / "train_1.json").read_text())
    row = {"id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20]}  # a dog, with 0.9
    images = [image | {"labelled": True} for image in coco["images"][:1]]
    (place / "eval.json").write_text(json.dumps(coco | {"images": images, "annotations": [row]}))
    manifest = json.loads((send(place, "coco", *validation) / "manifest.json").read_text())
    assert manifest["classes"] == ["cat", "dog"] and manifest["thresholds"] == {"cat": 0.5, "dog": 0.9}
    sent = {task["file_name"]: [row["label"] for row in task["prelabels"]] for task in manifest["tasks"]}
    assert sent["day 1/same.jpg"] == ["cat"] and sent["moved.jpg"] == ["dog", "cat"]
    (task,) = json.loads((review(place, classes=["dog", "cat"]) / "manifest.json").read_text())["tasks"]
    assert task["reason"] == "missing box: cat (15, 5, 25, 15), the detector says cat 0.60"
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        review(place, classes=["dog", "cow"], folder="other")
    assert stopped.value.code == 2 and "none of cat, dog" in (said := capsys.readouterr().err) and "cow" in said


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "dog",
            "detections of the classes 0 to 1, counted from 0, but 1 are given: dog; give all classes of the detector",
        ),
        ("dog\nwet,cat", "'dog\\nwet' has a control character"),
    ],
)
def test_classes_that_cannot_be_those_of_the_detector_are_refused(place, capsys, names, message):
    words = ["--picked_file", place / "picked.txt", "--img_dir", place / "images", "--class_names", names]
    words += ["--infer_json", place / "infer_results.json", "--format", "yolo", "--output_dir", place / "tasks"]
    with pytest.raises(SystemExit) as stopped:
        export_tasks.main([str(word) for word in words])
    assert stopped.value.code == 2 and message in capsys.readouterr().err and not (place / "tasks").exists()


def test_a_killed_export_is_made_anew(place):
    (place / ".writing-tasks" / "images").mkdir(parents=True)
    send(place, "coco")
    assert not (place / ".writing-tasks").exists()


def test_scores_are_shown_where_the_tool_can(place):
    shown = (send(place, "cvat") / "annotations.xml").read_text()
    assert '<attribute name="score">0.900</attribute>' in shown
    shutil.rmtree(place / "tasks")
    (file,) = (send(place, "labelme") / "images").glob("0002_*.json")
    assert json.loads(file.read_text())["shapes"][0]["description"] == "score 0.900"


def test_thresholds_come_from_validation_images_per_class(place, capsys):
    # cat: right at 0.9, 0.8, 0.7, 0.6, wrong at 0.5 (precision 0.8 there) and at 0.4; dog: wrong at 0.9, right at 0.3
    truth = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}
    found = []
    cases = [(1, 0.9, 1), (1, 0.8, 1), (1, 0.7, 1), (1, 0.6, 1), (1, 0.5, 0), (1, 0.4, 0), (2, 0.9, 0), (2, 0.3, 1)]
    for number, (label, score, right) in enumerate(cases, 1):
        truth["images"].append({"id": number, "file_name": f"{number}.jpg", "width": 100, "height": 100})
        row = {"image_id": number, "category_id": label, "bbox": [10, 10, 20, 20], "score": score}
        found.append(row)
        box = [10, 10, 20, 20] if right else [60, 60, 20, 20]
        truth["annotations"].append({"id": number, "image_id": number, "category_id": label, "bbox": box})
    (place / "val.json").write_text(json.dumps(truth))
    (place / "eval_results.json").write_text(json.dumps(found))
    tasks = send(place, "coco", "--eval_infer_json", place / "eval_results.json", "--eval_ann_file", place / "val.json")
    thresholds = json.loads((tasks / "manifest.json").read_text())["thresholds"]
    assert thresholds == {"cat": 0.5, "dog": None}
    labels = [row["category_id"] for row in json.loads((tasks / "instances.json").read_text())["annotations"]]
    assert labels and 2 not in labels  # never right in 8 of 10 cases: no boxes of dogs
    assert "never reached, so without boxes: dog" in capsys.readouterr().out
    as_infer = {
        f"{row['image_id']}.jpg": [
            {"pred box": row["bbox"], "confidence score": row["score"], "pred class": row["category_id"] - 1}
        ]
        for row in found
    }
    (place / "eval_infer.json").write_text(json.dumps(as_infer))
    shutil.rmtree(tasks)
    send(place, "coco", "--eval_infer_json", place / "eval_infer.json", "--eval_ann_file", place / "val.json")
    assert json.loads((tasks / "manifest.json").read_text())["thresholds"] == thresholds


@pytest.mark.parametrize("name", ["../images/known.jpg", "/etc/passwd", "a\0.jpg"])
def test_a_list_with_names_that_no_annotation_file_has_is_refused(place, capsys, name):
    (place / "picked.txt").write_text(f"{PICKED[0]}\n{name}\n")
    with pytest.raises(SystemExit):
        send(place, "coco")
    assert "cannot be the name of an image" in capsys.readouterr().err and not (place / "tasks").exists()


def test_tasks_with_copies_never_lie_among_the_unlabelled_images(place, capsys):
    with pytest.raises(SystemExit):
        send(place, "coco", "--unlabelled_img_dir", place)
    assert "tasks: lies in the folder of --unlabelled_img_dir" in capsys.readouterr().err
    assert not (place / "tasks").exists()


def test_the_last_line_says_how_to_train_on_the_labels(place, capsys):
    tasks = send(place, "coco")
    labels = LABELLERS["coco"](tasks, ANSWERS, place / "export")
    take(place, labels, "--if_labelled")  # as the script of the rounds, which goes on by itself
    assert "what to do next" not in capsys.readouterr().out.split("README.md")[-1]
    take(place, labels, "--overwrite")
    weights, line = capsys.readouterr().out.splitlines()[-2:]
    assert weights.startswith("to start from weights (such as resnet18.ckpt, see README.md), add them after ")
    program, script, *words = shlex.split(line.partition(":  ")[2])
    assert line.startswith("what to do next: train on it") and program == "bash" and Path(script).is_file()
    run = place / "train_2_run"
    assert words == ["CPU", "0", *map(str, (place / "images", place / "train_2.json", run)), "--config_path", "auto"]


def test_one_folder_of_labelled_and_unlabelled_images_stays_both_in_the_command_after_an_import(place, capsys):
    tasks = send(place, "coco", "--unlabelled_img_dir", place / "images")
    take(place, LABELLERS["coco"](tasks, ANSWERS, place / "export"))
    words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    images = str(place / "images")
    assert words[words.index("0") + 1] == images and words[-2:] == ["--unlabelled_img_dir", images]


def test_tasks_of_another_folder_than_the_labels_before_are_trained_on_with_both(place, capsys):
    tasks = send(place, "coco")
    labels = LABELLERS["coco"](tasks, ANSWERS, place / "export")
    before = place / "before"
    before.mkdir()
    shutil.copy(place / "images" / "known.jpg", before)
    take(place, labels, "--img_dir", before)
    words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert words[words.index("0") + 1] == str(before) and words[-2:] == ["--unlabelled_img_dir", str(place / "images")]
    shutil.copytree(place / "images", before, dirs_exist_ok=True)  # moved, the older folder is still there
    take(place, labels, "--img_dir", before, "--overwrite")
    assert "--unlabelled_img_dir" not in capsys.readouterr().out


@pytest.mark.parametrize("known", [True, False], ids=["both folders", "that of the tasks alone"])
def test_the_command_after_an_import_finds_all_images_or_says_which_it_does_not_know(place, capsys, known):
    more = place / "more"
    shutil.copytree(place / "images", more)
    for name in PICKED:
        (place / "images" / name).unlink()
    (more / "known.jpg").unlink()
    files = ["--picked_file", place / "picked.txt", "--format", "coco", "--output_dir", place / "tasks"]
    folders = ["--img_dir", place / "images", "--unlabelled_img_dir", more] if known else ["--img_dir", more]
    export_tasks.main([str(word) for word in [*files, *folders, "--class_names", *CLASSES]])
    take(place, LABELLERS["coco"](place / "tasks", ANSWERS, place / "export"))
    said, _, command = capsys.readouterr().out.splitlines()[-1].partition(":  ")
    words = shlex.split(command)
    images = str(place / "images") if known else "IMAGES"
    assert words[words.index("0") + 1] == images and words[-2:] == ["--unlabelled_img_dir", str(more)]
    where = "" if known else f", with the folder of the images that are not in {more} (1, such as known.jpg) as IMAGES"
    assert said == f"what to do next: train on it{where}"


def test_folders_of_images_are_found_again_where_they_and_the_tasks_were_moved_together(place, capsys):
    (place / "more").mkdir()
    shutil.move(place / "images" / "left.jpg", place / "more" / "left.jpg")
    tasks = send(place, "coco", "--unlabelled_img_dir", place / "more")
    labels = LABELLERS["coco"](tasks, ANSWERS, place / "export")
    here = place.rename(place.with_name("elsewhere"))
    take(here, here / labels.relative_to(place))
    words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert words[words.index("0") + 1] == str(here / "images") and words[-1] == str(here / "more")


@pytest.mark.parametrize("tool", LABELLERS)
@pytest.mark.parametrize("image_files", ["copy", "none"])
def test_the_instructions_name_real_paths(place, tool, image_files, monkeypatch):
    if image_files == "none" and tool in ("labelme", "yolo", "voc"):
        return
    monkeypatch.chdir(place)
    folder = Path("my tasks")
    words = ["--picked_file", "picked.txt", "--img_dir", "images", "--ann_file", "train_1.json", "--format", tool]
    export_tasks.main([*words, "--image_files", image_files, "--output_dir", str(folder)])
    text = (folder / "README.md").read_text()
    images = place / folder / "images" if image_files == "copy" else place / "images"
    assert "NOW" not in text and "PARENT" not in text and "NEXT" not in text
    if tool == "label_studio":
        parent = re.search(r"DOCUMENT_ROOT=(.*)", text)[1]
        assert shlex.split(parent) == [str(images.parent)] and f"as path give `{images}`" in text
    back = shlex.split(text.split("```bash")[-1].split("```")[0])
    assert back[1] == str(ROOT / "import_labels.py")
    export = LABELLERS[tool](folder, ANSWERS, place / "export") if tool in ("label_studio", "cvat", "coco") else None
    if export is None:
        assert back[3] == str(place / folder)
        LABELLERS[tool](folder, ANSWERS, place / "export")
    import_labels.main([str(export) if word == "EXPORT" else word for word in back[2:]])
    assert (place / "train_1_labelled.json").is_file()


def test_the_instructions_have_short_paths_and_a_new_name_for_the_labels(place, monkeypatch):
    (place / "here").mkdir()
    monkeypatch.chdir(place / "here")
    before = [
        ("labelled.json", "labelled_2.json"),
        ("labelled_2.json", "labelled_3.json"),
        ("a.json", "a_labelled.json"),
    ]
    for number, (now, after) in enumerate([*before, ("unlabelled.json", "unlabelled_labelled.json")]):
        shutil.copy(place / "train_1.json", place / now)
        files = ["--picked_file", "../picked.txt", "--img_dir", "../images", "--ann_file", f"../{now}"]
        files += ["--infer_json", "../infer_results.json", "--format", "label_studio"]
        export_tasks.main([*files, "--output_dir", f"../tasks_{number}"])
        text = (place / f"tasks_{number}" / "README.md").read_text()
        assert ".." not in text
        assert f"--ann_file {place / now} --output_ann_file {place / after}\n" in text


def test_the_instructions_explain_what_is_not_known(place):
    words = ["--picked_file", place / "picked.txt", "--img_dir", place / "images", "--class_names", "cat,dog"]
    export_tasks.main([*map(str, words), "--format", "coco", "--output_dir", str(place / "tasks")])
    text = (place / "tasks" / "README.md").read_text()
    assert "--ann_file NOW.json --output_ann_file NEXT.json" in text and "NOW.json is the annotation file" in text


@pytest.mark.parametrize("tool", LABELLERS)
def test_images_are_copied_linked_or_left_alone(place, tool, capsys):
    tasks = send(place, tool, "--image_files", "link")
    links = sorted(tasks.rglob("*.jpg"))
    assert len(links) == 6 and all(os.path.islink(path) and path.exists() for path in links)
    shutil.rmtree(tasks)
    if tool in ("labelme", "yolo", "voc"):  # one stem with two suffixes, or files that lie beside the images
        with pytest.raises(SystemExit):
            send(place, tool, "--image_files", "none")
        assert "--image_files copy or link" in capsys.readouterr().err
        assert not tasks.exists()
        return
    send(place, tool, "--image_files", "none")
    assert not (tasks / "images").exists()
    found = boxes_of(take(place, LABELLERS[tool](tasks, ANSWERS, place / "export")))
    assert found["moved.jpg"] == (True, as_floats(ANSWERS["moved.jpg"]))


def test_exports_of_parts_come_together_or_one_after_the_other(place):
    tasks = send(place, "label_studio")
    labeller = LABELLERS["label_studio"]
    first = labeller(tasks, ANSWERS | {"moved.jpg": LEAVE, "turned.jpg": LEAVE}, place / "one")
    second = labeller(tasks, ANSWERS | {"day 1/same.jpg": LEAVE, "größe.webp.jpg": LEAVE}, place / "two")
    together = boxes_of(take(place, [first, second]))
    take(place, second, after="half.json")
    assert boxes_of(take(place, first, now="half.json", after="whole.json")) == together
    assert together["moved.jpg"][0] is together["day 1/same.jpg"][0] is together["größe.webp.jpg"][0] is True


def test_what_is_labelled_already_is_not_overwritten_unless_asked(place, capsys):
    tasks = send(place, "label_studio")
    first = LABELLERS["label_studio"](tasks, ANSWERS, place / "one")
    before = boxes_of(take(place, first))
    other = ANSWERS | {"moved.jpg": [("dog", (40, 40, 60, 60))]}
    second = LABELLERS["label_studio"](tasks, other, place / "two")
    after = boxes_of(take(place, second, now="train_2.json", after="train_3.json"))
    assert after == before
    rows = list(csv.DictReader((place / "train_3_not_used.csv").open(encoding="utf-8")))
    assert [row["file_name"] for row in rows] == ["moved.jpg"] and "--replace_labels" in rows[0]["reason"]
    replaced = boxes_of(take(place, second, "--replace_labels", now="train_2.json", after="train_4.json"))
    assert replaced == before | {"moved.jpg": (True, [("dog", (40.0, 40.0, 60.0, 60.0))])}
    with pytest.raises(SystemExit):
        take(place, second, now="train_2.json", after="train_4.json")
    assert "exists already" in capsys.readouterr().err


def test_nothing_is_written_into_a_folder_that_holds_something(place, capsys):
    tasks = send(place, "labelme")
    (tasks / "images" / "mine.json").write_text("work of a day")
    with pytest.raises(SystemExit):
        send(place, "labelme")
    assert "labels may lie in it" in capsys.readouterr().err
    assert (tasks / "images" / "mine.json").read_text() == "work of a day"


def test_a_zip_file_is_read_as_its_folder(place):
    tasks = send(place, "cvat")
    file = LABELLERS["cvat"](tasks, ANSWERS, place / "export")
    with zipfile.ZipFile(place / "cvat.zip", "w") as archive:
        archive.write(file, "annotations.xml")
        archive.writestr("images/a.jpg", b"no picture")
    assert boxes_of(take(place, place / "cvat.zip")) == boxes_of(take(place, file, after="other.json"))


def test_zip_files_in_a_folder_are_read_and_a_damaged_one_is_named(place, capsys):
    """CVAT exports a zip file, which the README lets users put into the folder of the labels."""
    tasks = send(place, "cvat")
    file = LABELLERS["cvat"](tasks, ANSWERS, place / "export")
    (place / "labels").mkdir()
    with zipfile.ZipFile(place / "labels/task 1.zip", "w") as archive:
        archive.write(file, "annotations.xml")
    wanted = boxes_of(take(place, file, after="other.json"))
    assert boxes_of(take(place, place / "labels")) == wanted
    shutil.copy(file, place / "labels")  # unpacked beside it: the same labels twice
    assert boxes_of(take(place, place / "labels", after="twice.json")) == wanted
    (place / "labels/task 2.zip").write_bytes((place / "labels/task 1.zip").read_bytes()[:300])
    capsys.readouterr()
    assert boxes_of(take(place, place / "labels", after="damaged.json")) == wanted
    assert f"{place / 'labels/task 2.zip'}: the zip file is damaged" in (place / "damaged_not_used.csv").read_text()


def test_labels_in_a_folder_of_tasks_win_over_a_backup_and_newer_zip_files_over_older(place):
    tasks = send(place, "voc")
    with zipfile.ZipFile(place / "sent.zip", "w") as archive:
        for file in tasks.rglob("*.xml"):
            archive.write(file, file.relative_to(tasks))
    folder = LABELLERS["voc"](tasks, ANSWERS, place / "export")
    wanted = boxes_of(take(place, folder))
    with zipfile.ZipFile(place / "done.zip", "w") as archive:
        for file in folder.rglob("*.xml"):
            archive.write(file, file.relative_to(folder))
    shutil.copytree(folder, tasks, dirs_exist_ok=True)
    shutil.copy(place / "sent.zip", tasks / "z.zip")
    assert boxes_of(take(place, tasks, after="tasks.json")) == wanted
    (place / "labels").mkdir()
    shutil.copy(place / "sent.zip", place / "labels/task.zip")
    shutil.copy(place / "done.zip", place / "labels/task (1).zip")
    os.utime(place / "labels/task.zip", (1e9, 1e9))
    assert boxes_of(take(place, place / "labels", after="zips.json")) == wanted


def test_faults_in_a_zip_file_are_told_under_its_name(place, capsys):
    tasks = send(place, "cvat")
    with zipfile.ZipFile(place / "cvat.zip", "w") as archive:
        archive.writestr("annotations.xml", "<annotations><image")
    with pytest.raises(SystemExit):
        take(place, place / "cvat.zip")
    told = capsys.readouterr().err
    assert (
        f"{place / 'cvat.zip'}/annotations.xml" in told
        and tasks.exists()
        and "/tmp" not in told.replace(str(place), "")
    )


@pytest.mark.parametrize("tool", ["labelme", "voc"])
def test_the_tasks_folder_itself_is_an_export_where_a_tool_works_in_it(place, tool):
    tasks = send(place, tool)
    part = boxes_of(take(place, LABELLERS[tool](tasks, ANSWERS, place / "export")))
    assert boxes_of(take(place, tasks, after="whole.json")) == part


def test_labels_of_folder_images_get_an_entry_of_their_own(place):
    """Images of --unlabelled_img_dir are in no annotation file before they are labelled."""
    coco = json.loads((place / "train_1.json").read_text())
    coco["images"] = [image for image in coco["images"] if image["file_name"] != "turned.jpg"]
    tasks = send(place, "label_studio")
    (place / "less.json").write_text(json.dumps(coco))
    after = take(place, LABELLERS["label_studio"](tasks, ANSWERS, place / "export"), now="less.json")
    (entry,) = [image for image in after["images"] if image["file_name"] == "turned.jpg"]
    assert (entry["width"], entry["height"]) == IMAGES["turned.jpg"]  # as shown, not as stored
    assert len({image["id"] for image in after["images"]}) == len(IMAGES)


def test_rows_that_were_there_keep_every_field(place):
    before = json.loads((place / "train_1.json").read_text())
    after = take(place, LABELLERS["label_studio"](send(place, "label_studio"), ANSWERS, place / "export"))
    (row,) = [row for row in after["annotations"] if row["image_id"] == 8]
    assert row == before["annotations"][0]


def test_masks_of_the_detector_come_back_as_outlines(place):
    bits = np.zeros((80, 100), np.uint8, order="F")
    bits[12:30, 11:28] = 1
    from pycocotools import mask as coco_masks

    rle = coco_masks.encode(bits)
    mask = {"size": [80, 100], "counts": rle["counts"].decode()}
    row = {"pred box": [11, 12, 17, 18], "confidence score": 0.9, "pred class": 0, "pred mask": mask}
    (place / "picked.txt").write_text("moved.jpg\n")
    (place / "infer_results.json").write_text(json.dumps({"moved.jpg": [row]}))
    for tool in ("cvat", "coco", "labelme", "yolo"):
        tasks = send(place, tool)
        after = take(place, tasks, "--all_reviewed", after=f"{tool}.json")
        (row,) = [row for row in after["annotations"] if row["image_id"] == 1]
        back = coco_masks.decode(row["segmentation"]) if isinstance(row["segmentation"], dict) else None
        if back is None:
            back = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(row["segmentation"], 80, 100)))
        assert (back & bits).sum() / (back | bits).sum() > (0.999 if tool in ("cvat", "coco") else 0.93)
        shutil.rmtree(tasks)


def review(place, tool="label_studio", *more, scores=(0.9, 0.6), left=1, classes=None, folder="review"):
    """known.jpg is labelled with a dog at (1, 1, 11, 11); the detector sees its first class there, and its second elsewhere."""
    found = json.loads((place / "infer_results.json").read_text())
    found["known.jpg"] = [
        {"pred box": (left, 1, 10, 10), "confidence score": scores[0], "pred class": 0},
        {"pred box": (15, 5, 10, 10), "confidence score": scores[1], "pred class": 1},
    ]
    (place / "infer_all.json").write_text(json.dumps(found))
    if classes:
        origin = made_from("infer.py", {}, {"class_names": classes})
        write_side_file(place / "infer_all.json", origin, overwrite=True)
    words = ["--review", "--ann_file", place / "train_1.json", "--infer_json", place / "infer_all.json", *more]
    words += ["--img_dir", place / "images", "--format", tool, "--output_dir", place / folder]
    export_tasks.main([str(word) for word in words])
    return place / folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred box": (500, 500, 10, 10)}, "detections that are of other images, or of these in another size"),
        ({"pred box": (1, 1, 1e300, 1e300)}, "image known.jpg: Expected `float` <= 2097152.0"),
        ({"pred class": 1.0}, "image known.jpg: Expected `int`, got `float`"),
        ({"pred class": True}, "image known.jpg: Expected `int`, got `bool`"),
        ({"confidence score": 2.0}, "image known.jpg: Expected `float` <= 1.0001"),
    ],
)
@pytest.mark.parametrize("use", ["review", "validation"])
def test_detections_that_cannot_be_of_their_images_are_refused_wherever_they_are_read(
    place, capsys, changes, message, use
):
    found = json.loads((place / "infer_results.json").read_text())
    row = {"pred box": (1, 1, 10, 10), "confidence score": 0.9, "pred class": 0}
    (place / "infer_all.json").write_text(json.dumps(found | {"known.jpg": [row | changes]}))
    files = ["--infer_json", place / "infer_all.json", "--ann_file", place / "train_1.json"]
    words = ["--review", *files, "--img_dir", place / "images", "--format", "coco", "--output_dir", place / "tasks"]
    with pytest.raises(SystemExit) as stopped:
        if use == "review":
            export_tasks.main([str(word) for word in words])
        else:
            coco = json.loads(files[3].read_text())
            coco["images"] = [image for image in coco["images"] if image["file_name"] == "known.jpg"]
            (place / "eval.json").write_text(json.dumps(coco))
            send(place, "coco", "--eval_infer_json", files[1], "--eval_ann_file", place / "eval.json")
    assert stopped.value.code == 2 and message in capsys.readouterr().err and not (place / "tasks").exists()


@pytest.mark.parametrize("names", ["dog,cat", "cow,cat,dog"])
def test_class_names_in_another_order_than_that_of_the_detector_are_refused(place, capsys, names):
    origin = made_from("infer.py", {}, {"class_names": ["cat", "dog"]})
    write_side_file(place / "infer_results.json", origin, overwrite=False)
    with pytest.raises(SystemExit) as stopped:
        send(place, "coco", "--class_names", names)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and "stand for cat, dog, in this order" in said and not (place / "tasks").exists()
    renamed = send(place, "coco", "--class_names", "Katze,Hund")
    assert json.loads((renamed / "manifest.json").read_text())["classes"] == ["Katze", "Hund"]


def test_a_moved_box_goes_out_to_be_reviewed(place, capsys):
    (task,) = json.loads((review(place, left=5, classes=["dog", "cat"]) / "manifest.json").read_text())["tasks"]
    assert task["reason"].startswith("moved box: dog (1, 1, 11, 11), the detector says dog 0.90; missing box: cat")
    assert task["score"] == pytest.approx(0.9)  # a box that is beside its label is rare until others are, too


@pytest.mark.parametrize("tool", LABELLERS)
def test_labels_that_may_be_wrong_go_out_and_their_corrections_replace_them(place, tool, capsys):
    tasks = review(place, tool)
    assert "1 image to review for" in (said := capsys.readouterr().out) and "1 wrong class" in said
    manifest = json.loads((tasks / "manifest.json").read_text())
    (task,) = manifest["tasks"]
    assert task["file_name"] == "known.jpg" and task["prelabels"][0]["bbox"] == [1, 1, 10, 10]
    assert task["reason"].startswith("wrong class: dog (1, 1, 11, 11), the detector says cat 0.90; missing box: dog")
    assert "whose labels may be wrong" in (tasks / "README.md").read_text()
    before = json.loads((place / "train_1.json").read_text())
    corrected = [("cat", (1, 1, 11, 11)), ("dog", (15, 5, 25, 15))]
    labels = LABELLERS[tool](tasks, {"known.jpg": corrected}, place / "export")
    found = boxes_of(take(place, labels, tasks="review"))
    assert found["known.jpg"] == (True, as_floats(corrected)) and found["moved.jpg"] == (False, [])
    kept = json.loads((place / "train_2_replaced.json").read_text())
    assert kept["annotations"] == before["annotations"]
    assert [image["file_name"] for image in kept["images"]] == ["known.jpg"]
    assert "train_2_replaced.json: the labels of before of 1 image" in capsys.readouterr().out
    assert json.loads((place / "train_1.json").read_text()) == before


def test_a_detector_that_is_sure_of_nothing_is_no_witness_against_labels(place, capsys):
    found = json.loads((place / "infer_results.json").read_text())
    for rows in found.values():
        for row in rows:
            row["confidence score"] = 0.3
    (place / "infer_results.json").write_text(json.dumps(found))
    for scores, notes in (((0.4, 0.3), 1), ((0.4, 0.51), 0)):
        shutil.rmtree(review(place, scores=scores))
        assert (
            capsys.readouterr().out.count("note: no detection has a score above 0.5: the detector knows little yet")
            == notes
        )


@pytest.mark.parametrize("as_records", [False, True])
def test_a_review_by_no_detection_at_all_is_doubted(place, capsys, as_records):
    images = json.loads((place / "train_1.json").read_text())["images"]
    (place / "none.json").write_text(json.dumps([] if as_records else {image["file_name"]: [] for image in images}))
    words = ["--review", "--ann_file", place / "train_1.json", "--infer_json", place / "none.json", "--format", "coco"]
    export_tasks.main([*map(str, words), "--img_dir", str(place / "images"), "--output_dir", str(place / "doubted")])
    said = capsys.readouterr().out
    assert "suspicious: " in said and "has no detection in any of " in said and "knows little yet" not in said


def test_labels_that_were_found_right_stay_to_the_digit(place):
    tasks = review(place)
    labels = LABELLERS["label_studio"](tasks, {"known.jpg": [("dog", (1, 1, 11, 11))]}, place / "export")
    after = take(place, labels, tasks="review")
    assert after["annotations"] == json.loads((place / "train_1.json").read_text())["annotations"]
    assert not (place / "train_2_replaced.json").exists()


def test_a_review_says_what_it_needs_and_what_it_leaves_out(place, capsys):
    for words, said in (
        (["--review"], "--review needs --ann_file"),
        (["--picked_file", "p.txt", "--review_count", "3"], "--review_count goes with --review"),
        (["--review", "--picked_file", "p.txt"], "not allowed with"),
        ([], "one of the arguments --picked_file --review is required"),
    ):
        with pytest.raises(SystemExit):
            export_tasks.main([*words, "--img_dir", "i", "--format", "coco", "--output_dir", str(place / "none")])
        assert said in capsys.readouterr().err
    words = ["--review", "--ann_file", place / "train_1.json", "--infer_json", place / "infer_results.json"]
    words += ["--img_dir", place / "images", "--format", "coco", "--output_dir", place / "none"]
    with pytest.raises(SystemExit):
        export_tasks.main([str(word) for word in words])
    assert "labelled images without detections" in (said := capsys.readouterr().err) and "known.jpg" in said
    coco = json.loads((place / "train_1.json").read_text())
    crowd = {"id": 9, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": 1}
    coco["images"][0]["labelled"] = True
    (place / "train_1.json").write_text(json.dumps(coco | {"annotations": [*coco["annotations"], crowd]}))
    tasks = review(place)
    assert "1 labelled image with crowds left out" in (said := capsys.readouterr().out) and "moved.jpg" in said
    assert len(json.loads((tasks / "manifest.json").read_text())["tasks"]) == 1


def exported(place, name="cat", labelled=True):
    """A Label Studio export of two pictures that were sent, in a folder beside the output."""
    tasks = json.loads((send(place, "label_studio") / "tasks.json").read_text())[:2]
    value = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": [name]}
    region = {"type": "rectanglelabels", "from_name": "label", "to_name": "image", "image_rotation": 0, "value": value}
    for number, task in enumerate(tasks, start=1):
        width, height = task["data"]["width"], task["data"]["height"]
        result = [region | {"original_width": width, "original_height": height}]
        task |= {"id": number, "annotations": [{"id": number, "result": result, "was_cancelled": False}] * labelled}
    (place / "labels").mkdir()
    (place / "labels" / "export.json").write_text(json.dumps(tasks))
    return place / "labels" / "export.json"


def test_why_labels_are_not_used_is_printed_with_its_count(place, capsys):
    export = exported(place, "Cat")
    tasks = json.loads(export.read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["rectanglelabels"] = ["dog"]
    export.write_text(json.dumps(tasks))
    take(place, export)
    said = capsys.readouterr().out
    assert "  1 x image left unlabelled: Cat is not one of the classes cat, dog; is it cat?\n" in said
    assert "1 thing could not be used, each with its reason in" in said
    assert "images of 7 sent: 1 labelled, 5 not done, 1 cannot be used\n" in said


def test_an_image_that_a_second_export_labels_is_not_said_to_be_left_unlabelled(place, capsys):
    export = exported(place, "Cat")
    tasks = json.loads(export.read_text())
    other = place / "other.json"
    tasks[0]["annotations"][0]["result"][0]["value"]["rectanglelabels"] = ["dog"]
    tasks[1]["annotations"][0]["result"][0]["value"]["rectanglelabels"] = ["dog"]
    other.write_text(json.dumps(tasks[:2]))
    found = take(place, [export, other], "--replace_labels")
    assert sum(image["labelled"] for image in found["images"]) == 1 + 2
    said = capsys.readouterr().out
    assert "this annotation is not used, another one of the image is: Cat is not one of the classes" in said
    assert "image left unlabelled: " not in said


def test_an_import_without_a_label_writes_nothing_and_says_why(place, capsys):
    export = exported(place, labelled=False)
    before = sorted(place.rglob("*"))
    with pytest.raises(SystemExit) as stopped:
        take(place, export)
    said, error = capsys.readouterr()
    assert stopped.value.code == 2 and sorted(place.rglob("*")) == before
    assert "images of 7 sent: 7 not done" in said and "so nothing is written" in error
    assert "give --labels what the tool exports, not the files that were sent to it" in error
    files = ["--labels", export, "--tasks", place / "tasks", "--ann_file", place / "train_1.json", "--if_labelled"]
    import_labels.main([str(word) for word in [*files, "--output_ann_file", place / "train_2.json"]])
    assert "yet (2 not done): nothing is written" in capsys.readouterr().out
    assert sorted(place.rglob("*")) == before


RENAMED = {
    "Cat, DOG": ({"cat": "Cat", "dog": "DOG"}, "rename Cat to cat, DOG to dog in the labelling tool"),
    "hound, puss": ({"cat": "puss", "dog": "hound"}, "rename them in the labelling tool"),
}


@pytest.mark.parametrize("tool", LABELLERS)
@pytest.mark.parametrize("names", RENAMED)
def test_classes_that_were_all_renamed_are_one_fault(place, tool, names, capsys):
    tasks = send(place, tool)
    labels = LABELLERS[tool](tasks, ANSWERS, place / "export")
    for file in [labels] if labels.is_file() else sorted(path for path in labels.rglob("*") if path.is_file()):
        if file.suffix in (".json", ".xml", ".yaml", ".txt") and file.name != "manifest.json":
            text = file.read_text()
            for name, other in RENAMED[names][0].items():
                text = re.sub(rf"\b{name}\b", other, text)
            file.write_text(text)
    before = sorted(place.rglob("*"))
    for more in ((), ("--if_labelled",)):
        with pytest.raises(SystemExit):
            take(place, labels, *more)
        error = capsys.readouterr().err.strip()
        told = f": the classes are {names}, and none of them is one of cat, dog; {RENAMED[names][1]}"
        assert told in error and len(error.splitlines()) == 1, error
    assert sorted(place.rglob("*")) == before


def test_the_report_names_exports_below_its_folder_from_there(place, tmp_path_factory, monkeypatch):
    export = exported(place)
    monkeypatch.chdir(place / "labels")
    take(place, "export.json")
    report = json.loads((place / "train_2_labelling.json").read_text())
    assert report["exports"][0]["path"] == "labels/export.json"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "export.json"
    shutil.copy(export, elsewhere)
    take(place, elsewhere, after="train_3.json")
    assert json.loads((place / "train_3_labelling.json").read_text())["exports"][0]["path"] == str(elsewhere)


def test_a_list_in_place_of_the_folder_of_tasks_is_told(place, capsys):
    export = exported(place)
    with pytest.raises(SystemExit):
        import_labels.main(
            [
                str(word)
                for word in [
                    "--labels", export, "--tasks", place / "picked.txt",
                    "--ann_file", place / "train_1.json", "--output_ann_file", place / "train_2.json",
                ]
            ]
        )  # fmt: skip
    assert "picked.txt: is a file; give the folder that export_tasks.py has written" in capsys.readouterr().err


def test_corrected_outlines_come_back_though_their_boxes_are_the_same(place, capsys):
    coco = json.loads((place / "train_1.json").read_text())
    coco["images"] = [image for image in coco["images"] if image["file_name"] == "known.jpg"]
    coco["annotations"][0]["segmentation"] = corrected = [[1, 1, 11, 1, 11, 11, 1, 11]]
    (place / "back.json").write_text(json.dumps(coco))
    take(place, place / "back.json", tasks=None, after="kept.json")
    assert "labelled otherwise in --ann_file" in capsys.readouterr().out
    merged = take(place, place / "back.json", "--replace_labels", tasks=None)
    assert [row["segmentation"] for row in merged["annotations"]] == [corrected]


def test_labels_of_images_that_were_not_sent_do_not_take_the_place_of_others(place, capsys):
    """Picked is moved.jpg alone; the export has a picture of the same name in another folder, which --ann_file knows."""
    coco = json.loads((place / "train_1.json").read_text())
    coco["images"].append({"id": 99, "file_name": "day 1/moved.jpg", "width": 100, "height": 80, "labelled": False})
    (place / "train_1.json").write_text(json.dumps(coco))
    (place / "picked.txt").write_text("moved.jpg\n")
    send(place, "coco")
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 40, 9, 9]}
    images = [{"id": 1, "file_name": "day 1/moved.jpg", "width": 100, "height": 80}]
    export = {"images": images, "annotations": [row], "categories": coco["categories"]}
    (place / "back.json").write_text(json.dumps(export))
    with pytest.raises(SystemExit):
        take(place, place / "back.json")
    assert "an image of the annotation file that was not sent with these tasks" in capsys.readouterr().err


@pytest.mark.parametrize("tool", LABELLERS)
@pytest.mark.parametrize(
    "box, mask, message",
    [
        ((500, 500, 50, 50), None, "left.jpg: cat (500, 500, 550, 550) lies outside the image of 30 x 30 pixels"),
        ((2, 2, 20, 20), {}, "left.jpg: cat (2, 2, 22, 22): segmentation"),
        ((2, 2, 20, 20), {"size": [30, 30], "counts": [1, 2]}, "left.jpg: cat (2, 2, 22, 22): segmentation"),
        ((2, 2, 20, 20), {"size": [3, 3], "counts": [0, 9]}, "left.jpg: cat (2, 2, 22, 22): segmentation"),
        ((2, 2, 20, 20), {"size": [8000000, 1000000], "counts": "00"}, "left.jpg: cat (2, 2, 22, 22): segmentation"),
    ],
)
def test_detections_that_cannot_be_of_the_images_are_refused(place, capsys, tool, box, mask, message):
    found = json.loads((place / "infer_results.json").read_text())
    found["left.jpg"] = [{"pred box": box, "confidence score": 0.9, "pred class": 0, "pred mask": mask}]
    (place / "infer_results.json").write_text(json.dumps(found))
    with pytest.raises(SystemExit):
        send(place, tool)
    assert message in capsys.readouterr().err and not (place / "tasks").exists()


@pytest.mark.parametrize("score", ["nan", "inf", "1e999", "1_0"])
def test_scores_that_are_no_json_numbers_do_not_get_into_tasks(place, capsys, score):
    (place / "picked.csv").write_text(f"file_name,acquisition_score\nleft.jpg,{score}\n")
    with pytest.raises(SystemExit):
        send(place, "label_studio")
    assert "acquisition_score must be a finite number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, text, form",
    [
        ("e.xml", "<annotations></annotations>", "CVAT for images"),
        ("e.json", '{"images": [], "annotations": [], "categories": []}', "COCO"),
    ],
)
def test_an_export_without_images_is_told(place, capsys, name, text, form):
    send(place, "cvat")
    (place / name).write_text(text)
    with pytest.raises(SystemExit):
        take(place, place / name)
    assert f"{name}: {form} without images" in capsys.readouterr().err
