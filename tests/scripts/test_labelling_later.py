"""The story of a user with a plain folder of unlabelled images: stage 1, label what was picked, --resume, stage 2."""

import json
import os
import shlex

import cv2
import numpy as np
import pytest

SCRIPT = "run_standalone_train_cpu.sh"


def coco(count: int, *, category: str = "mask") -> dict:
    """Images 1.png .. COUNT.png, all of them labelled."""
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 50} for i in range(1, count + 1)],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, i, i]} for i in range(1, count + 1)],
        "categories": [{"id": 1, "name": category}],
    }


def picture(number: int) -> bytes:
    """A PNG file; no two are copies."""
    return cv2.imencode(".png", np.full((50, 50, 3), number, np.uint8))[1].tobytes()


@pytest.fixture
def start(workshop, monkeypatch):
    """Runs the job: 2 labelled images, 3.png to 10.png in the folder `more`, of which the last are the most valuable."""
    (workshop.folder / "more").mkdir()
    for i in range(1, 11):
        (workshop.folder / ("images" if i < 3 else "more") / f"{i}.png").write_bytes(picture(i))
    for name in ("train.json", "full.json"):
        (workshop.folder / name).write_text(json.dumps(coco(2)))
    (workshop.folder / "folder.yaml").write_text("unlabelled_img_dir: more\n")
    monkeypatch.setenv("STUB_REAL_PICK", "yes")
    monkeypatch.setenv("STUB_RANKING", json.dumps({f"{i}.png": float(i) for i in range(3, 11)}))

    def run(ori_ann: str, *options: str):
        return workshop.run(SCRIPT, "images", "train.json", ori_ann, "out", "--pick_ratio", "50", *options)

    return run


@pytest.mark.parametrize("folder", [("--unlabelled_img_dir", "more"), ("--config_path", "folder.yaml")])
def test_the_picked_images_of_a_plain_folder_are_labelled_and_the_job_resumed(workshop, start, folder):
    stopped = start("train.json", *folder)
    assert stopped.returncode == 0, stopped.stderr
    assert "3 of the 8 unlabelled images are to be picked" in stopped.stdout
    assert "The labels of 8 of these unlabelled images are not in" in stopped.stdout
    assert "the job will stop after the pick" in stopped.stdout
    picked = workshop.folder / "out" / "first_stage" / "new_ann_file_picked.txt"
    assert picked.read_text() == "10.png\n9.png\n8.png\n"
    assert "error" not in stopped.stdout + stopped.stderr
    for words in ("3 of the 3 picked images have no labels", str(picked), "as ORI_ANN and with --resume"):
        assert words in stopped.stdout
    last = shlex.split(stopped.stdout.splitlines()[-1])
    assert last[1].endswith("/export_tasks.py") and last[last.index("--picked_file") + 1] == str(picked)
    checks = ["check sorted_values.py", "check pick_select.py"]
    assert workshop.programs() == [*checks, "train.py", "infer.py", "sorted_values.py", "pick_select.py"]

    labelled = coco(10)  # as the message says, but only two of three labelled; one of these is moved, the other stays
    kept = [image for image in labelled["images"] if image["id"] in (1, 2, 8, 9, 10)]
    kept[-1]["labelled"] = False
    rows = [row for row in labelled["annotations"] if row["image_id"] in (1, 2, 8, 9)]
    (workshop.folder / "new.json").write_text(json.dumps(labelled | {"images": kept, "annotations": rows}))
    os.rename(workshop.folder / "more/8.png", workshop.folder / "images/8.png")
    (workshop.folder / "more/9.png").unlink()
    forgotten = start("new.json", *folder, "--resume")
    assert forgotten.returncode == 2 and "images/9.png: no such image file" in forgotten.stdout
    (workshop.folder / "more/9.png").write_bytes(picture(9))

    done = start("new.json", *folder, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of the 3 images of" in done.stdout and "stay unlabelled:\n  10.png\n" in done.stdout
    assert picked.read_text() == "10.png\n9.png\n8.png\n", "the work list stays"
    assert workshop.programs()[6:] == ["pick_select.py", "pick_select.py", "train.py"]
    second = json.loads((workshop.folder / "out" / "first_stage" / "new_ann_file.json").read_text())
    assert [image["id"] for image in second["images"] if image.get("labelled", True)] == [1, 2, 8, 9]
    assert [row["bbox"][2] for row in second["annotations"]] == [1, 2, 8, 9]


@pytest.mark.parametrize(
    ("ori_ann", "options", "words"),
    [
        (coco(2), ("--pick_ratio", "20"), "pass at least 30"),
        (coco(2), ("--pick_ratio", "101"), "between 0 and 100"),
        (coco(2), ("--pick_ratio", "9"), "less than one image"),
        (coco(1), (), "image 2.png is not in --ann_file"),
        (coco(11), (), "11.png: no such image file"),
        (coco(2, category="face"), (), "its categories are mask; those of --ann_file"),
        (coco(2), ("--unlabelled_img_dir", "nowhere"), "nowhere: no such folder"),
        (coco(2), ("--max_itre", "3"), "did you mean max_iter"),
        (coco(2), ("--pick_ration", "30"), "did you mean pick_ratio"),
        (coco(2), ("--config", "a.yaml"), "did you mean config_path"),
        (coco(2), ("--pick_ratio", "6O"), "argument --pick_ratio: '6O': must be a number"),
        (coco(2), ("--strategy", "entropi"), "argument --strategy: invalid choice: 'entropi' (choose from 'reference'"),
        (coco(2), ("--budget_hours", "2h"), "error: argument --budget_hours: '2h': "),
        (coco(2), ("--strategy",), "argument --strategy: expected one argument"),
        (coco(2), ("--weights", "1", "1"), "argument --weights: expected 3 arguments"),
        (coco(2), ("--weights", "0", "0", "0"), "weights 0 0 0: must be three numbers from 0 up, not all 0"),
        (coco(2), ("--policy", "3"), "argument --policy: invalid choice: 3 (choose from 1, 2)"),
        (coco(2), ("--seed", "x"), "argument --seed: 'x': must be a whole number from -1"),
    ],
)
def test_what_would_fail_after_hours_of_training_fails_before(workshop, start, ori_ann, options, words):
    (workshop.folder / "full.json").write_text(json.dumps(ori_ann))
    result = start("full.json", "--unlabelled_img_dir", "more", *options)
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr and "usage: " not in result.stderr
    assert all(program.startswith("check ") for program in workshop.programs())
    assert not (workshop.folder / "out").exists()


def test_what_is_wrong_with_the_ranking_and_with_the_pick_is_said_at_once(start):
    wrong = ("--weights", "0", "0", "0", "--pick_ratio=20")
    said = start("train.json", "--unlabelled_img_dir", "more", *wrong).stderr
    assert "weights 0 0 0" in said and "pass at least 30" in said
