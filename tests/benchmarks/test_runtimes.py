"""Runtimes are measured side by side, on one input."""

import json

import pytest
from msgspec.structs import replace

from benchmarks import runtimes
from src.errors import UserError
from src.exporting import runner
from src.exporting.metadata_file import read_model_metadata


def test_all_runtimes_take_turns(tiny_detector, exported, tiny_data, tmp_path):
    file = tmp_path / "report.json"
    words = ["--checkpoint_path", tiny_detector, "--infer_img_dir", tiny_data.img_dir, "--json", file]
    words += ["--repeats", 2, "--warmup", 0, "--models", *exported.values()]
    runtimes.main([str(word) for word in words])
    report = json.loads(file.read_text())
    assert report["input_shape"] == [2, 3, 64, 64] and report["settings"]["repeats"] == 2
    models = {"faces.mindir, MindSpore", *(f"faces.onnx, {runtime}" for runtime in runner.runtimes(".onnx"))}
    assert set(report["runs"]) == {"checkpoint", *models}
    assert report["runs"]["checkpoint"]["ratio_to_checkpoint"] == 1
    for run in report["runs"].values():
        assert run["seconds"]["count"] == run["processor_seconds"]["count"] == 2
        assert run["processor_seconds"]["min"] > 0
        assert run["ms_per_image"] == pytest.approx(500 * run["seconds"]["median"])


def test_models_for_different_inputs_are_refused(exported, tiny_detector):
    metadata = read_model_metadata(exported["ONNX"])
    other = replace(metadata, input=replace(metadata.input, shape=(1, 3, 64, 64)))
    with pytest.raises(UserError, match=r"\(1, 3, 64, 64\) and \(2, 3, 64, 64\)"):
        runtimes.config_for(str(tiny_detector), [metadata, other])
