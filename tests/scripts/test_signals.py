"""Signals and killed processes at the launch scripts: a run ends soon, says why, leaves no process, and goes on with --resume.

With a toy in place of the network where nothing has to compile; several devices are two real ranks.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import mindspore as ms
import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 30  # seconds to the end of the job, from the death of a process or from when rank 0 has saved
PATIENCE = 600  # seconds for rank 0 to finish its step; it takes less than one where nothing else runs
SETTINGS = ["--max_iter", "40", "--burn_up_iter", "40", "--save_checkpoint_interval", "40"]
CAUSES = {  # by the status of the launch script
    128 + signal.SIGINT: "SIGINT (Ctrl-C)",
    128 + signal.SIGTERM: "SIGTERM",
    128 + signal.SIGHUP: "SIGHUP (the terminal was closed)",
    -signal.SIGKILL: "SIGTERM or Ctrl-C",  # the launch script cannot say which any more
}
SAVED = "everything is saved, resume with\n"
COMPILES = "the first step compiles"
TRAINS = ("avg loss:", "the network is compiled")  # of a new run, of a resumed one
# Programs start others by sys.executable, so that it must be this one in each of them.
TOY = """#!{python}
import os, sys
START = (
    "import os, runpy, sys; sys.executable = " + repr(sys.argv[0]) + "; del sys.argv[0]; "
    "sys.path[0] = os.path.dirname(sys.argv[0]); runpy.run_path(sys.argv[0], run_name='__main__')"
)
if sys.argv[1].endswith("/train.py"):
    sys.path.insert(0, {folder!r})
    import gc
    gc.disable()  # as in train.py, until main
    import toy_run
    toy_run.loop.take_step = toy_run.slow(toy_run.loop.take_step, 0.05)  # a rank that others wait for has the processor
    toy_run.train_toy(sys.argv[2:])
elif sys.argv[1].startswith("-"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
else:
    os.execv({python!r}, [{python!r}, "-c", START, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Started:
    """A run on a terminal of its own.

    Attributes:
        process: of the launch script; terminal: our end of the terminal; output: folder of the run.
        mark: the variable TEST_JOB of all processes of the run.
        log_before: length of the log when it was started.
    """

    process: subprocess.Popen
    terminal: FileIO
    output: Path
    mark: str
    log_before: int

    def said(self) -> str:
        """What it printed so far."""
        console = self.output / "console.log"
        return console.read_text(encoding="utf-8") if console.exists() else ""

    def logged(self) -> str:
        """What the log has of it so far: on a terminal, steps are one line that changes, and in the log only."""
        log = self.output / "log.txt"
        return log.read_text(encoding="utf-8")[self.log_before :] if log.exists() else ""

    def is_running(self) -> bool:
        """Look at the terminal, which has room for a few lines only; False when the launch script has ended."""
        if not self.terminal.closed:
            with contextlib.suppress(OSError):
                self.terminal.read(1 << 16)
        time.sleep(0.05)
        return self.process.poll() is None

    def wait_for(self, text: str) -> None:
        """Wait until it has printed a text."""
        while text not in self.said():
            assert self.is_running(), self.said()

    def wait_for_step(self, *texts: str, before: int = 0) -> None:
        """Wait until one of the texts is in its log, from a place on."""
        while not any(text in self.logged()[before:] for text in texts):
            assert self.is_running(), self.said()

    def wait_for_ranks(self) -> None:
        """Wait until each of several ranks trains; those of the toy do not wait for each other."""
        self.wait_for_step(*TRAINS)
        while not any(text in self.worker_log(1) for text in TRAINS):
            assert self.is_running(), self.said()

    def worker_log(self, rank: int) -> str:
        """What a rank has printed in this start; each start has a folder of its own."""
        logs = sorted(self.output.glob(f"worker_logs*/worker_{rank}.log"), key=os.path.getmtime)
        return logs[-1].read_text(encoding="utf-8") if logs else ""

    def wait_until_saved(self, before: int = 0) -> None:
        """Wait until it has said so, from a place on; the launch script need not be there."""
        deadline = time.monotonic() + PATIENCE
        while SAVED not in self.said()[before:]:
            self.is_running()
            assert time.monotonic() < deadline, self.said()

    def processes(self) -> dict[str, int]:
        """Process numbers of the job: of "rank 0", "rank 1" and the "scheduler", and others by their number."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended
                continue
            environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            if environment.get("TEST_JOB") == self.mark:
                found[name_of(words, environment) or folder.name] = int(folder.name)
        return found

    def check_end(self, status: int) -> str:
        """It ends in time, with a status, and no process is left; returns what it printed."""
        deadline = time.monotonic() + LIMIT
        while self.is_running():
            assert time.monotonic() < deadline, self.said()
        assert self.process.returncode == status, self.said()
        # A launch script that was killed cannot wait for the others.
        deadline = deadline if status == -signal.SIGKILL else time.monotonic() + 2
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)
        return self.said()


def name_of(words: list[str], environment: dict[str, str]) -> str | None:
    """Which process of a job of several devices it is."""
    programs = words[1:3]  # a toy has the stand-in for Python before it
    if not any(word.endswith("/train.py") for word in programs) or "MS_ROLE" not in environment:
        return None
    return "scheduler" if environment["MS_ROLE"] == "MS_SCHED" else f"rank {environment['RANK_ID']}"


def press_ctrl_c(job: Started) -> None:
    """Let the terminal send SIGINT to its foreground."""
    job.terminal.write(b"\x03")


def close_terminal(job: Started) -> None:
    """As closing its window does."""
    job.terminal.close()


def send(number: signal.Signals) -> Callable[[Started], None]:
    """As `kill` does with the launch script."""
    return lambda job: job.process.send_signal(number)


def stop_everything(job: Started) -> None:
    """As systemd and other job schedulers do."""
    for number in job.processes().values():
        os.kill(number, signal.SIGTERM)


@pytest.fixture
def start(tmp_path, tiny_data, tiny_config):
    """A function that starts a command with a run into a folder; what is left of it is killed after the test."""
    jobs = []

    def start(command: list[str], *words: str, ignored: str = "", **variables: str) -> Started:
        output, mark = tmp_path / "run", uuid.uuid4().hex
        log = output / "log.txt"
        log_before = len(log.read_text(encoding="utf-8")) if log.exists() else 0
        signals = ["--default-signal=INT,HUP", *([f"--ignore-signal={ignored}"] if ignored else [])]
        names = {"IMAGES": tiny_data.img_dir, "ANN": tiny_data.train_file, "OUTPUT": output}
        command = [str(names.get(word, word)) for word in command]
        settings = ["--config_path", str(tiny_config), *SETTINGS, *words]
        environment = {**os.environ, "VENV": sys.prefix, "DEVICE_NUM": "2", "TEST_JOB": mark, **variables}
        ours, its = os.openpty()
        os.set_blocking(ours, False)
        process = subprocess.Popen(
            ["setsid", "--ctty", "env", *signals, *command, *settings],
            env=environment,
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        jobs.append(Started(process, FileIO(ours, "r+"), output, mark, log_before))
        return jobs[-1]

    yield start
    for job in jobs:
        for number in job.processes().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        job.process.wait()
        job.terminal.close()


SEVERAL = ["bash", str(ROOT / "scripts" / "run_distribute_train_model_cpu.sh"), "IMAGES", "ANN", "OUTPUT"]
ONE = ["bash", str(ROOT / "scripts" / "run_standalone_train_model.sh"), "CPU", "0", "IMAGES", "ANN", "OUTPUT"]
ENDLESS = ("--max_iter", "1000000", "--burn_up_iter", "1000000")


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> dict[str, str]:
    """Variables by which the launch scripts train a toy network."""
    python = tmp_path_factory.mktemp("toy") / "bin" / "python"
    python.parent.mkdir()
    python.write_text(TOY.format(python=sys.executable, folder=str(ROOT / "tests" / "engine")))
    python.chmod(0o755)
    return {"VENV": str(python.parents[1])}


def step_of(folder: Path) -> int:
    """Steps done when the newest state was written."""
    return int(ms.load_checkpoint(str(folder / "state.ckpt"))["run.step"].asnumpy())


def test_several_devices_save_at_every_signal_and_go_on(start, toy):
    steps, said = [0], ""

    def stop(how: Callable[[Started], None], status: int) -> None:
        nonlocal said
        before = len(said)
        job = start(SEVERAL, *ENDLESS, *(("--resume", "true") if said else ()), **toy)
        job.wait_for_ranks()
        assert job.processes().keys() >= {"rank 0", "rank 1", "scheduler"}
        how(job)
        job.wait_until_saved(before)
        said = job.check_end(status)
        steps.append(step_of(job.output))
        assert f"stopped by {CAUSES[status]} after step {steps[-1]} of 1000000; {SAVED}" in said[before:]
        assert said.endswith("--resume\n") and "error" not in said and "Traceback" not in said

    stop(press_ctrl_c, 128 + signal.SIGINT)
    stop(send(signal.SIGTERM), 128 + signal.SIGTERM)
    stop(close_terminal, 128 + signal.SIGHUP)
    stop(stop_everything, 128 + signal.SIGTERM)
    stop(send(signal.SIGKILL), -signal.SIGKILL)
    assert steps == sorted(set(steps)), "each start goes on where the one before has saved"


@pytest.mark.parametrize("name", ["rank 1", "scheduler"])
def test_a_process_that_is_killed_ends_the_job_which_names_it_and_its_log(start, toy, name):
    job = start(SEVERAL, *ENDLESS, **toy)
    job.wait_for_ranks()
    os.kill(job.processes()[name], signal.SIGKILL)
    said = job.check_end(1)
    log = job.output / "worker_logs" / ("scheduler.log" if name == "scheduler" else f"worker_{name[-1]}.log")
    who = "the scheduler" if name == "scheduler" else name
    assert re.findall("^error: .*", said, re.MULTILINE) == [
        f"error: {who} was killed by signal 9 (Killed); its log is {log}"
    ]
    assert log.is_file() and "--resume continues from the last checkpoint" in said.splitlines()[-1]


def test_a_rank_that_is_killed_while_all_compile_ends_the_job(start):
    job = start(SEVERAL)
    job.wait_for(COMPILES)
    os.kill(job.processes()["rank 1"], signal.SIGKILL)
    assert "error: rank 1 was killed by signal 9 (Killed); its log is " in job.check_end(1)


def test_a_second_signal_ends_ranks_at_once_that_compile(start):
    job = start(SEVERAL)
    job.wait_for(COMPILES)
    press_ctrl_c(job)
    time.sleep(3.0)
    assert job.processes().keys() >= {"rank 0", "rank 1"}, "rank 0 finishes its step first"
    press_ctrl_c(job)
    job.check_end(128 + signal.SIGINT)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        pytest.param(press_ctrl_c, 128 + signal.SIGINT, id="Ctrl-C"),
        pytest.param(send(signal.SIGTERM), 128 + signal.SIGTERM, id="SIGTERM"),
        pytest.param(close_terminal, 128 + signal.SIGHUP, id="terminal closed"),
        pytest.param(stop_everything, 128 + signal.SIGTERM, id="SIGTERM everywhere"),
    ],
)
def test_one_device_saves_at_every_signal(start, toy, how, status):
    job = start(ONE, *ENDLESS, **toy)
    job.wait_for_step(*TRAINS)
    how(job)
    said = job.check_end(status)
    told = re.findall(rf"stopped by {re.escape(CAUSES[status])} after step (\d+) of 1000000; {SAVED}", said)
    assert told == [str(step_of(job.output))] and said.endswith("--resume\n")


def test_under_nohup_a_run_outlives_its_terminal(start, toy):
    job = start(ONE, *ENDLESS, ignored="HUP", **toy)
    job.wait_for_step(*TRAINS)
    close_terminal(job)
    time.sleep(0.5)
    job.wait_for_step("avg loss", before=len(job.logged()))
    job.process.send_signal(signal.SIGTERM)
    assert job.check_end(128 + signal.SIGTERM).endswith("--resume\n")
