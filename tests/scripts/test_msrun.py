"""_msrun.py: when a job ends, with which status and words. Its processes are shell commands here; real ranks in test_signals.py."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
AFTERWARDS = "while [ ! -e ready ]; do sleep 0.1; done; sleep 0.3"  # when a job was asked to stop


@pytest.fixture
def msrun(monkeypatch) -> ModuleType:
    """The program as a module, with little patience."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    module = importlib.import_module("_msrun")
    monkeypatch.setattr(module, "GRACE", 1.0)
    monkeypatch.setattr(module, "SHUTDOWN", 0.2)
    return module


class Asked:
    """A request to stop, from when there is a file on."""

    def __init__(self, ready: Path) -> None:
        self.ready = ready

    @property
    def requested(self) -> signal.Signals | None:
        """See ``StopRequest``."""
        return signal.SIGTERM if self.ready.exists() else None

    def cause(self) -> str:
        """See ``StopRequest``."""
        return "SIGINT (Ctrl-C)"


def watched(
    msrun: ModuleType, folder: Path, *ranks: str, scheduler: str = "sleep 60", asked: bool = False, late: bool = False
) -> int:
    """Status of a job whose processes are these shell commands.

    Args:
        asked: to stop, once a command has made the file "ready"; late: the ranks have ended before anybody looks.
    """

    def member(name: str, command: str, log: str) -> object:
        with (folder / log).open("w") as output:
            process = subprocess.Popen(
                ["sh", "-c", command],
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=name != "the scheduler",
            )
        return msrun.Member(name, process, folder / log)

    members = [member(f"rank {rank}", command, f"worker_{rank}.log") for rank, command in enumerate(ranks)]
    job = msrun.Job(members, member("the scheduler", scheduler, "scheduler.log"))
    for rank in members if late else ():
        os.waitid(os.P_PID, rank.process.pid, os.WEXITED | os.WNOWAIT)
    try:
        with members[0].log.open("rb") as console:
            return msrun.watch(job, Asked(folder / "ready") if asked else SimpleNamespace(requested=None), console)
    finally:
        job.kill()
        assert all(member.process.returncode is not None for member in (*job.ranks, job.scheduler))


def test_a_job_is_over_when_all_ranks_are(msrun, tmp_path, capfdbinary):
    started = time.monotonic()
    assert watched(msrun, tmp_path, "echo one; sleep 0.5; echo two", "sleep 0.7") == 0
    assert capfdbinary.readouterr().out == b"one\ntwo\n"
    assert 0.7 <= time.monotonic() - started < 10, "the scheduler is not waited for"


def test_the_end_of_the_log_of_a_failed_rank_is_shown(msrun, tmp_path, capfd):
    lines = "for line in 1 2 3 4 5 6; do echo line $line; done; exit 3"
    assert watched(msrun, tmp_path, "sleep 0.5; echo I miss rank 1; sleep 60", lines) == 1
    log = tmp_path / "worker_1.log"
    assert capfd.readouterr().out.splitlines() == [
        "I miss rank 1",
        f"error: rank 1 exited with status 3; its log is {log}",
        *(f"  line {number}" for number in range(2, 7)),
        "the other processes were killed; the same command with --resume continues from the last checkpoint",
    ]


def test_nothing_is_missed_when_all_ranks_end_together(msrun, tmp_path, capfd):
    assert watched(msrun, tmp_path, "exit 0", "exit 3", late=True) == 1
    assert "error: rank 1 exited with status 3" in capfd.readouterr().out
    assert watched(msrun, tmp_path, "echo saved; exit 143", "exit 0", late=True) == 143
    assert watched(msrun, tmp_path, "echo trained", "exit 0", scheduler="exit 1", late=True) == 0
    assert capfd.readouterr().out == "saved\ntrained\n"


def test_a_mistake_of_the_user_is_shown_once(msrun, tmp_path, capfd):
    mistake = "echo error: no such file; exit 2"
    assert watched(msrun, tmp_path, f"sleep 0.3; {mistake}", mistake) == 1
    log = tmp_path / "worker_1.log"
    assert capfd.readouterr().out == f"error: no such file\nerror: rank 1 exited with status 2; its log is {log}\n"


@pytest.mark.parametrize(
    ("name", "log", "commands"),
    [
        ("the scheduler", "scheduler.log", ("sleep 60", "sleep 60", "kill -KILL $$")),
        ("rank 0", "worker_0.log", ("kill -KILL $$", "sleep 60", "sleep 60")),
    ],
    ids=["scheduler", "rank 0"],
)
def test_a_process_that_is_killed_ends_the_job(msrun, tmp_path, capfd, name, log, commands):
    *ranks, scheduler = commands
    assert watched(msrun, tmp_path, *ranks, scheduler=scheduler) == 1
    told = capfd.readouterr().out
    assert f"error: {name} was killed by signal 9 (Killed); its log is {tmp_path / log}" in told and "dmesg" in told


@pytest.mark.parametrize("status", [128 + signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGHUP])
def test_rank_0_that_has_left_after_saving_ends_the_others(msrun, tmp_path, capfd, status):
    assert watched(msrun, tmp_path, f"exit {status}", "sleep 60") == status
    assert capfd.readouterr().out == ""


def test_a_request_reaches_rank_0_alone_which_may_take_its_time(msrun, tmp_path, capfd):
    saving = "trap 'sleep 1; echo saved; exit 143' TERM; touch ready; while true; do sleep 0.1; done"
    assert (
        watched(
            msrun, tmp_path, saving, "trap 'echo heard' TERM; sleep 60", scheduler=f"{AFTERWARDS}; exit 1", asked=True
        )
        == 143
    )
    assert capfd.readouterr().out == "saved\n"
    assert (tmp_path / "worker_1.log").read_text() == ""


def test_a_request_before_the_first_step_ends_the_job(msrun, tmp_path, capfd):
    assert watched(msrun, tmp_path, "touch ready; exec sleep 60", "exec sleep 60", asked=True) == 128 + signal.SIGTERM
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("rank_0", "said"),
    [
        ("trap 'sleep 0.3; echo saved; exit 143' TERM; touch ready; while true; do sleep 0.1; done", "saved\n"),
        (
            "trap '' TERM; touch ready; while true; do sleep 0.1; done",
            "stopped by SIGINT (Ctrl-C) before the first step: there was nothing to save\n",
        ),
    ],
    ids=["trains", "waits for rank 1"],
)
def test_a_rank_that_a_request_ended_while_it_started_has_not_failed(msrun, tmp_path, capfd, rank_0, said):
    assert watched(msrun, tmp_path, rank_0, f"{AFTERWARDS}; kill -TERM $$", asked=True) == 128 + signal.SIGTERM
    assert capfd.readouterr().out == said


def test_a_rank_that_was_ended_without_a_request_has_failed(msrun, tmp_path, capfd):
    assert watched(msrun, tmp_path, "sleep 60", "kill -TERM $$") == 1
    assert "error: rank 1 was killed by signal 15 (Terminated); its log is" in capfd.readouterr().out


def test_no_rank_outlives_a_launcher_that_is_killed(tmp_path):
    rank = tmp_path / "rank.py"
    rank.write_text("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    words = ["--worker_num=2", "--local_worker_num=2", f"--log_dir={tmp_path}", str(rank)]
    launcher = subprocess.Popen([sys.executable, str(ROOT / "scripts" / "_msrun.py"), *words], env=environment)
    logs = [tmp_path / name for name in ("worker_0.log", "worker_1.log", "scheduler.log")]
    while not all(log.exists() and log.read_text().endswith("\n") for log in logs):
        assert launcher.poll() is None
        time.sleep(0.05)
    numbers = [int(log.read_text()) for log in logs]
    launcher.kill()
    launcher.wait()
    deadline = time.monotonic() + 10
    while any(is_running(number) for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(number: int) -> bool:
    """Whether there is a process of this number; one that has ended may wait for its parent to look."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
