"""Two processes on a CPU, started by the launch script, take the steps that one process takes with the doubled batch, in both phases.

They differ in the order in which gradients are added up, so they agree to the rounding of float32, not to the bit. Batch norm
is frozen: a trained one takes its statistics from the images of one process, so there the batch on a process matters.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

import train as training_script
from src.config.load import load_config
from src.systems import build_network

ROOT = Path(__file__).resolve().parents[1]
STEPS, BURN_IN = 6, 3
SETTINGS = {
    "frozen_stages": 2,
    "frozen_batch_norm": "true",
    "max_iter": STEPS,
    "burn_up_iter": BURN_IN,
    "bbox_threshold": 0.1,
    "save_checkpoint_interval": 1,
    "keep_checkpoint_max": STEPS,
}


@dataclass(frozen=True)
class Runs:
    """Folders of a run with 2 + 2 images a step in one process, and with 1 + 1 in each of two; `losses`: [rank, step]."""

    one: Path
    two: Path
    losses: np.ndarray


def backbone_weights(words: list[str], path: Path) -> None:
    """A file of backbone weights with batch norm statistics that are not 0 and 1."""
    ms.set_seed(3)
    rng = np.random.default_rng(3)
    rows = {row.name: row.asnumpy() for row in build_network(load_config("", words), class_count=2).get_parameters()}
    for name, values in rows.items():
        if name.endswith(("moving_mean", "moving_variance", "gamma", "beta")):
            rows[name] = values + rng.uniform(0.0, 0.3, values.shape).astype(np.float32)
    np.savez(path, **{name: values for name, values in rows.items() if name.startswith("backbone.")})


@pytest.fixture(scope="module")
def runs(tiny_data, tiny_config, tmp_path_factory) -> Runs:
    """See ``Runs``; read only."""
    folder = tmp_path_factory.mktemp("processes")
    words = ["--config_path", str(tiny_config)]
    words += [word for key, value in SETTINGS.items() for word in (f"--{key}", str(value))]
    backbone_weights(words, folder / "backbone.npz")
    words += ["--pre_trained", str(folder / "backbone.npz")]

    def batch(images: int) -> list[str]:
        return ["--batch_size", str(images), "--unlabelled_batch_size", str(images)]

    data = ["--train_img_dir", str(tiny_data.img_dir), "--train_ann_file", str(tiny_data.train_file)]
    training_script.main([*words, *batch(2), *data, "--save_checkpoint_path", str(folder / "one")])
    launcher = ["bash", str(ROOT / "scripts" / "run_distribute_train_model_cpu.sh")]
    launcher += [str(tiny_data.img_dir), str(tiny_data.train_file), str(folder / "two")]
    environment = {**os.environ, "VENV": sys.prefix, "DEVICE_NUM": "2"}
    done = subprocess.run(
        [*launcher, *words, *batch(1)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    logs = folder / "two" / "worker_logs"
    said = [(logs / f"worker_{rank}.log").read_text(encoding="utf-8") for rank in (0, 1)]
    losses = [re.findall(rf"rank_id:{rank}, step: \d+, avg loss: (\S+),", log) for rank, log in enumerate(said)]
    return Runs(folder / "one", folder / "two", np.array(losses, np.float64))


def weights(path: Path) -> dict[str, np.ndarray]:
    """Numbers of a weight or state file by name."""
    return {name: row.asnumpy() for name, row in ms.load_checkpoint(str(path)).items() if name != "card"}


def test_the_mean_loss_of_two_is_the_loss_of_one_at_every_step(runs):
    rows = [json.loads(line) for line in (runs.one / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "loss" in row]
    one = np.array([row["loss"] for row in rows])
    assert runs.losses.shape == (2, STEPS) and one.shape == (STEPS,)
    assert (np.abs(runs.losses[0] - runs.losses[1]) > 1e-3).all()  # each process has images of its own
    np.testing.assert_allclose(runs.losses.mean(0), one, rtol=3e-5, atol=2e-5)  # the log rounds to 1e-5
    assert all(row["pseudo_boxes"] > 0 for row in rows[BURN_IN:])


@pytest.mark.parametrize("step", range(2, STEPS + 1))
def test_each_step_moves_the_same_weights_by_as_much(runs, step):
    """Measured against the movement of each tensor, since most weights hardly move in one step.

    From the second step of the teacher on, a proposal or a sample may fall on the other side of a threshold by rounding, so
    there a tensor may differ by more than rounding, and most may not.
    """
    start, one, two = (
        weights(folder / f"model_step_{number}.ckpt")
        for folder, number in ((runs.one, step - 1), (runs.one, step), (runs.two, step))
    )
    assert start.keys() == one.keys() == two.keys()
    moved = {key: np.linalg.norm(one[key] - start[key]) for key in one}
    apart = [np.linalg.norm(two[key] - one[key]) / moved[key] for key in one if moved[key] > 0]
    assert len(apart) > 40
    assert np.median(apart) < 1e-3 and max(apart) < (1e-3 if step <= BURN_IN + 1 else 2e-2)
    for key in one:
        if moved[key] == 0:
            assert np.array_equal(one[key], two[key]), key


def test_the_teachers_agree_and_nothing_is_missing_in_the_state(runs):
    assert (runs.two / "model_0.ckpt").is_file()
    name = f"teacher_model_step_{STEPS}.ckpt"
    one, two = weights(runs.one / name), weights(runs.two / name)
    for key, values in one.items():
        np.testing.assert_allclose(two[key], values, rtol=1e-3, atol=1e-4, err_msg=key)
    assert weights(runs.one / "state.ckpt").keys() == weights(runs.two / "state.ckpt").keys()
