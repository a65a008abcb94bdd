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

ROOT = Path(__file__).resolve().parents[2]

HEIGHT, WIDTH = 64, 96
CLASSES = [{"id": 4, "name": "square"}, {"id": 5, "name": "Kreis ä"}]
BASE_BOXES = np.array([[2, 3, 30, 40], [10, -5, 90, 60], [50, 20, 200, 90]], np.float32)
LABELS = np.array([1, 2, 1], np.int32)

MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Program:
    """The folder of a build, with main and fitted_pixels in it."""

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


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> Program:
    """Built by build.sh with both engines, as the tests need."""
    folder = tmp_path_factory.mktemp("build of main") / "out"
    done = subprocess.run(
        ["bash", ROOT / "ascend310_infer" / "build.sh", folder, "-DWITH_TESTS=ON"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VENV": sys.prefix},
    )
    assert done.returncode == 0, done.stderr
    assert "engine for .onnx: OpenVINO" in done.stdout
    assert "engine for .mindir: MindSpore Lite" in done.stdout
    return Program(folder)


def make_toy(path: Path, batch: int = 2, keep_ratio: bool = True) -> Path:
    """Write an ONNX model that computes what ``compute_toy`` does, and its card."""
    # In a process of its own: onnx and MindSpore want different settings of one protobuf library.
    subprocess.run([sys.executable, ROOT / "tests" / "ascend310_infer" / "toy_model.py", path, str(batch)], check=True)
    make_card(path, batch, keep_ratio)
    return path


def make_card(model: Path, batch: int = 2, keep_ratio: bool = True) -> None:
    """Write the card of a toy model beside the file, whatever is in it."""
    rows = {"boxes": [4], "scores": [], "labels": [], "valid": []}
    kinds = {"boxes": "float32", "scores": "float32", "labels": "int32", "valid": "bool"}
    card = {
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
        "checkpoint": {},
    }
    model.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")


def compute_toy(images: np.ndarray) -> list[np.ndarray]:
    """Three objects: their scores are the mean red, green and blue, and these also move the boxes.

    Args:
        images: uint8 [B, 3, HEIGHT, WIDTH].

    Returns:
        boxes, scores, labels, class probabilities (which the model leaves out) and valid.
    """
    scores = images.astype(np.float32).mean((2, 3)) / np.float32(255)
    boxes = BASE_BOXES[None] + 10 * scores[:, :, None]
    labels = np.repeat(LABELS[None], len(images), 0)
    return [boxes, scores, labels, np.zeros((*scores.shape, len(CLASSES) + 1)), scores > 0.2]


@pytest.fixture(scope="session")
def write_toy():
    """The function that writes a toy model: path, batch, keep_ratio -> path."""
    return make_toy


@pytest.fixture(scope="session")
def write_card():
    """The function that writes the card of a toy model beside a file."""
    return make_card


@pytest.fixture(scope="session")
def toy_network():
    """The toy model in NumPy."""
    return compute_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    """The toy model in batches of two, keeping the ratio."""
    return make_toy(tmp_path_factory.mktemp("toy") / "toy.onnx")


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
