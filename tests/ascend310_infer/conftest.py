"""The C++ program, built once, and a small ONNX model whose detections can be computed by hand."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import ImageEntry
from src.data.augment.transforms import fit_to_input
from src.data.images import read_image
from src.evaluation.masks import Pasting
from src.evaluation.records import coco_records, in_original_pixels
from tests.once import once

ROOT = Path(__file__).resolve().parents[2]

# What libraries leak is theirs; and memory that was given back is not kept for long, so that it can be measured.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0:quarantine_size_mb=1"

HEIGHT, WIDTH = 64, 96
CLASSES = [{"id": 4, "name": "square"}, {"id": 5, "name": "Kreis ä"}]
BASE_BOXES = np.array([[2, 3, 30, 40], [10, -5, 90, 60], [50, 20, 200, 90]], np.float32)
LABELS = np.array([1, 2, 1], np.int32)
MASK_SIDE, MASK_THRESHOLD = 7, 0.4

MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Program:
    """The folder of a build, with main, fitted_pixels and pasted_masks in it."""

    folder: Path

    def run(self, *words: str | Path, program: str = "main", **variables: str) -> subprocess.CompletedProcess[str]:
        """Start it; `variables` join the environment."""
        command = [str(self.folder / program), *map(str, words)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            env={**os.environ, **variables},
        )

    def peak_memory(self, *words: str | Path) -> int:
        """Start main, which must succeed; the most memory it had, in bytes."""
        # A small process lies between, because at its start a process counts the memory of the one that starts it.
        command = [sys.executable, "-c", MEASURE, str(self.folder / "main"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return int(done.stdout.splitlines()[-1]) * 1024


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Numbers, memory and time are tested in both builds; everything else where sanitizers watch."""
    if "program" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_builds")
        metafunc.parametrize(
            "program", ["plain", "sanitized"] if both else ["sanitized"], indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def program(request, tmp_path_factory) -> Program:
    """Built by build.sh with both engines: "plain", as users build it, or "sanitized", so that it ends at an access out of bounds and the like."""

    def make(folder: Path) -> None:
        done = subprocess.run(
            [
                "bash",
                ROOT / "ascend310_infer" / "build.sh",
                folder / "out",
                "-DWITH_TESTS=ON",
                f"-DSANITIZE={'ON' if request.param == 'sanitized' else 'OFF'}",
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "VENV": sys.prefix},
        )
        assert done.returncode == 0, done.stderr
        assert "engine for .onnx: OpenVINO" in done.stdout
        assert "engine for .mindir: MindSpore Lite" in done.stdout

    return Program(once(tmp_path_factory, f"{request.param} build of main", make) / "out")


def make_toy(path: Path, batch: int = 2, keep_ratio: bool = True, masks: bool = False, wrong: tuple = ()) -> Path:
    """Write an ONNX model that computes what ``compute_toy`` does, with masks or without, and its metadata.

    `wrong`: a constant of toy_model.py and the value that it has in place of its own.
    """
    mask_file = path.with_suffix(".npy")
    if masks:
        np.save(mask_file, base_masks())
    # In a process of its own: onnx and MindSpore want different settings of one protobuf library.
    program = ROOT / "tests" / "ascend310_infer" / "toy_model.py"
    subprocess.run([sys.executable, program, path, str(batch), mask_file if masks else "none", *wrong], check=True)
    make_metadata(path, batch, keep_ratio, masks)
    return path


def base_masks() -> np.ndarray:
    """Cells of the toy's three objects before their scores: float32 [3, M, M], 0 to 1."""
    return np.random.default_rng(4).uniform(0, 1, (len(LABELS), MASK_SIDE, MASK_SIDE)).astype(np.float32)


def make_metadata(model: Path, batch: int = 2, keep_ratio: bool = True, masks: bool = False) -> None:
    """Write the metadata of a toy model beside the file, whatever is in it."""
    rows = {"boxes": [4], "scores": [], "labels": [], "valid": []}
    kinds = {"boxes": "float32", "scores": "float32", "labels": "int32", "valid": "bool"}
    metadata = {
        "format": "ONNX",
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "system": "faster_rcnn",
        "input": {
            "name": "images",
            "shape": [batch, 3, HEIGHT, WIDTH],
            "dtype": "float32",
            "layout": "NCHW",
            "colour": "RGB",
            "range": [0, 255],
        },
        "resize": {
            "keep_ratio": keep_ratio,
            "sides": None,
            "interpolation": "linear",
            "pad_value": 0,
            "pad": "right and bottom",
            "rule": "",
        },
        "outputs": [{"name": n, "shape": [batch, len(LABELS), *rows[n]], "dtype": kinds[n]} for n in rows],
        "classes": CLASSES,
        "checkpoint": {"file": "best_model.ckpt", "sha256": "0" * 64, "step": 1},
    }
    if masks:
        shape = [batch, len(LABELS), MASK_SIDE, MASK_SIDE]
        metadata["outputs"].append({"name": "masks", "shape": shape, "dtype": "float32"})
        metadata["masks"] = {"threshold": MASK_THRESHOLD, "pasting": "exact", "rule": ""}
    model.with_suffix(".json").write_text(json.dumps(metadata), encoding="utf-8")


def compute_toy(images: np.ndarray) -> list[np.ndarray]:
    """Three objects: their scores are the mean red, green and blue, and these also move the boxes.

    Args:
        images: uint8 [B, 3, HEIGHT, WIDTH].

    Returns:
        boxes, scores, labels, class probabilities (which the model leaves out), valid, and masks, which a toy with masks gives.
    """
    scores = images.astype(np.float32).mean((2, 3)) / np.float32(255)
    boxes = BASE_BOXES[None] + 10 * scores[:, :, None]
    labels = np.repeat(LABELS[None], len(images), 0)
    masks = base_masks()[None] * scores[:, :, None, None]
    return [boxes, scores, labels, np.zeros((*scores.shape, len(CLASSES) + 1)), scores > 0.2, masks]


def records_of_python(
    folder: Path, names: list[str], keep_ratio: bool, ids: list[int], masks: bool = False
) -> list[dict]:
    """What the program should write for pictures of a folder with these ids."""
    records = []
    for name, image_id in zip(names, ids, strict=True):
        image = read_image(folder / name)
        pixels, scale = fit_to_input(image, HEIGHT, WIDTH, keep_ratio)
        outputs = [output[0] for output in compute_toy(pixels.transpose(2, 0, 1)[None])][: 6 if masks else 5]
        height, width = image.shape[:2]
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
        entry = ImageEntry(image_id, name, width, height, True, *nothing, None)
        found = in_original_pixels(entry, scale, *outputs, pasting=Pasting(MASK_THRESHOLD))
        records += coco_records(entry, found, [item["id"] for item in CLASSES])
    return records


@pytest.fixture(scope="session")
def write_toy():
    """The function that writes a toy model: path, batch, keep_ratio, masks, wrong -> path."""
    return make_toy


@pytest.fixture(scope="session")
def write_metadata():
    """The function that writes the metadata of a toy model beside a file."""
    return make_metadata


@pytest.fixture(scope="session")
def expected_records():
    """The function that makes a toy's records by Python's own functions: folder, names, keep_ratio, ids, masks -> records."""
    return records_of_python


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    """The toy model in batches of two, keeping the ratio."""
    return make_toy(tmp_path_factory.mktemp("toy") / "toy.onnx")


@pytest.fixture(scope="session")
def toy_with_masks(tmp_path_factory) -> Path:
    """The same with masks."""
    return make_toy(tmp_path_factory.mktemp("toy_with_masks") / "toy.onnx", masks=True)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder of pictures of many kinds, sizes and orientations, some in a sub-folder."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "Ordner ä").mkdir()
    for width, height in ((96, 64), (97, 33), (31, 200), (1, 5), (640, 427), (192, 128), (48, 32)):
        for kind in ("png", "jpg"):
            noise(width, height).save(folder / f"{width}x{height}.{kind}", quality=90)
    for mode in ("RGBA", "L", "LA", "P", "1"):
        noise(70, 50).convert(mode).save(folder / f"mode_{mode}.png")
    for mode in ("L", "CMYK"):
        noise(70, 50).convert(mode).save(folder / "Ordner ä" / f"mode_{mode}.jpg")
    Image.fromarray(np.arange(3500, dtype=np.uint16).reshape(50, 70) * 18).save(folder / "16bit.png")
    for kind in ("jpg", "png", "webp", "tif"):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            noise(60, 41).save(folder / "Ordner ä" / f"turned_{orientation}.{kind}", exif=exif, lossless=True)
    return folder


def noise(width: int, height: int) -> Image.Image:
    """A picture with edges of every strength."""
    rng = np.random.default_rng(width * 1000 + height)
    coarse = rng.integers(0, 256, (height // 5 + 2, width // 5 + 2, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray(np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8))
