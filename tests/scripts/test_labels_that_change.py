"""The two-stage job with labels that are not done yet, or that somebody corrected; training is a stand-in, the pick is real."""

import json
import shlex
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.config.load import load_config, save_config
from src.data.provenance import made_from, write_side_file

BASE = Path(__file__).resolve().parents[2] / "configs" / "base.yaml"
SCRIPT = "run_standalone_train_cpu.sh"
SELECTION = "select_valuable_sample.sh"


def coco(boxed: range, count: int = 10, width: int = 5) -> dict:
    """Images 1.png .. COUNT.png, of which those of `boxed` have a box."""
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 50} for i in range(1, count + 1)],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, width, i]} for i in boxed],
        "categories": [{"id": 1, "name": "mask"}],
    }


@pytest.fixture
def start(workshop, monkeypatch):
    """Runs a script; 1.png and 2.png are labelled, of the others the last are the most valuable."""
    for i in range(1, 11):
        picture = np.random.default_rng(i).integers(0, 256, (50, 50, 3), np.uint8)
        (workshop.folder / "images" / f"{i}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    part = coco(range(1, 3))
    part["images"] = [image | ({} if image["id"] < 3 else {"labelled": False}) for image in part["images"]]
    save(workshop.folder / "train.json", part)
    save(workshop.folder / "full.json", coco(range(1, 11)))
    monkeypatch.setenv("STUB_REAL_PICK", "yes")
    monkeypatch.setenv("STUB_RANKING", json.dumps({f"{i}.png": float(i) for i in range(3, 11)}))

    def run(*options: str, script: str = SCRIPT):
        """50 % picks 10.png, 9.png and 8.png."""
        words = {
            SCRIPT: ("images", "train.json", "full.json", "out"),
            SELECTION: ("net.ckpt", "full.json", "train.json", "new.json", "CPU", "0", "images"),
        }[script]
        return workshop.run(script, *words, "--pick_ratio", "50", *options)

    return run


def save(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value))


def programs_since(workshop, done: int) -> list[str]:
    return workshop.programs()[done:]


def corrected_box(path: Path) -> list:
    """The box of 9.png."""
    return next(row["bbox"] for row in json.loads(path.read_text())["annotations"] if row["image_id"] == 9)


@pytest.mark.parametrize("script", [SCRIPT, SELECTION])
def test_half_finished_labelling_stops_before_training(workshop, start, script):
    save(workshop.folder / "full.json", coco(range(1, 6)))  # 3, 4 and 5 are done
    result = start(script=script)
    assert result.returncode == 2
    assert "3 of the 8 images to pick from have boxes" in result.stderr and "5 have none" in result.stderr
    assert "6.png" in result.stderr and "--empty_is_reviewed" in result.stderr
    assert all(program.startswith("check ") for program in workshop.programs())
    assert start("--empty_is_reviewed", script=script).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--empty_is_reviewed",), True),
        (("--empty_is_reviewed", "true"), True),
        (("--empty_is_reviewed=false",), False),
    ],
)
def test_the_word_reaches_the_pick_and_nothing_else(workshop, start, words, said):
    save(workshop.folder / "full.json", coco(range(1, 6)))
    assert (start(*words, "--print_interval_iter", "7").returncode == 0) == said
    for call in workshop.calls():
        assert ("--empty_is_reviewed" in call) == (said and call[0].endswith("pick_select.py"))
        assert "true" not in call or call[0] == "train.py"
    if said:
        assert workshop.programs().count("train.py") == 2


def test_labels_that_come_back_half_finished_stop_before_the_second_stage(workshop, start):
    """The first round has no labels for the picked images; then an export has boxes in one of three."""
    unlabelled = json.loads((workshop.folder / "train.json").read_text())
    save(workshop.folder / "full.json", unlabelled)
    assert "3 of the 3 picked images have no labels" in start().stdout
    save(workshop.folder / "full.json", coco([1, 2, 10]))
    stopped = start("--resume")
    assert stopped.returncode == 2
    assert "1 of the 3 picked images have boxes" in stopped.stdout and "2 have none" in stopped.stdout
    assert "  9.png\n  8.png\n" in stopped.stdout and "second_stage" not in stopped.stdout
    assert start("--resume", "--empty_is_reviewed").returncode == 0
    entries = json.loads((workshop.folder / "out/first_stage/new_ann_file.json").read_text())["images"]
    assert [image["id"] for image in entries if image.get("labelled") is True] == [8, 9]


def test_a_corrected_box_reaches_the_second_stage(workshop, start, monkeypatch):
    monkeypatch.setenv("STUB_FAILS", "nothing")
    output = workshop.folder / "out/first_stage/new_ann_file.json"
    (workshop.folder / "out/second_stage").mkdir(parents=True)
    (workshop.folder / "out/second_stage/model_0.ckpt").mkdir()  # the stand-in for training fails on it
    assert start().returncode != 0 and corrected_box(output) == [1, 1, 5, 9]
    (workshop.folder / "out/second_stage/model_0.ckpt").rmdir()
    ranked = (workshop.folder / "out/first_stage/new_ann_file_selection/top_value_data.json").read_bytes()

    save(workshop.folder / "full.json", coco(range(1, 11), width=7))
    done = len(workshop.calls())
    result = start("--resume")
    assert result.returncode == 0, result.stdout + result.stderr
    assert programs_since(workshop, done) == ["pick_select.py", "train.py"]
    assert (
        "labels changed" in result.stdout
        and "5 images (1.png, 2.png, 8.png and 2 more) have other boxes" in result.stdout
    )
    assert corrected_box(output) == [1, 1, 7, 9]
    assert corrected_box(output.with_name("new_ann_file_before_1.json")) == [1, 1, 5, 9]
    assert output.with_name("new_ann_file_picked.txt").read_text() == "10.png\n9.png\n8.png\n"
    assert (workshop.folder / "out/first_stage/new_ann_file_selection/top_value_data.json").read_bytes() == ranked


def test_a_second_stage_that_has_begun_is_not_given_other_labels(workshop, start):
    second, output = workshop.folder / "out/second_stage", workshop.folder / "out/first_stage/new_ann_file.json"
    assert start().returncode == 0
    (second / "config.yaml").write_text("")
    before = output.read_bytes()
    save(workshop.folder / "full.json", coco(range(1, 11), width=7))
    done = len(workshop.calls())
    refused = start("--resume")
    assert refused.returncode == 2 and programs_since(workshop, done) == ["pick_select.py"]
    assert f"The training run in {second} has begun" in refused.stdout and "--resume_anyway" in refused.stdout
    assert output.read_bytes() == before

    (command,) = [line.partition("away: ")[2] for line in refused.stdout.splitlines() if "away: " in line]
    subprocess.run(shlex.split(command), check=True)
    assert start("--resume").returncode == 0 and corrected_box(output) == [1, 1, 7, 9]
    assert (workshop.folder / "out/second_stage_before/model_0.ckpt").exists()

    (second / "config.yaml").write_text("")
    (second / "model_0.ckpt").unlink()  # the stand-in refuses to write twice
    save(workshop.folder / "full.json", coco(range(1, 11), width=8))
    assert start("--resume", "--resume_anyway").returncode == 0 and corrected_box(output) == [1, 1, 8, 9]
    assert {"--resume", "--resume_anyway"} <= set(workshop.calls()[-1])


def test_a_corrected_box_reaches_the_selection_alone(workshop, start):
    assert start(script=SELECTION).returncode == 0
    save(workshop.folder / "full.json", coco(range(1, 11), width=7))
    assert start("--resume", script=SELECTION).returncode == 0
    assert corrected_box(workshop.folder / "new.json") == [1, 1, 7, 9]
    assert corrected_box(workshop.folder / "new_before_1.json") == [1, 1, 5, 9]


@pytest.fixture
def ranked(workshop, start):
    """The job stopped because the labels are not there yet; its ranking tells what it was made from."""
    save(workshop.folder / "full.json", json.loads((workshop.folder / "train.json").read_text()))
    assert start().returncode == 0
    first = workshop.folder / "out/first_stage"
    inputs = {"checkpoint_path": first / "model_0.ckpt", "train_ann_file": workshop.folder / "train.json"}
    inferred = made_from("infer.py", inputs, {"test_score_thr": 0.05})
    settings = {"strategy": "reference", "weights": [1, 1, 1], "seed": 10}
    origin = made_from("sorted_values.py", {}, settings, {"infer_json": inferred})
    write_side_file(first / "new_ann_file_selection/top_value_data.json", origin, overwrite=False)
    (first / "config.yaml").write_text(save_config(load_config("", [])))
    save(workshop.folder / "full.json", coco(range(1, 11)))
    return first


RANKED_OTHERWISE = {
    "strategy: was reference, is entropy",
    "test_score_thr: was 0.05, is 0.3",
    "base_lr: was 0.005, is 0.5",
    "train_ann_file: the content of",
    "checkpoint_path: the content of",
}


@pytest.mark.parametrize(
    ("options", "files", "sentences"),
    [
        (
            ("--strategy", "entropy", "--test_score_thr", "0.3", "--base_lr", "0.5"),
            ("train.json", "out/first_stage/model_0.ckpt"),
            RANKED_OTHERWISE,
        ),
        (("--weights", "1", "2", "1"), (), {"weights: was [1, 1, 1], is [1.0, 2.0, 1.0]"}),
        (("--pick_ratio", "60"), (), {"pick_ratio: was 50.0, is 60.0"}),
    ],
)
def test_what_changed_since_the_selection_is_refused_or_said(workshop, start, ranked, options, files, sentences):
    for name in files:
        path = workshop.folder / name
        path.write_text(path.read_text() + "\n")
    done = len(workshop.calls())
    options = ("--config_path", str(BASE), *options)  # the ranking is of these settings
    refused = start("--resume", *options)
    assert refused.returncode == 2 and "--resume_anyway" in refused.stdout
    assert not {sentence for sentence in sentences if sentence not in refused.stdout}, refused.stdout
    assert "train.py" not in programs_since(workshop, done) and "Traceback" not in refused.stdout + refused.stderr
    assert not (ranked / "new_ann_file.json").exists()
    anyway = start("--resume", *options, "--resume_anyway")
    assert anyway.returncode == 0, anyway.stdout + anyway.stderr
    assert not {sentence for sentence in sentences if sentence not in anyway.stdout}
    assert (ranked / "new_ann_file_picked.txt").read_text() == "10.png\n9.png\n8.png\n"


def test_images_that_came_or_went_since_the_ranking_are_noted(workshop, start, ranked):
    more = workshop.folder / "more"
    more.mkdir()
    (ranked / "config.yaml").write_text("unlabelled_img_dir: more\n")
    (workshop.folder / "images/7.png").rename(workshop.folder / "7.png")
    (more / "later.png").write_bytes((workshop.folder / "images/1.png").read_bytes())
    result = start("--resume", "--unlabelled_img_dir", "more")
    assert "1 image (later.png) of more were added after the ranking" in result.stdout
    assert "1 image (7.png) were ranked and are missing now" in result.stdout
