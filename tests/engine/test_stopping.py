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
ASKED = """
import os, signal
from src.engine.stopping import StopRequest
with StopRequest(0) as stop:
    for name in {names}:
        os.kill(os.getpid(), signal.Signals[name])
        print(stop.requested and stop.requested.name, flush=True)
"""


def asked_by(*names: str, ignored: str = "") -> tuple[int, list[str]]:
    """Status of a process that sends itself these signals, and what it was asked by after each."""
    signals = ["env", "--default-signal=INT,HUP", *([f"--ignore-signal={ignored}"] if ignored else [])]
    words = [*signals, sys.executable, "-c", ASKED.format(names=names)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_what_listened_before_listens_again(number):
    before = [signal.signal(other, signal.SIG_DFL) for other in SIGNALS]
    with StopRequest(0) as stop:
        assert stop.requested is None
        os.kill(os.getpid(), number)
        assert stop.requested == number
    assert [signal.getsignal(other) for other in SIGNALS] == [signal.SIG_DFL] * 3
    for other, handler in zip(SIGNALS, before, strict=True):
        signal.signal(other, handler)


@pytest.mark.parametrize("names", [("SIGTERM", "SIGTERM", "SIGHUP"), ("SIGHUP", "SIGTERM"), ("SIGINT", "SIGTERM")])
def test_several_signals_of_one_cause_are_one_request(names):
    assert asked_by(*names) == (0, [names[0]] * len(names))


@pytest.mark.parametrize("names", [("SIGINT", "SIGINT"), ("SIGTERM", "SIGINT", "SIGINT")])
def test_the_second_ctrl_c_ends_the_process_at_once(names):
    assert asked_by(*names) == (-signal.SIGINT, [names[0]] * (len(names) - 1))


def test_a_run_under_nohup_outlives_its_terminal():
    assert asked_by("SIGHUP", "SIGTERM", ignored="HUP") == (0, ["None", "SIGTERM"])


@pytest.mark.parametrize(
    ("sent", "script", "cause"),
    [
        ("SIGTERM", None, "SIGTERM or Ctrl-C"),  # while MindSpore computes, Ctrl-C arrives as SIGTERM
        ("SIGINT", None, "SIGINT (Ctrl-C)"),
        ("SIGHUP", None, "SIGHUP (the terminal was closed)"),
        ("SIGTERM", "", "SIGTERM or Ctrl-C"),
        ("SIGTERM", "SIGINT\n", "SIGINT (Ctrl-C)"),
        ("SIGTERM", "SIGTERM\n", "SIGTERM"),
        ("SIGTERM", "SIGHUP\n", "SIGHUP (the terminal was closed)"),
    ],
)
def test_the_cause_is_what_the_launch_script_received(sent, script, cause, tmp_path, monkeypatch):
    file = tmp_path / "signal"
    monkeypatch.setenv("STOP_SIGNAL_FILE", str(file))
    if script is not None:
        file.write_text(script)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and then stops nothing
    with StopRequest(0) as stop:
        os.kill(os.getpid(), signal.Signals[sent])
        assert stop.cause() == cause
    signal.signal(signal.SIGHUP, ignored)


BUSY = """
import hashlib, os
from src.engine.stopping import StopRequest
with StopRequest({rank}) as stop:
    os.system(f"(sleep 0.2; kill -TERM {{os.getpid()}}) &")
    hashlib.pbkdf2_hmac("sha256", b"", b"", 6_000_000)  # seconds in one call, as MindSpore compiles
    print("computed", flush=True)
    print(stop.requested.name if stop.requested else None, flush=True)
"""


@pytest.mark.parametrize(
    ("rank", "wanted"),
    [(0, ["stop requested (Ctrl-C or SIGTERM): the run saves and", "computed", "SIGTERM"]), (1, ["computed", "None"])],
)
def test_a_request_is_answered_at_once_while_one_call_computes(rank, wanted):
    words = [sys.executable, "-c", BUSY.format(rank=rank)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(wanted) and all(line.startswith(words) for line, words in zip(lines, wanted, strict=True))


def test_other_ranks_leave_stopping_to_rank_0():
    with StopRequest(1) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested is None


def test_the_command_to_go_on_with(monkeypatch, tmp_path):
    place = tmp_path / "my data"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["/opt/my product/train.py", "--base_lr", "0.1"])
    config, folder = load_config("", []), RunFolder("runs/größe 1")
    told = resume_command(config, folder)
    command = f"{sys.executable} '/opt/my product/train.py' --config_path 'runs/größe 1/config.yaml' --resume"
    assert told == f"cd '{place}' && {command}", (
        "relative paths in the settings are seen from where the run was started"
    )
    place.rmdir()
    assert resume_command(config, folder) == command, "a folder that was removed"
    several = resume_command(replace(config, run_distribute=True), folder)
    assert several.endswith("train.py with --config_path 'runs/größe 1/config.yaml' --resume")
