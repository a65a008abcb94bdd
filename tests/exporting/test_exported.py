"""A network of the detectors' shape, with masks and without, through files of both formats and back."""

import os
import subprocess
import sys
from dataclasses import replace

import mindspore as ms
import msgspec
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from src.errors import UserError
from src.exporting.agreement import MASK_TOLERANCE, compare
from src.exporting.exported import ExportedDetector, model_path, write_model
from src.exporting.metadata_file import metadata_path, read_model_metadata
from src.exporting.model_metadata import (
    Class,
    ModelMetadata,
    Origin,
    mask_rule,
    output_metadata,
    raw_rgb_input,
    resize_rule,
)
from src.exporting.outputs import output_names
from src.exporting.runner import open_model, run_file, runtimes
from src.files import file_hash

SHAPE = (2, 3, 16, 16)
SUFFIXES = {"MINDIR": ".mindir", "ONNX": ".onnx"}


class Toy(nn.Cell):
    """Three detections, their scores the mean red, green and blue; the last is never valid."""

    def __init__(self, has_masks: bool) -> None:
        super().__init__()
        self.has_masks = has_masks
        self.boxes = Tensor(np.array([[[1, 2, 9, 9], [4, 4, 12, 15], [1, 1, 3, 3]]], np.float32))
        self.labels = Tensor(np.array([[1, 2, 1]], np.int32))
        self.base_masks = Tensor(np.random.default_rng(0).random((1, 3, 4, 4)).astype(np.float32))
        self.is_there = Tensor(np.array([[0.2, 0.2, 2]], np.float32))

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        scores = images.astype(ms.float32).mean((2, 3)) / 255.0
        boxes = self.boxes + scores[..., None]
        labels = ops.broadcast_to(self.labels, scores.shape)
        halves = scores[..., None] / 2.0
        shares = ops.concat((1.0 - 2.0 * halves, halves, halves), -1)
        detections = (boxes, scores, labels, shares, scores > self.is_there)
        return detections + ((self.base_masks * scores[..., None, None],) if self.has_masks else ())


def _write(folder, masks: bool, probabilities: bool, file_format: str):
    detector = ExportedDetector(Toy(masks), probabilities)
    path = folder / f"toy{SUFFIXES[file_format]}"
    write_model(detector, SHAPE, path, file_format)
    outputs = output_metadata(detector.output_names, run_file(path, detector.output_names)(np.zeros(SHAPE, np.float32)))
    metadata = ModelMetadata(
        file_format,
        path.name,
        file_hash(path),
        "toy",
        raw_rgb_input(2, 16, 16),
        resize_rule(True),
        outputs,
        [Class(1, "one"), Class(2, "two")],
        Origin("best_model.ckpt", "0" * 64, 1),
        mask_rule(0.4, "exact") if masks else None,
    )
    metadata_path(path).write_bytes(msgspec.json.encode(metadata))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Model files by (masks, probabilities, format)."""
    kinds = [(True, False, "MINDIR"), (True, True, "ONNX"), (False, True, "ONNX")]
    return {kind: _write(tmp_path_factory.mktemp("toy"), *kind) for kind in kinds}


def _on_arrays(network):
    return lambda images: [output.asnumpy() for output in network(Tensor(images))]


@pytest.mark.parametrize(("file_format", "probabilities"), [("MINDIR", False), ("ONNX", True)])
def test_a_model_with_masks_gives_the_outputs_of_its_network(written, file_format, probabilities):
    metadata, detector = open_model(written[True, probabilities, file_format])
    assert tuple(output.name for output in metadata.outputs) == output_names(probabilities, True)
    assert metadata.outputs[-1].shape == (2, 3, 4, 4) and metadata.masks.threshold == 0.4
    images = np.random.default_rng(1).integers(100, 256, SHAPE, dtype=np.uint8)
    expected, found = _on_arrays(Toy(True))(images), detector(images)
    assert len(found) == 6
    valid = expected[4]
    assert valid[:, :2].all() and not valid[:, 2].any()
    for place, (one, other) in enumerate(zip(expected, found, strict=True)):
        if place != 3 or probabilities:
            np.testing.assert_allclose(one[valid], other[valid], atol=1e-6)
        if place != 1:  # a network gives its rows without a detection the score 0 itself
            assert not other[~valid].any()
    result = compare(_on_arrays(Toy(True)), detector, images, 2, 0.05)
    assert result.holds and result.detections == 4 and result.mask < 1e-6

    def with_other_masks(images):
        *others, masks = detector(images)
        return [*others, masks + 2 * MASK_TOLERANCE]

    result = compare(_on_arrays(Toy(True)), with_other_masks, images, 2, 0.05)
    assert not result.holds and result.mask == pytest.approx(2 * MASK_TOLERANCE, rel=1e-3)
    assert replace(result, mask=0.0).holds


@pytest.mark.parametrize("name", [".", "..", "/", "models/", "a/.."])
def test_a_folder_is_no_name_of_a_model(name):
    with pytest.raises(UserError, match="is a folder, expected the name of the model in it"):
        model_path(name, "ONNX")


def test_a_model_without_masks_has_none(written):
    path = written[False, True, "ONNX"]
    metadata, detector = open_model(path)
    assert metadata.masks is None and b"masks" not in metadata_path(path).read_bytes()
    assert len(detector(np.zeros(SHAPE, np.uint8))) == 5


def test_outputs_that_are_not_those_of_a_detector_are_named(written):
    path = written[False, True, "ONNX"]
    before, metadata = metadata_path(path).read_bytes(), read_model_metadata(path)
    metadata.masks = mask_rule(0.5, "exact")
    metadata_path(path).write_bytes(msgspec.json.encode(metadata))
    try:
        with pytest.raises(UserError, match="there is a key 'masks', but no output of that name; export"):
            open_model(path)
    finally:
        metadata_path(path).write_bytes(before)


COMPARE = """
import sys
import numpy as np
from src.exporting.runner import open_model, runtimes

assert runtimes(".onnx") == ["OpenVINO", "onnxruntime"], "requirements-dev.txt has both"
for path in sys.argv[1:]:
    detectors = [open_model(path, runtime)[1] for runtime in runtimes(".onnx")]
    batches = [np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8) for seed in range(2)]
    first, second = ([detector(images) for images in batches] for detector in detectors)
    for by_openvino, by_onnxruntime in zip(first, second, strict=True):  # of the first batch, too, after the second was run
        for one, other in zip(by_openvino, by_onnxruntime, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
print([name for name in sys.modules if "telemetry" in name])
"""


def test_all_runtimes_of_a_format_find_the_same_and_send_no_usage_data(tmp_path):
    paths = []
    for masks in (False, True):
        folder = tmp_path / str(masks)
        folder.mkdir()
        paths.append(str(_write(folder, masks, True, "ONNX")))
    environment = {**os.environ, "LD_PRELOAD": ""}  # OpenVINO does not run beside jemalloc, which the tests have
    code = COMPARE.replace("SHAPE", repr(SHAPE))
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("loaded", [False, True], ids=["alone", "beside jemalloc"])
def test_openvino_comes_first_but_not_beside_jemalloc(loaded, monkeypatch):
    monkeypatch.setattr("src.exporting.runner.has_jemalloc", lambda: loaded)
    assert runtimes(".onnx") == ["OpenVINO", "onnxruntime"][loaded:] and runtimes(".mindir") == ["MindSpore"]
