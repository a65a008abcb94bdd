"""The launch scripts with the real programs, on a handful of small pictures and a network too small to be of use."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import random_select
from src import xml2coco
from src.data import synthetic
from src.data.drawn_faces import CLASSES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def practice_set(tmp_path_factory: pytest.TempPathFactory, tiny_config: Path) -> Path:
    """A folder with images/, full.json (8 labelled images, 2 classes), part.json (4 of them labelled) and tiny.yaml; read only."""
    folder = tmp_path_factory.mktemp("practice") / "datos ñ"
    full, part = str(folder / "full.json"), str(folder / "part.json")
    synthetic.main(["--out", str(folder), "--images", "8", "--width", "64", "--height", "64"])
    for file in (folder / "annotations").iterdir():  # two classes, for which test_train.py compiles networks
        file.write_text(file.read_text().replace(CLASSES[2], CLASSES[1]))
    xml2coco.main(["--data_path", str(folder), "--save_path", full])
    random_select.main(["--ann_file", full, "--label_ratio", "50", "--output_ann_file", part])
    shutil.copy(tiny_config, folder / "tiny.yaml")
    return folder


@pytest.fixture
def data(practice_set: Path, tmp_path: Path) -> Path:
    """A copy of the practice set."""
    return Path(shutil.copytree(practice_set, tmp_path / practice_set.name))


def run(data: Path, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a launch script from the data folder with the interpreter that runs the tests."""
    environment = {**os.environ, "VENV": sys.prefix, **variables}
    command = ["bash", str(ROOT / "scripts" / script), *arguments, "--config_path", "tiny.yaml"]
    return subprocess.run(command, cwd=data, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_labels_may_have_any_form_and_what_is_labelled_so_far_must_be_coco(data):
    result = run(data, "run_standalone_train_cpu.sh", "images", "none.json", "annotations", "out")
    assert result.returncode == 2 and "none.json" in result.stderr and "ORI_ANN:" not in result.stderr
    result = run(data, "run_standalone_train_cpu.sh", "images", "annotations", "annotations", "out")
    assert result.returncode == 2 and "random_select.py --ann_file" in result.stderr and "IMAGES" not in result.stderr
    assert not (data / "out").exists()


def test_the_whole_job(data):
    scored = ("--eval_img_dir", "images", "--eval_ann_file", "full.json")
    steps = ("--bbox_threshold", "0.3")  # as there
    job = ("images", "part.json", "full.json", "out", *scored, *steps, "--pick_ratio", "75")
    result = run(data, "run_standalone_train_cpu.sh", *job)
    assert result.returncode == 0, result.stdout + result.stderr

    table = result.stdout.splitlines()[-3:]
    assert table[0].split() == ["stage", "AP", "AP50"]
    first, second = data / "out" / "first_stage", data / "out" / "second_stage"
    for row, stage in zip(table[1:], (first, second), strict=True):
        metrics = json.loads((stage / "eval" / "metrics.json").read_text())
        assert row.split() == [stage.name, f"{metrics['AP']:.3f}", f"{metrics['AP50']:.3f}"]
        for name in ("config.yaml", "log.txt", "metrics.jsonl", "model_0.ckpt", "best_model.ckpt", "console.log"):
            assert (stage / name).is_file()
    chosen = json.loads((first / "new_ann_file.json").read_text())
    assert sum(image.get("labelled", True) for image in chosen["images"]) == 6
    assert sorted(path.name for path in data.iterdir()) == [
        *("annotations", "full.json", "images", "instances.json", "out", "part.json", "tiny.yaml"),
    ]

    again = run(data, "run_standalone_train_cpu.sh", *job)
    assert again.returncode == 2
    assert "holds another run" in again.stdout
    assert "Traceback" not in again.stdout + again.stderr

    full = json.loads((data / "full.json").read_text())
    labelled = {image["id"] for image in chosen["images"] if image.get("labelled", True)}
    row = next(row for row in full["annotations"] if row["image_id"] in labelled)
    row["bbox"][2] -= 1
    (data / "full.json").write_text(json.dumps(full))
    corrected = run(data, "run_standalone_train_cpu.sh", *job, "--resume")
    assert corrected.returncode == 2, corrected.stdout + corrected.stderr
    assert f"kept from before: {first / 'new_ann_file_selection' / 'top_value_data.json'}" in corrected.stdout
    assert "have other boxes (1 gone, 1 new)" in corrected.stdout
    assert f"The training run in {second} has begun with the old labels" in corrected.stdout
    assert json.loads((first / "new_ann_file.json").read_text()) == chosen


def test_a_mistake_stops_all_processes_with_its_message(data):
    arguments = ("images", "full.json", "out", "--max_itre", "2")
    result = run(data, "run_distribute_train_model_cpu.sh", *arguments, DEVICE_NUM="2")
    assert result.returncode == 2
    assert result.stderr == "error: command line: unknown key 'max_itre'; did you mean max_iter?\n"
    assert result.stdout == "" and not (data / "out").exists()


@pytest.mark.parametrize("device", ["gpu", "ascend"])
def test_a_device_that_is_not_there_is_named(data, device):
    job = ("0", "images", "part.json", "full.json", "out", "--pick_ratio", "75")
    result = run(data, f"run_standalone_train_{device}.sh", *job)
    assert result.returncode == 2
    assert f"error: device_target: no usable {'GPU' if device == 'gpu' else 'Ascend'}" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert not (data / "out" / "second_stage").exists()
