"""The first pick from a folder of images and a list of classes, as a newcomer makes it, up to labels that training takes."""

import csv
import json
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

import first_pick
import import_labels
from src.active.sub_folders import by_sub_folder, spread
from src.config.load import load_config
from src.data.formats.feature_file import write_features
from src.data.training_data import Sources, read_training_data
from src.errors import UserError
from tests.labelling.labellers import label_studio

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"camera ä": 12, "街/left": 6, ".": 3, "day 1": 1}  # sub-folder -> images that differ
COPIES = 5  # of one picture, in the first sub-folder


def picture(rng):
    """A JPEG of smooth noise, unlike all others."""
    pixels = cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (96, 72), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@pytest.fixture
def photos(tmp_path):
    """Sub-folders, names that are not ASCII or have spaces, copies of a picture, a file that is none, and one cut off."""
    folder, rng = tmp_path / "my photos", np.random.default_rng(3)
    for name, count in FOLDERS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / name / f"{number} ü.jpg").write_bytes(picture(rng))
    for number in range(COPIES):
        shutil.copy(folder / "camera ä" / "0 ü.jpg", folder / "camera ä" / f"copy {number}.jpg")
    (folder / "day 1" / "no picture.jpg").write_bytes(b"no")
    (folder / "day 1" / "cut.jpg").write_bytes(picture(rng)[:-600])
    (folder / "notes.txt").write_text("no image")
    return folder


def pick(photos, *more, classes="cat,dog", budget=8):
    """Start the program; the annotation file, the picked names, and their rows in the table of reasons."""
    output = photos.parent / "first.json"
    words = ["--img_dir", photos, "--class_names", classes, "--budget_images", budget, "--output_ann_file", output]
    first_pick.main([str(word) for word in (*words, *more)])
    names = output.with_name("first_picked.txt").read_text(encoding="utf-8").splitlines()
    with output.with_name("first_picked.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["file_name"]: row for row in csv.DictReader(file)}
    return json.loads(output.read_text(encoding="utf-8")), names, reasons


def test_a_list_of_classes_may_be_longer_than_a_file_name(photos, capsys):
    names = [f"class number {number}" for number in range(80)]
    coco, _, _ = pick(photos, classes=",".join(names))
    assert [category["name"] for category in coco["categories"]] == names
    for name in (".", "/"):
        with pytest.raises(SystemExit):
            pick(photos, "--output_ann_file", name)
        assert "is a folder, expected a file name" in capsys.readouterr().err


def test_a_folder_and_a_class_list_are_enough(photos, capsys):
    coco, names, reasons = pick(photos)
    usable = sum(FOLDERS.values()) + COPIES
    assert len(coco["images"]) == usable and all(image["labelled"] is False for image in coco["images"])
    assert all((image["width"], image["height"]) == (96, 72) for image in coco["images"])
    assert [(row["id"], row["name"]) for row in coco["categories"]] == [(1, "cat"), (2, "dog")]
    assert coco["annotations"] == [] and coco["info"]["made_from"]["program"] == "first_pick.py"
    assert len(names) == len(set(names)) == 8 and list(reasons) == names
    assert all((photos / name).is_file() for name in names)
    assert Counter(names[:4]) == Counter(next(n for n in names if n in of) for of in by_sub_folder(names).values())
    pixels = {cv2.imdecode(np.fromfile(photos / name, np.uint8), cv2.IMREAD_COLOR).tobytes() for name in names}
    assert len(pixels) == 8, "no picture twice"
    (left_out,) = json.loads((photos.parent / "first_left_out.json").read_text(encoding="utf-8"))
    assert {row["image"] for row in left_out["images"]} == {"day 1/no picture.jpg", "day 1/cut.jpg"}
    printed = capsys.readouterr().out
    assert f"left out 2 of {usable + 2} images" in printed and "first_left_out.json" in printed


def test_the_last_line_is_a_command_that_works_and_its_labels_are_trained_on(photos, capsys):
    _, names, _ = pick(photos)
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("what to do next: ")
    done = subprocess.run(command, shell=True, cwd=Path.cwd(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tasks, export = photos.parent / "first_tasks", photos.parent / "export.json"
    order = (tasks / "order.csv").read_text(encoding="utf-8")
    assert (
        order.count("spread evenly over the sub-folders, in a random order") == 8 and "; acquisition score" not in order
    )
    answers = {name: [("dog", (10, 10, 40, 30))] for name in names}
    label_studio(tasks, answers, export)
    words = ["--labels", export, "--tasks", tasks, "--ann_file", photos.parent / "first.json"]
    labelled = photos.parent / "labelled.json"
    import_labels.main([str(word) for word in (*words, "--output_ann_file", labelled)])
    data = read_training_data(Sources(labelled, photos))
    assert sorted(entry.file_name for entry in data.labelled) == sorted(names)
    assert len(data.unlabelled) == sum(FOLDERS.values()) + COPIES - len(names)
    assert data.annotations.class_names == ("cat", "dog") and {int(entry.labels[0]) for entry in data.labelled} == {2}


def test_classes_may_be_the_lines_of_a_file(photos):
    (photos.parent / "classes.txt").write_text("small, spotted cat\r\n狗\r\n", encoding="utf-8")
    coco, _, _ = pick(photos, classes=photos.parent / "classes.txt")
    assert [(row["id"], row["name"]) for row in coco["categories"]] == [(1, "small, spotted cat"), (2, "狗")]


def test_the_seed_decides_and_nothing_is_overwritten(photos, capsys):
    _, names, _ = pick(photos)
    with pytest.raises(SystemExit):
        pick(photos)
    assert "--overwrite" in capsys.readouterr().err
    moved = photos.parent / "elsewhere" / "photos"
    shutil.copytree(photos, moved)
    assert pick(moved)[1] == names
    for name in ("first.json", "first_picked.txt", "first_picked.csv", "first_picked.made_from.json"):
        assert (photos.parent / name).read_bytes() == (moved.parent / name).read_bytes(), "the same wherever they lie"
    assert pick(photos, "--overwrite", "--seed", 3)[1] != names


def test_where_there_are_fewer_pictures_all_of_them_are_picked_once(photos, capsys):
    _, names, _ = pick(photos, budget=100)
    assert len(names) == sum(FOLDERS.values())
    printed = capsys.readouterr().out
    assert f"{COPIES} near-duplicates" in printed and f"{len(names)} images are picked, not 100" in printed


@pytest.mark.parametrize(
    ("classes", "content", "message"),
    [
        ("cat,cat", {}, "'cat' is given 2 times"),
        (" , ", {}, "no class to detect"),
        ("background", {}, "no class to detect"),
        ("cat", {}, "no images in this folder"),
        ("cat", {"a.jpg": b"no"}, "none of its 1 images can be decoded, such as"),
        ("cat", {"a.jpg": "cut"}, "none of its 1 images can be decoded, such as"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(tmp_path, capsys, classes, content, message):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(picture(np.random.default_rng(0))[:-600] if data == "cut" else data)
    with pytest.raises(SystemExit) as stopped:
        pick(folder, classes=classes)
    assert stopped.value.code == 2 and message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_missing_folder_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pick(tmp_path / "nowhere")
    assert "nowhere: no such folder" in capsys.readouterr().err


@pytest.fixture
def features(monkeypatch):
    """In place of infer.py: features in four directions, by the sub-folder; its words are returned."""
    words = []

    def write(command, **_):
        words.extend(command)
        given = dict(zip(command[2::2], command[3::2], strict=True))
        images = json.loads(Path(given["--train_ann_file"]).read_text(encoding="utf-8"))["images"]
        folders = sorted(by_sub_folder(image["file_name"] for image in images))
        rows = []
        for image in images:
            vector = np.eye(4, dtype=np.float32)[folders.index(Path(image["file_name"]).parent.as_posix())]
            rows.append((image["file_name"], np.zeros(1, int), np.ones(1), vector[None].astype(np.float16)))
        write_features(Path(given["--eval_output_dir"]) / "infer_features.npz", rows, False)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(first_pick.subprocess, "run", write)
    return words


def test_with_weights_coverage_picks_and_a_tenth_is_random(photos, features, resnet18_names):
    coco, names, reasons = pick(photos, "--pre_trained", resnet18_names, budget=10)
    assert len({Path(name).parent for name in names[:4]}) == 4, "one of each cluster first"
    assert [reasons[name]["chosen_by"] for name in names] == ["score"] * 9 + ["random"]
    assert {row["strategy"] for row in reasons.values()} == {"coverage"}
    program, settings = Path(features[1]), load_config("", features[2:])
    assert program == ROOT / "infer.py" and settings.features and settings.backbone == "resnet_v1_18"
    assert (settings.img_width, settings.img_height) == (320, 320)
    assert coco["info"]["made_from"]["inputs"]["pre_trained"]["name"] == resnet18_names.name
    assert not list(photos.parent.glob("*.npz.*")), "features are not left behind"


def test_more_than_there_are_are_all_picked_by_coverage_too(photos, features, resnet18_names):
    _, names, _ = pick(photos, "--pre_trained", resnet18_names, budget=100)
    assert len(names) == sum(FOLDERS.values())


@pytest.fixture
def resnet18_names(tmp_path):
    """A file of weights that has the names of a ResNet-18, from which alone the backbone is told."""
    names = [f"layer{stage}.{block}.conv{conv}.weight" for stage in (1, 2, 3, 4) for block in (0, 1) for conv in (1, 2)]
    path = tmp_path / "resnet18.npz"
    np.savez(path, **{name: np.zeros(1, np.float32) for name in names})
    return path


def test_weights_of_no_resnet_are_refused(photos, tmp_path, capsys):
    np.savez(tmp_path / "other.npz", a=np.zeros(1))
    with pytest.raises(SystemExit):
        pick(photos, "--pre_trained", tmp_path / "other.npz")
    assert "of no ResNet" in capsys.readouterr().err and not (photos.parent / "first.json").exists()


@pytest.mark.parametrize("seed", range(5))
def test_spread_visits_every_folder_first_and_gives_each_its_share_then(seed):
    sizes = {"a": 40, "b/c": 20, "b": 4, ".": 16}
    names = [f"{folder}/{number}.jpg".removeprefix("./") for folder, count in sizes.items() for number in range(count)]
    scores = spread(names, seed)
    order = sorted(scores, key=lambda name: -scores[name])
    assert sorted(order) == sorted(names) and len(set(scores.values())) == len(names)
    folders = [str(Path(name).parent) for name in order]
    assert folders[:4] == ["a", "b/c", ".", "b"]
    for count in range(4, len(order)):
        found = Counter(folders[:count])
        assert all(abs(found[folder] - count * size / 80) <= 2 for folder, size in sizes.items())
    assert spread(names[::-1], seed) == scores, "the order of the names does not matter"


def test_classes_that_differ_by_case_only_are_questioned(photos, capsys):
    pick(photos, classes="RBC,rbc")
    assert 'suspicious: classes "RBC", "rbc" differ only by case' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        pick(photos, "--overwrite", classes="cat\x1b[31m")
    assert "has a control character" in capsys.readouterr().err


def test_tasks_of_the_next_command_do_not_lie_among_the_images(photos, capsys):
    words = ["--img_dir", photos, "--class_names", "cat", "--output_ann_file", photos / "first.json"]
    first_pick.main([str(word) for word in words])
    command = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(command)[-1] == str(photos.parent / "first_tasks")


def test_the_annotation_file_is_there_only_when_the_list_is(photos, capsys, monkeypatch):
    def full_disk(*_):
        raise UserError("no space left")

    monkeypatch.setattr(first_pick, "write_pick", full_disk)
    with pytest.raises(SystemExit):
        pick(photos)
    assert "no space left" in capsys.readouterr().err and not (photos.parent / "first.json").exists()


def test_the_root_of_the_file_system_is_refused_at_once(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pick(Path("/"), "--output_ann_file", tmp_path / "first.json")
    assert "is the root of the file system" in capsys.readouterr().err


@pytest.mark.parametrize(
    "classes, suspicious",
    [("cat dog", 1), ("cat;dog", 1), ("cat; traffic light", 1), ("cat,traffic light", 0), ("cat", 0)],
)
def test_names_that_are_not_separated_by_commas_are_questioned(photos, capsys, classes, suspicious):
    coco, _, _ = pick(photos, classes=classes)
    said = capsys.readouterr().out
    several = "'cat,traffic light'" if "; " in classes else "cat,dog"
    assert said.count(f"if these are several, separate them by commas: {several}\n") == suspicious
    assert f"; {'2 classes' if ',' in classes else '1 class'}: " in said
    assert len(coco["categories"]) == 1 + classes.count(",")
