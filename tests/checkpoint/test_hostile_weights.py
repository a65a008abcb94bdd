"""Weight files that are truncated, have flipped bits, or are of another format are read, or refused with an error that names them."""

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mindspore import nn

from src.checkpoint.convert.torch_file import read_state_dict
from src.checkpoint.detector_file import DetectorMetadata, load_detector, read_metadata, save_detector
from src.checkpoint.run_state import StateFiles
from src.checkpoint.weight_file import read_weights
from src.errors import UserError
from tests.hostile import damaged, survives

DATA = Path(__file__).parent / "convert" / "data"
ROOT = Path(__file__).parents[2]
CHEAP = settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def safetensors_bytes() -> bytes:
    return safetensors.numpy.save({"a": np.ones((2, 3), np.float32), "b": np.arange(4, dtype=np.int64)})


def npz_bytes(compressed: bool) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, a=np.ones((2, 3), np.float32), b=np.arange(4))
    return file.getvalue()


FOREIGN = {
    "zip.pth": (DATA / "zip.pth").read_bytes(),
    "stream.pth": (DATA / "stream.pth").read_bytes(),
    "module.pth": (DATA / "module.pth").read_bytes(),
    "a.safetensors": safetensors_bytes(),
}
NPZ = {"plain": npz_bytes(False), "compressed": npz_bytes(True)}


@pytest.mark.parametrize("name", FOREIGN)
@CHEAP
@given(st.data())
def test_weights_of_other_frameworks(tmp_path, name, data):
    weights = survives(read_state_dict, tmp_path / name, data.draw(damaged(FOREIGN[name])))
    assert weights is None or all(isinstance(array, np.ndarray) for array in weights.values())


@pytest.mark.parametrize("kind", NPZ)
@CHEAP
@given(st.data())
def test_arrays_of_numpy(tmp_path, kind, data):
    survives(read_weights, tmp_path / "a.npz", data.draw(damaged(NPZ[kind])))


def test_no_damaged_file_crashes_a_reader():
    """Damaged files of every format, made from seeds, are read under a debugging allocator and a memory limit."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.checkpoint.fuzz_weights", "0", "500"]
    environment = os.environ | {"PYTHONMALLOC": "debug", "GLOG_v": "4"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"status {done.returncode} at seed {done.stdout[-60:]!r}: {done.stderr[-2000:]}"
    ends = json.loads(done.stdout.splitlines()[-1])
    assert sum(ends.values()) == 500
    assert {
        f"{suffix} {end}" for suffix in (".pth", ".ckpt", ".npz", ".safetensors") for end in ("read", "refused")
    } == set(ends)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A detector checkpoint and a run state, each of one small layer."""
    folder = tmp_path_factory.mktemp("good")
    save_detector(nn.Dense(3, 2), folder / "best_model.ckpt", DetectorMetadata({"backbone": "toy"}, ["größe"], [4], 7))
    metadata = {"config": {"batch_size": 2}, "best": None}
    StateFiles(folder / "state.ckpt", folder / "none").write([nn.Dense(3, 2)], metadata)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("name", ["best_model.ckpt", "state.ckpt"])
@CHEAP
@given(st.data())
def test_checkpoints(tmp_path, files, name, data):
    content = data.draw(damaged(files[name]))
    path, layer = tmp_path / name, nn.Dense(3, 2)
    survives(read_metadata, path, content)
    survives(read_weights, path, content)
    state = survives(lambda file: StateFiles(file, tmp_path / "none").read(), path, content)
    assert state is None or json.dumps(state.metadata)
    survives(lambda file: load_detector(layer, file), path, content)
    if state:
        state.restore([layer])


def test_a_detector_checkpoint_is_no_run_state_and_the_reverse(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="is not a detector checkpoint"):
        read_metadata(tmp_path / "state.ckpt")
    with pytest.raises(UserError, match="is a checkpoint, but not the state of a run"):
        StateFiles(tmp_path / "best_model.ckpt", tmp_path / "none").read()


def test_a_disk_that_gets_full_while_a_checkpoint_is_written_leaves_the_old_one(tmp_path):
    path, metadata = tmp_path / "model_0.ckpt", DetectorMetadata({}, ["a"], [1], 1)
    save_detector(nn.Dense(3, 2), path, metadata)
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so a write beyond the limit raises an OSError.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"model_0\.ckpt: cannot be written"):
            save_detector(nn.Dense(300, 300), path, metadata)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
