"""run_infer_cpp.sh and run_infer_310.sh with stand-ins for the C++ program and for Python."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest

# Notes its arguments and writes the file of --out.
STUB_MAIN = """#!/bin/sh
printf '%s\\n' "$@" >"{record}"
echo "main speaks"
while [ "$1" != --out ]; do shift; done
echo '[]' >"$2"
"""


@pytest.fixture
def main(workshop, tmp_path) -> dict[str, str]:
    """The variable that names the stand-in program; "net.onnx" of the workshop gets metadata for 416 x 288 pixels."""
    program = tmp_path / "main"
    program.write_text(STUB_MAIN.format(record=tmp_path / "main.txt"))
    program.chmod(0o755)
    model = Path(workshop.path("net.onnx"))
    numbers = {"name": "images", "shape": [1, 3, 288, 416], "dtype": "float32"}
    metadata = {
        "format": "ONNX",
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "system": "faster_rcnn",
        "input": numbers | {"layout": "NCHW", "colour": "RGB", "range": [0, 255]},
        "resize": {
            "keep_ratio": True,
            "sides": None,
            "interpolation": "linear",
            "pad_value": 0,
            "pad": "right and bottom",
            "rule": "",
        },
        "outputs": [
            {"name": "boxes", "shape": [1, 9, 4], "dtype": "float32"},
            {"name": "scores", "shape": [1, 9], "dtype": "float32"},
            {"name": "labels", "shape": [1, 9], "dtype": "int32"},
            {"name": "valid", "shape": [1, 9], "dtype": "bool"},
        ],
        "classes": [{"id": 1, "name": "face"}],
        "checkpoint": {"file": "best_model.ckpt", "sha256": "", "step": 1},
    }
    model.with_suffix(".json").write_text(json.dumps(metadata))
    return {"INFER_MAIN": str(program)}


def told(main: dict[str, str]) -> dict[str, str]:
    """What the stand-in program was told, as pairs of words."""
    return dict(pairwise(Path(main["INFER_MAIN"]).with_suffix(".txt").read_text().splitlines()))


@pytest.mark.parametrize(
    ("script", "words", "device", "device_id"),
    [
        ("run_infer_cpp.sh", ["CPU"], "CPU", "0"),
        ("run_infer_cpp.sh", ["GPU", "416", "288", "True", "3"], "GPU", "3"),
        ("run_infer_cpp.sh", ["Ascend", "--device_id", "2"], "Ascend", "2"),
        ("run_infer_310.sh", [], "Ascend310", "0"),
        ("run_infer_310.sh", ["416", "288", "1"], "Ascend310", "1"),
        ("faster_rcnn/run_infer_cpp.sh", ["CPU", "416", "288"], "CPU", "0"),
        ("mask_rcnn/run_infer_cpp.sh", ["GPU", "2"], "GPU", "2"),
    ],
)
def test_detects_and_scores(workshop, main, script, words, device, device_id):
    options = ["--threads", "2", "--num_parallel_workers", "3"]
    result = workshop.run(script, "net.onnx", "images", "train.json", *words, *options, **main)
    assert result.returncode == 0, result.stderr
    out = workshop.path("net_infer")
    program = told(main)
    assert program["--model"] == workshop.path("net.onnx")
    assert program["--images"] == workshop.path("images")
    assert program["--annotations"] == workshop.path("train.json")
    assert program["--out"] == f"{out}/detections.json"
    assert (program["--device"], program["--device_id"], program["--threads"]) == (device, device_id, "2")
    (call,) = workshop.calls()
    scoring = dict(pairwise(call[1:]))
    assert call[0] == "eval.py"
    assert scoring["--results"] == f"{out}/detections.json"
    assert scoring["--eval_ann_file"] == workshop.path("train.json")
    assert scoring["--eval_output_dir"] == out
    assert scoring["--num_parallel_workers"] == "3"
    assert "--threads" not in call and "--num_parallel_workers" not in program
    assert Path(out, "acc.log").read_text() == "eval.py speaks\n"
    assert Path(out, "console.log").read_text() == "main speaks\neval.py speaks\n"


def test_numbers_that_the_model_contradicts(workshop, main):
    result = workshop.run("run_infer_cpp.sh", "net.onnx", "images", "train.json", "CPU", "1280", "288", "false", **main)
    assert result.returncode == 2
    model = workshop.path("net.onnx")
    assert f"error: IMAGE_WIDTH is 1280, but {model} was exported for 416: omit it" in result.stderr
    assert f"KEEP_RATIO is false, but {model} was exported for true" in result.stderr
    assert "IMAGE_HEIGHT" not in result.stderr
    assert not workshop.calls()


def test_a_failing_program_stops_the_job(workshop, main):
    Path(main["INFER_MAIN"]).write_text("#!/bin/sh\necho 'error: out of paper' >&2\nexit 2\n")
    result = workshop.run("run_infer_310.sh", "net.onnx", "images", "train.json", **main)
    assert result.returncode == 2
    assert "error: out of paper" in result.stdout + result.stderr
    assert not workshop.calls()


def test_a_program_beside_the_data(workshop, main):
    program = Path(workshop.path("-main"))
    program.write_text(Path(main["INFER_MAIN"]).read_text())
    program.chmod(0o755)
    result = workshop.run("run_infer_310.sh", "net.onnx", "images", "train.json", INFER_MAIN="-main")
    assert result.returncode == 0, result.stderr
    assert told(main)["--model"] == workshop.path("net.onnx")


def test_a_program_that_is_not_there(workshop, main):
    result = workshop.run("run_infer_310.sh", "net.onnx", "images", "train.json", INFER_MAIN="images")
    assert (result.returncode, result.stderr) == (2, "error: INFER_MAIN=images is not an executable file\n")
    result = workshop.run("run_infer_310.sh", "net.onnx", "images", "train.json", INFER_MAIN="gone")
    assert (result.returncode, result.stderr) == (2, "error: INFER_MAIN=gone is not an executable file\n")
