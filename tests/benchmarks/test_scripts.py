"""Every benchmark starts and writes its report; nothing is said of times."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
import yaml
from PIL import Image

from benchmarks import batch_sizes, command, inference, long_run, roi_align, ssd, step
from benchmarks.parts import part_of

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = {"median", "min", "max", "count"}
COMMON = {"command", "settings", "machine"}
SMALL = ["--height", "64", "--width", "64", "--repeats", "2", "--warmup", "0"]


@pytest.fixture(autouse=True)
def mode():
    """The mode of MindSpore before, again."""
    before = ms.get_context("mode")
    yield
    ms.set_context(mode=before)


@pytest.fixture
def tiny(tiny_config, tmp_path) -> list[str]:
    """Words for the smallest network, with a configuration file of the test's own."""
    return [*SMALL, "--config_path", str(shutil.copy(tiny_config, tmp_path / "tiny.yaml"))]


@pytest.fixture
def tiny_ssd(tiny) -> list[str]:
    """The same for the smallest SSD, which compiles in half the time."""
    file = Path(tiny[-1])
    settings = yaml.safe_load(file.read_text()) | {"system": "ssd", "ssd_extras_out_channels": [8] * 5}
    file.write_text(yaml.safe_dump(settings))
    return tiny


def report_of(script: str, *words: str, folder: Path) -> dict:
    """Start a script as a user does, from elsewhere, and read its report."""
    file = folder / "report.json"
    command = [sys.executable, ROOT / "benchmarks" / script, "--json", file, "--warmup", "0", "--threads", "1", *words]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


@pytest.mark.parametrize(
    "script", ["benchmarks/select.py", "benchmarks/step.py", "benchmarks/table.py", "tools/label_studio_round.py"]
)
def test_a_misspelt_option_is_answered_with_the_nearest(script, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / script, "--verson", "x"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "--verson: did you mean --version?" in done.stderr


def test_select_starts_beside_the_standard_module_of_its_name(tmp_path):
    report = report_of("select.py", "--images", "40", "--repeats", "1", folder=tmp_path)
    assert set(report) == COMMON | {"runs", "infer_results_MB"}
    assert set(report["runs"]) == {"sorted_values", "pick_select"}
    for run in report["runs"].values():
        assert set(run["seconds"]) == SUMMARY and run["peak_memory_MB"] > 10
    assert report["settings"] == {"repeats": 1, "warmup": 0, "threads": 1, "images": 40, "detections": 10}


def test_evaluate_agrees_with_pycocotools(tmp_path):
    words = ("--images", "12", "--detections", "20", "--classes", "3", "--repeats", "2")
    report = report_of("evaluate.py", *words, folder=tmp_path)
    assert report["largest_difference"] <= 1e-9 and report["AP"] > 0.01
    assert report["runs"]["evaluate"]["seconds"]["count"] == 2 and report["peak_memory_MB"] > 10


def test_record_cache_times_files_and_cache_and_leaves_nothing(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(tmp_path / "images" / f"{number}.png")
    words = ("--img_dir", str(tmp_path / "images"), "--disk", str(tmp_path), "--images", "7", "--batch_size", "2")
    words += ("--height", "32", "--width", "32", "--repeats", "2")
    report = report_of("record_cache.py", *words, folder=tmp_path)
    assert set(report) == COMMON | {"MB", "make_cache", "open_cache", "files", "cache"}
    for source in ("files", "cache"):
        assert set(report[source]) == {"read", "weak batches", "weak and strong batches"}
        assert all(set(run[state]) == SUMMARY for run in report[source].values() for state in ("cold", "warm"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "report.json"]


def test_roi_align(tiny, tmp_path):
    file = tmp_path / "report.json"
    roi_align.main([*tiny, "--rois", "8", "--json", str(file)])
    report = json.loads(file.read_text())
    assert set(report) == COMMON | {"runs", "matrix_product_GFLOP/s", "peak_memory_MB", "shares"}
    for name in ("forward", "forward_backward"):
        assert report["runs"][name]["GB/s"] > 0
        assert sum(report["shares"][name].values()) == pytest.approx(1)


def test_rois_lie_in_the_image():
    boxes = roi_align.boxes(2, 50, 96, 64)
    assert boxes.shape == (2, 50, 4) and boxes.dtype == np.float32
    assert (boxes >= 0).all() and (boxes[..., 2] <= 64).all() and (boxes[..., 3] <= 96).all()
    assert (boxes[..., 2:] - boxes[..., :2] > 15).all()


def test_inference(tiny, tmp_path):
    file = tmp_path / "report.json"
    inference.main([*tiny, "--json", str(file)])
    report = json.loads(file.read_text())
    run = report["runs"]["inference"]
    assert {"GFLOP", "GFLOP/s", "ms_per_image", "detections_per_image"} <= set(run) and 0 < run[
        "detections_per_image"
    ] <= 8
    assert {"backbone", "fpn", "rpn", "box_head"} <= set(report["shares"]["by_part"])
    assert report["compile_s"] > 0


def test_batch_sizes(tiny_ssd, tmp_path):
    file = tmp_path / "report.json"
    batch_sizes.main([*tiny_ssd, "--json", str(file)])
    runs = json.loads(file.read_text())["runs"]
    assert list(runs) == ["batch_size_1", "batch_size_2", "batch_size_4", "batch_size_8"]
    for size, run in zip((1, 2, 4, 8), runs.values(), strict=True):
        assert run["ms_per_image"] == pytest.approx(1000 * run["seconds"]["median"] / size)


def test_a_semi_supervised_step(tiny, tmp_path):
    file = tmp_path / "report.json"
    step.main([*tiny, "--step", "semi_supervised", "--json", str(file)])
    report = json.loads(file.read_text())["semi_supervised"]
    assert report["runs"]["step"]["seconds"]["count"] == 2
    assert report["runs"]["step"]["GFLOP/s"] > 0 and report["peak_memory_MB"] > 100
    shares = report["shares"]
    assert 0 <= shares["waiting_for_data"] < 1 and 0 < shares["moving_average"] < 1
    assert {"backbone", "teacher backbone", "average", "optimizer"} <= set(shares["by_part"])


@pytest.mark.parametrize("part", ["training", "detection"])
def test_ssd(tiny_ssd, tmp_path, part):
    file = tmp_path / "report.json"
    ssd.main([*tiny_ssd, "--batch_size", "4", "--part", part, "--json", str(file)])
    report = json.loads(file.read_text())[part]
    run = report["runs"]["step" if part == "training" else "inference"]
    assert run["seconds"]["count"] == 2 and run["GFLOP/s"] > 0 and run["images"] == (4 if part == "training" else 1)
    assert {"backbone", "extra_layers", "multi_box"} <= set(report["shares"]["by_part"])


def test_a_long_run(tiny_ssd, tmp_path):
    file, words = tmp_path / "report.json", tiny_ssd[:4] + tiny_ssd[-2:]
    long_run.main([*words, "--steps", "20", "--evaluations", "2", "--save_interval", "5", "--json", str(file)])
    memory = json.loads(file.read_text())["memory_MB"]
    assert memory["peak"] > memory["with_teacher"]["end"] > 100 and len(memory["evaluations"]["after_each"]) == 2


def test_growth_is_what_comes_after_the_first_steps():
    assert long_run.growth([900.0] * 20 + [1000.0] * 80)["growth"] == 0.0
    grown = long_run.growth([1000.0 + step for step in range(100)])
    assert grown["growth_per_100_steps"] == pytest.approx(100) and grown["settled"] == 1029.5
    freed = long_run.growth([1000.0 - step for step in range(100)])
    assert freed["growth"] == pytest.approx(-grown["growth"])


def test_all_steps_are_measured_apart_and_compared(monkeypatch, tmp_path, capsys):
    asked = []

    def measured(words, **_) -> subprocess.CompletedProcess:
        name = words[words.index("--step") + 1]
        asked.append((name, words[-1]))
        seconds = {"median": {"supervised": 2.0, "two_views": 4.0, "semi_supervised": 6.0}[name]}
        Path(words[words.index("--json") + 1]).write_text(json.dumps({name: {"runs": {"step": {"seconds": seconds}}}}))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(command.subprocess, "run", measured)
    monkeypatch.setattr(sys, "orig_argv", ["python", "step.py"])
    step.main(["--json", str(tmp_path / "report.json")])
    assert json.loads((tmp_path / "report.json").read_text())["ratio_semi_supervised"] == 3.0
    assert [name for name, _ in asked] == list(step.STEPS)
    assert [last == "" for _, last in asked] == [False, True, True]  # torchvision has one kind of step


def test_an_odd_batch_cannot_be_put_in_two_views(capsys):
    with pytest.raises(SystemExit) as ended:
        step.main(["--batch_size", "3"])
    assert ended.value.code == 2 and "--batch_size: must be even" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (
            "Default/student-FasterRcnn/backbone-ResNet/layer2-SequentialCell/0-Block/conv1-Conv2d/Conv2D-op1",
            "backbone",
        ),
        ("Gradients/Default/student-FasterRcnn/gradfpn-FeaturePyramid/x/Conv2DBackpropInput-op1", "fpn"),
        ("Default/teacher-FasterRcnn/box_head-BoxHead/fc1-Dense/MatMul-op3", "teacher box_head"),
        ("Default/average-MovingAverage/ApplyGradientDescent-op3", "average"),
        ("Default/student-FasterRcnn/TopK-op4", "boxes, targets, losses"),
    ],
)
def test_operators_belong_to_parts(name, part):
    assert part_of(name) == part
