"""Exports of the real Label Studio 1.23.2 (tools/label_studio_round.py made them) say what the annotator said, as far as they can.

golden/said.json holds the annotator's state and boxes (x, y, width, height) per image; of one task there are two annotations.
"""

import json
from pathlib import Path

import pytest

import import_labels

GOLDEN = Path(__file__).parent / "golden"
SAID = json.loads((GOLDEN / "said.json").read_text(encoding="utf-8"))
FILES = ("json.json", "json_min.json", "coco.zip", "yolo.zip", "voc.zip")


def taken(tmp_path, file, *more):
    output = tmp_path / "next.json"
    words = ["--labels", GOLDEN / file, "--tasks", GOLDEN / "manifest.json", "--ann_file", GOLDEN / "now.json"]
    import_labels.main([str(word) for word in [*words, "--output_ann_file", output, *more]])
    coco, report = (json.loads(path.read_text()) for path in (output, tmp_path / "next_labelling.json"))
    names = {row["id"]: row["name"] for row in coco["categories"]}
    files = {row["id"]: row["file_name"] for row in coco["images"]}
    boxes = {name: [] for name in files.values()}
    for row in coco["annotations"]:
        boxes[files[row["image_id"]]].append((names[row["category_id"]], row["bbox"]))
    labelled = {row["file_name"] for row in coco["images"] if row["labelled"]}
    return boxes, labelled, report


def of_state(*states):
    return {name for name, told in SAID.items() if told["state"] in states}


@pytest.mark.parametrize("file", FILES)
def test_boxes_are_those_of_the_annotator(tmp_path, file):
    boxes, labelled, report = taken(tmp_path, file)
    for name, told in SAID.items():
        # Of two annotations of a task the newer one counts; YOLO and VOC exports hold only the older one.
        told = told.get("before", told["boxes"]) if file in ("yolo.zip", "voc.zip") else told["boxes"]
        wanted = [(label, pytest.approx(box, abs=1.0 if file == "voc.zip" else 1e-3)) for label, box in told]
        assert boxes[name] == wanted, name  # voc: Label Studio writes whole pixels
    # Only JSON and JSON-MIN tell an empty image from one that nobody has opened.
    known = of_state("labelled", "empty") if file in ("json.json", "json_min.json") else of_state("labelled")
    assert labelled == known
    assert report["images"]["skipped"] == (len(of_state("skipped")) if file == "json.json" else 0)
    timed = report["seconds_per_image"]["images"]
    assert timed == (len(of_state("labelled", "empty")) if file in ("json.json", "json_min.json") else 0)


@pytest.mark.parametrize("file", ["coco.zip", "yolo.zip"])
def test_a_user_who_has_done_all_can_say_so(tmp_path, file):
    _, labelled, _ = taken(tmp_path, file, "--all_reviewed")
    assert labelled == of_state("labelled", "empty", "not done")  # the skipped ones are not in these exports


def test_the_annotator_was_faulty_as_meant():
    assert {told["state"] for told in SAID.values()} == {"labelled", "empty", "skipped", "not done"}
    assert any("before" in told for told in SAID.values())
