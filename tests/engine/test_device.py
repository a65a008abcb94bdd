"""Devices: what is there is set up, what is not is named in one line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import pytest

from src.config.load import load_config
from src.engine.device import Device, _limit_threads, broadcast_from_rank_0, set_up_device
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("pynative")


def set_up(*words: object, distribute: bool = False) -> Device:
    """With these words of the command line."""
    return set_up_device(load_config("", list(map(str, words))), distribute)


def test_the_cpu_alone_computes_in_float32_graphs():
    assert set_up() == Device(0, 1, False)
    assert ms.get_context("mode") == ms.GRAPH_MODE
    assert set_up("--mixed_precision", "true").mixed_precision is True
    assert set_up("--mixed_precision", "false").mixed_precision is False


def test_operators_get_as_many_threads_as_the_process_has_cores(monkeypatch):
    asked = []
    monkeypatch.setattr(ms.device_context.cpu.op_tuning, "threads_num", asked.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7, 9})
    _limit_threads.cache_clear()
    for _ in range(2):
        set_up()
    assert asked == [3]  # once: MindSpore refuses a second time


def test_threads_that_somebody_chose_before_stay():
    for _ in range(2):
        _limit_threads.cache_clear()
        set_up()
    with pytest.raises(RuntimeError, match="repeatedly"):
        ms.device_context.cpu.op_tuning.threads_num(1)


@pytest.mark.parametrize("target", ["GPU", "Ascend"])
def test_a_device_that_is_not_there_is_named_in_one_line(target):
    with pytest.raises(UserError, match=rf"^device_target: no usable {target} device 2 on this machine \(") as raised:
        set_up("--device_target", target, "--device_id", 2)
    assert "\n" not in str(raised.value)
    assert set_up().count == 1


def test_several_processes_need_msrun(monkeypatch):
    for name in ("MS_WORKER_NUM", "RANK_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="run_distribute: start the run through msrun"):
        set_up(distribute=True)


def test_the_seed_decides_fresh_weights():
    def fresh():
        set_up("--global_seed", 5)
        return ms.nn.Dense(3, 3).weight.asnumpy()

    assert (fresh() == fresh()).all()


def test_what_rank_0_has_is_known_to_all(tmp_path):
    assert broadcast_from_rank_0(0.25, Device(0, 1, False)) == 0.25
    (tmp_path / "ask.py").write_text(
        "from src.config.load import load_config\n"
        "from src.engine.device import broadcast_from_rank_0, set_up_device\n"
        "device = set_up_device(load_config('', []), distribute=True)\n"
        "print('asked', device.rank, [broadcast_from_rank_0(value + device.rank, device) for value in (2.0, 0.5)])\n"
    )
    with socket.socket() as found:
        found.bind(("", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "mindspore.parallel.cluster.run", "--worker_num=2", "--local_worker_num=2"]
    command += [f"--master_port={port}", f"--log_dir={tmp_path}", "--join=True", str(tmp_path / "ask.py")]
    # msrun starts `python`
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    # Its status is not looked at: threads of MindSpore that still start when a process ends at once may crash it then (1 of 4 times).
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | paths, check=False, capture_output=True, text=True, timeout=300
    )
    said = [(tmp_path / f"worker_{rank}.log").read_text(encoding="utf-8") for rank in (0, 1)]
    assert all(f"asked {rank} [2.0, 0.5]" in said[rank] for rank in (0, 1)), done.stdout + done.stderr
