"""A detector exported by export.py finds in C++ what its checkpoint finds in Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def exported(tiny_detector, tmp_path_factory) -> Path:
    """``tiny_detector`` as ONNX."""
    name = tmp_path_factory.mktemp("exported") / "tiny"
    command = [sys.executable, ROOT / "export.py", "--checkpoint_path", tiny_detector, "--file_format", "ONNX"]
    command += ["--file_name", name, "--batch_size", "2", "--check", "0", "--device_target", "CPU"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=name.parent)
    return name.with_suffix(".onnx")


@pytest.mark.both_builds
def test_detections_are_those_of_the_checkpoint(program, exported, scored, tiny_data, tmp_path):
    words = ["--images", tiny_data.img_dir, "--annotations", tiny_data.val_file, "--out", tmp_path / "found.json"]
    done = program.run("--model", exported, *words)
    assert done.returncode == 0, done.stderr
    wanted = json.loads((scored.folder / "eval_results.json").read_text())
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found) == len(wanted) > 5
    for record in wanted:
        assert any(
            (one["image_id"], one["category_id"]) == (record["image_id"], record["category_id"])
            and one["bbox"] == pytest.approx(record["bbox"], abs=0.5)
            and one["score"] == pytest.approx(record["score"], abs=0.005)
            for one in found
        ), record
