"""msrun that monitors its processes: `_msrun.py OPTION ... PROGRAM [ARGUMENT ...]`, with the options of msrun except --join.

`msrun --join` of MindSpore 2.8.0 waits for its scheduler after a rank has exited, and the scheduler waits MS_NODE_TIMEOUT seconds
for that rank. Here the job ends when any of its processes fails, with an error that names the process. A stop request goes to rank 0 alone,
which saves and exits; then the others are killed. The log of rank 0 is copied to stdout.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from _rank import end_with_parent

from src.engine.stopping import SIGNALS, StopRequest

POLL = 0.1  # seconds
GRACE = 5.0  # seconds for the other processes to exit with their own messages after one has failed
SHUTDOWN = 20.0  # seconds for the scheduler to exit after all ranks
SHOWN_LINES = 5  # of the log of a failed process


@dataclass(frozen=True)
class Member:
    """A process of the job, and its log file."""

    name: str
    process: subprocess.Popen
    log: Path

    def has_failed(self) -> bool:
        """Whether it has exited with a status other than 0."""
        return self.process.poll() not in (None, 0)

    def exit_message(self) -> str:
        """How it exited."""
        status = self.process.returncode
        if status < 0:
            return f"was killed by signal {-status} ({signal.strsignal(-status)})"
        return f"exited with status {status}"

    def last_lines(self) -> list[str]:
        """The last lines of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LINES:]


@dataclass(frozen=True)
class Job:
    """The processes of msrun: the ranks in order, and the scheduler, by which they find each other."""

    ranks: list[Member]
    scheduler: Member

    def is_over(self) -> bool:
        """Whether all ranks have exited."""
        return all(rank.process.poll() is not None for rank in self.ranks)

    def kill(self) -> None:
        """Kill all processes that still run."""
        for rank in self.ranks:
            # The process group, which msrun creates, because a rank may have started a compiler.
            with contextlib.suppress(OSError):
                os.killpg(rank.process.pid, signal.SIGKILL)
        self.scheduler.process.kill()
        for member in (*self.ranks, self.scheduler):
            # A process that hangs in a driver cannot be killed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.process.wait(GRACE)


def main() -> None:
    """Run a job; exits with 0, with the status of rank 0 after a stop request, or with 1 after a failure."""
    end_with_parent(signal.SIGTERM)
    # Imported after end_with_parent, because it takes seconds, in which the parent may be killed.
    from mindspore.parallel.cluster.run import get_args

    with StopRequest(rank=0, announced=False) as stop:  # rank 0 says it
        job = start(get_args())
        try:
            with job.ranks[0].log.open("rb") as console:
                status = watch(job, stop, console)
        finally:
            job.kill()
    sys.exit(status)


def start(args: Namespace) -> Job:
    """Let msrun start its processes, which are killed when this one exits."""
    from mindspore.parallel.cluster.process_entity import _ProcessManager

    program = [args.task_script, *args.task_script_args]
    args.task_script, args.task_script_args = str(Path(__file__).with_name("_rank.py")), program
    logs = Path(args.log_dir)
    manager = _ProcessManager(args)
    with (logs / "msrun.log").open("w", encoding="utf-8") as own, contextlib.redirect_stdout(own):
        manager.run()
    processes = enumerate(manager.cgn_processes)
    ranks = [Member(f"rank {rank}", process, logs / f"worker_{rank}.log") for rank, process in processes]
    return Job(ranks, Member("the scheduler", manager.msn_process, logs / "scheduler.log"))


def watch(job: Job, stop: StopRequest, console: BinaryIO) -> int:
    """Wait until the job has finished, was stopped, or has failed; returns its exit status.

    Args:
        console: the log of rank 0, opened for reading.
    """
    first, passed_on = job.ranks[0], False
    while True:
        if stop.requested and not passed_on:
            first.process.terminate()
            passed_on = True
        over, stopped = job.is_over(), stop_status(first, passed_on)
        # A signal to all processes of a machine stops the scheduler too; rank 0 saves without it.
        watched = job.ranks if over or passed_on else (*job.ranks, job.scheduler)
        failed = [member for member in watched if member.has_failed()]
        show(console)  # after polling the processes, so that their last lines are in the log
        if stopped:
            return stopped
        if failed:
            kill_failed(job, console)
            if stop.requested and all(member.process.returncode == -signal.SIGTERM for member in failed):
                return status_of_early_stop(first, stop)
            print(report(job, failed), flush=True)
            return 1
        if over:
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.scheduler.process.wait(SHUTDOWN)
            return 0
        time.sleep(POLL)


def stop_status(first: Member, asked: bool) -> int | None:
    """The status of rank 0 if it exited after a stop request; None if it runs or exited otherwise."""
    status = first.process.poll()
    if asked and status == -signal.SIGTERM:  # before the first step: there is nothing to save
        return 128 + signal.SIGTERM
    return status if status in [128 + number for number in SIGNALS] else None


def status_of_early_stop(first: Member, stop: StopRequest) -> int:
    """The status of a job of which a process was ended by the stop request itself, which ranks heed from their first step on."""
    status = stop_status(first, asked=True)
    if status is None:  # rank 0 waited for the others in its first step
        print(f"stopped by {stop.cause()} before the first step: there was nothing to save", flush=True)
    return status or 128 + signal.SIGTERM


def kill_failed(job: Job, console: BinaryIO) -> None:
    """Kill a job of which a process has failed, after GRACE seconds."""
    deadline = time.monotonic() + GRACE
    while not job.is_over() and time.monotonic() < deadline:
        time.sleep(POLL)
        show(console)
    job.kill()
    show(console)


def report(job: Job, failed: list[Member]) -> str:
    """The error message: which processes failed, how, and what to do."""
    lines = [f"error: {member.name} {member.exit_message()}; its log is {member.log}" for member in failed]
    reported = "\nerror: " in "\n" + job.ranks[0].log.read_text(encoding="utf-8", errors="replace")
    if reported:  # a user error, whose message is on the console
        return "\n".join(lines)
    for member in failed:
        if member is not job.ranks[0]:
            lines += [f"  {line}" for line in member.last_lines()]
    if any(member.process.returncode == -signal.SIGKILL for member in failed):
        lines.append("signal 9 usually means out of memory (see dmesg); reduce batch_size")
    lines.append("the other processes were killed; the same command with --resume continues from the last checkpoint")
    return "\n".join(lines)


def show(console: BinaryIO) -> None:
    """Copy the new output of rank 0 to stdout."""
    sys.stdout.buffer.write(console.read())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
