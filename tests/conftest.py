"""A tiny data set, a tiny network and a detector checkpoint of it, shared by the tests of the entry scripts."""

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest
import yaml

from tests.once import once

ROOT = Path(__file__).resolve().parents[1]

_CACHE = tempfile.TemporaryDirectory(prefix="faster_rcnn_ssod-tests-", ignore_cleanup_errors=True)

# Several test processes share a machine: each keeps to one core, because threads of MindSpore that wait spin.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
    # The allocator of run_tests.sh is that of this process. Programs that tests start take theirs as they do for users.
    os.environ.pop("LD_PRELOAD", None)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

# A shell that starts the tests in the background lets them, and the programs that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that tests start find each other's compiled modules, as they do for users.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Networks that are compiled by one test or by a program that it starts are loaded by the others, from a cache of this run of the tests.
if not worker:
    os.environ["XDG_CACHE_HOME"] = _CACHE.name

# Files that processes take first: those that need most memory, before other networks have taken theirs, and then those that take minutes,
# the longest first, so that none is at work for long when the others have nothing left.
FIRST_FILES = (
    "test_torchvision_detections.py",
    "test_golden.py",
    "contracts/test_run.py",
    "scripts/test_signals.py",
    "test_two_processes.py",
    "engine/test_resume.py",
    "test_train.py",
    "ascend310_infer/test_main.py",
    "benchmarks/test_scripts.py",
    "scripts/test_rounds.py",
    "scripts/test_launch_scripts.py",
    "benchmarks/label_efficiency/test_harness.py",
    "scripts/test_labels_that_change.py",
    "scripts/test_real_runs.py",  # long after test_train.py, which leaves the networks in the compile cache
    "test_export.py",
    "test_infer.py",
    "test_network_define.py",
    "contracts/test_network.py",
    "engine/progress/test_forecast.py",
    "benchmarks/label_efficiency/test_practice_set.py",
    "scripts/test_labelling_later.py",
    "engine/health/test_faults.py",
    "semi/test_many_weights.py",
    "scripts/test_recipe_scripts.py",
    "test_eval.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of FIRST_FILES first."""
    order = {ROOT / "tests" / name: number for number, name in enumerate(FIRST_FILES)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is there afterwards, modules and tests, stays to the end: the garbage collector, which runs after each file, skips it."""
    gc.disable()
    result = yield
    gc.enable()
    gc.freeze()
    return result


# The smallest network that still has every part; leaves of configs/ are bigger.
TINY = {
    "img_width": 64,
    "img_height": 64,
    "backbone": "resnet_v1_10",
    "frozen_stages": 0,
    "frozen_batch_norm": False,
    "fpn_out_channels": 16,
    "rcnn_fc_out_channels": 32,
    "anchor_scales": [4],
    "anchors_inside_only": False,
    "num_gts": 8,
    "num_expected_rpn": 32,
    "num_expected_pos": 8,
    "num_expected_total_stage2": 32,
    "num_expected_pos_stage2": 8,
    "rpn_proposal_nms_pre": 20,
    "rpn_proposal_max_num": 30,
    "rpn_nms_pre": 20,
    "rpn_max_num": 30,
    "roi_finest_scale": 14,
    "test_max_per_img": 8,
    "test_batch_size": 2,
    "batch_size": 2,
    "unlabelled_batch_size": 2,
    "max_iter": 4,
    "burn_up_iter": 2,
    "warmup_step": 1,
    "print_interval_iter": 1,
    "save_checkpoint_interval": 2,
    "eval_interval_iter": 0,
}


@pytest.fixture(scope="session", autouse=True)
def device():
    """MindSpore lets a process choose its device only before it computes; programs that run inside a test choose again.

    Before it computes, too, PyNative mode must be told to stay in step with Python: handing each operator to a thread takes
    9 ms instead of 0.2 ms where there is one core only.
    """
    if mindspore := sys.modules.get("mindspore"):
        mindspore.set_device("CPU")
        mindspore.set_context(pynative_synchronize=True)


@pytest.fixture(scope="module", autouse=True)
def free_networks():
    """MindSpore keeps the graphs of cells that nobody uses any more: without this their memory adds up over the files of a process."""
    yield
    if mindspore := sys.modules.get("mindspore"):
        mindspore.ms_memory_recycle()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def pynative():
    """MindSpore runs operator by operator: no time goes into compiling. The mode before comes back after the test."""
    # Imported here, because most tests need no MindSpore.
    import mindspore as ms

    before = ms.get_context("mode")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    yield
    ms.set_context(mode=before)


@pytest.fixture(scope="session")
def mindspore_cache():
    """MindSpore's compile cache of this process; it has one folder, and numbers its files from the first compilation on."""
    # Imported here, because most tests need no MindSpore.
    from src.engine.compile_cache import cached_cells

    return cached_cells._mindspore_cache()


@pytest.fixture
def graphs(mindspore_cache, tmp_path, monkeypatch) -> Path:
    """The folder of the compile cache, which is empty."""
    assert mindspore_cache.works
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "faster_rcnn_ssod" / "graphs"


@dataclass(frozen=True)
class TinyData:
    """Five labelled images, one of them empty, and three unlabelled ones of other sizes, some in a sub-folder.

    Attributes:
        img_dir: holds all eight; train_file: names all, with classes "square" and "circle"; val_file: the labelled ones.
    """

    img_dir: Path
    train_file: Path
    val_file: Path


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> TinyData:
    """See ``TinyData``; read only."""
    folder = tmp_path_factory.mktemp("tiny_data")
    rng = np.random.default_rng(0)
    images, rows = [], []
    for index in range(8):
        width, height = (60, 50) if index < 5 else (50, 90)
        name = f"day {index % 2}/Bild_ä_{index // 2}.png"
        picture = rng.integers(80, 120, (height, width, 3), dtype=np.uint8)
        for count in range(index % 5):
            x, y, side = 5 + 12 * count, 10 + 3 * count, 10
            if count % 2:
                cv2.circle(picture, (x + side // 2, y + side // 2), side // 2, (250, 30, 30), -1)
            else:
                picture[y : y + side, x : x + side] = (30, 250, 30)
            row = {"id": len(rows) + 1, "image_id": 10 + index, "category_id": 4 + count % 2, "iscrowd": 0}
            rows.append(row | {"bbox": [x, y, side, side], "area": side * side})
        file = folder / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        images.append({"id": 10 + index, "file_name": name, "width": width, "height": height})
    categories = [{"id": 4, "name": "square"}, {"id": 5, "name": "circle"}]
    known = {image["id"] for image in images[:5]}
    rows = [row for row in rows if row["image_id"] in known]
    flagged = [image if image["id"] in known else image | {"labelled": False} for image in images]
    data = TinyData(folder / "images", folder / "train.json", folder / "val.json")
    for file, its_images in ((data.train_file, flagged), (data.val_file, images[:5])):
        file.write_text(json.dumps({"images": its_images, "annotations": rows, "categories": categories}))
    return data


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory) -> Path:
    """A config leaf of the tiny network and a run of four steps."""
    path = tmp_path_factory.mktemp("tiny_config") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="session")
def tiny_detector(tmp_path_factory, tiny_config) -> Path:
    """A checkpoint of the tiny network with random weights, for the classes of ``tiny_data``."""

    def make(folder: Path) -> None:
        # Imported here, because most tests need no MindSpore.
        import mindspore as ms

        from src.checkpoint.detector_file import DetectorMetadata, save_detector
        from src.config.load import load_config
        from src.systems import build_network

        ms.set_seed(1)
        config = load_config("", ["--config_path", str(tiny_config)])
        network = build_network(config, class_count=2)
        metadata = DetectorMetadata(config.as_dict(), ["square", "circle"], [4, 5], step=4)
        save_detector(network, folder / "best_model.ckpt", metadata)

    return once(tmp_path_factory, "tiny_detector", make) / "best_model.ckpt"


@pytest.fixture(scope="session")
def exported(tiny_detector, tmp_path_factory) -> dict[str, Path]:
    """``tiny_detector`` exported by export.py for two images at a time: format -> file. ONNX also gives probabilities.

    MINDIR is compared with the checkpoint, and test_export.py compares the formats; the network is compiled once for that.
    """
    formats = {"MINDIR": [], "ONNX": ["--probabilities", "--check", "0"]}

    def make(folder: Path) -> None:
        # Imported here, because most tests need no MindSpore.
        import export

        for file_format, options in formats.items():
            words = ["--checkpoint_path", tiny_detector, "--file_format", file_format]
            words += ["--file_name", folder / file_format / "faces"]
            (folder / file_format).mkdir()
            words += ["--batch_size", "2", "--device_target", "CPU", *options]
            export.main([str(word) for word in words])

    folder = once(tmp_path_factory, "exported", make)
    return {file_format: folder / file_format / f"faces.{file_format.lower()}" for file_format in formats}


@dataclass(frozen=True)
class Scored:
    """What one run of eval.py left: its output folder, and what it printed."""

    folder: Path
    printed: str


@pytest.fixture(scope="session")
def scored(tiny_detector, tiny_data, tmp_path_factory) -> Scored:
    """eval.py, started as a user starts it, with ``tiny_detector`` on the labelled images of ``tiny_data``, without the compile cache."""

    def make(folder: Path) -> None:
        command = [sys.executable, ROOT / "eval.py", "--checkpoint_path", tiny_detector]
        command += ["--eval_img_dir", tiny_data.img_dir, "--eval_ann_file", tiny_data.val_file]
        command += ["--eval_output_dir", folder / "scores", "--device_target", "CPU"]
        command += ["--test_batch_size", "2", "--compile_cache", "false"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, cwd=folder)
        (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")

    folder = once(tmp_path_factory, "scored", make)
    return Scored(folder / "scores", (folder / "printed.txt").read_text(encoding="utf-8"))
