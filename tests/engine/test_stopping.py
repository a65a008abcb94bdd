"""A signal asks a run to stop; the second one does not ask."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src.checkpoint.run_folder import RunFolder
from src.config.load import load_config
from src.engine.stopping import SIGNALS, StopRequest, resume_command

ROOT = Path(__file__).resolve().parents[2]
STUBBORN = """
import os, signal, time
from src.engine.stopping import StopRequest
with StopRequest(0) as stop:
    os.kill(os.getpid(), signal.{})
    print(stop.asked.name, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_what_listened_before_listens_again(number):
    before = [signal.getsignal(other) for other in SIGNALS]
    with StopRequest(0) as stop:
        assert stop.asked is None
        os.kill(os.getpid(), number)
        assert stop.asked == number
    assert [signal.getsignal(other) for other in SIGNALS] == before


@pytest.mark.parametrize("first", ["SIGTERM", "SIGINT"])
def test_the_second_signal_ends_the_process_at_once(first):
    words = [sys.executable, "-c", STUBBORN.format(first)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, f"{first}\n")


def test_other_ranks_leave_stopping_to_rank_0():
    with StopRequest(1) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked is None


def test_the_command_to_go_on_with(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/my product/train.py", "--base_lr", "0.1"])
    config, folder = load_config("", []), RunFolder("runs/größe 1")
    told = resume_command(config, folder)
    assert told == f"{sys.executable} '/opt/my product/train.py' --config_path 'runs/größe 1/config.yaml' --resume"
    several = resume_command(replace(config, run_distribute=True), folder)
    assert several.endswith("train.py with --config_path 'runs/größe 1/config.yaml' --resume")
