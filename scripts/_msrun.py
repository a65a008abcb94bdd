"""msrun that watches its processes: `_msrun.py OPTION ... PROGRAM [ARGUMENT ...]`, with the options of msrun except --join.

`msrun --join` of MindSpore 2.8.0 waits for its scheduler after a rank has ended, and the scheduler waits MS_NODE_TIMEOUT seconds
for that rank. Here the job ends when any of its processes fails, and an error names it. A stop request goes to rank 0 alone,
which saves and exits; then the others are ended. The log of rank 0 is shown.
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
GRACE = 5.0  # seconds for the other processes to end by themselves, with their own messages, after one has failed
SHUTDOWN = 20.0  # seconds for the scheduler to end after all ranks
SHOWN_LINES = 5  # of the log of a failed process


@dataclass(frozen=True)
class Member:
    """A process of the job, and the file of its output."""

    name: str
    process: subprocess.Popen
    log: Path

    def has_failed(self) -> bool:
        """Whether it has ended with another status than 0."""
        return self.process.poll() not in (None, 0)

    def end_in_words(self) -> str:
        """How it ended."""
        status = self.process.returncode
        if status < 0:
            return f"was ended by signal {-status} ({signal.strsignal(-status)})"
        return f"ended with status {status}"

    def last_lines(self) -> list[str]:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LINES:]


@dataclass(frozen=True)
class Job:
    """The processes of msrun: the ranks in order, and the scheduler, which introduces them to each other."""

    ranks: list[Member]
    scheduler: Member

    def is_over(self) -> bool:
        """Whether all ranks have ended."""
        return all(rank.process.poll() is not None for rank in self.ranks)

    def kill(self) -> None:
        """End what still runs."""
        for rank in self.ranks:
            # A group, for a rank may run a compiler; msrun makes it.
            with contextlib.suppress(OSError):
                os.killpg(rank.process.pid, signal.SIGKILL)
        self.scheduler.process.kill()
        for member in (*self.ranks, self.scheduler):
            # A process that hangs in a driver cannot be killed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.process.wait(GRACE)


def main() -> None:
    """Run a job; ends with 0, with the status of rank 0 if it was asked to stop, or with 1."""
    end_with_parent(signal.SIGTERM)
    # Imported here, because it takes seconds in which the parent may be killed.
    from mindspore.parallel.cluster.run import get_args

    with StopRequest(rank=0) as stop:
        job = start(get_args())
        try:
            with job.ranks[0].log.open("rb") as console:
                status = watch(job, stop, console)
        finally:
            job.kill()
    sys.exit(status)


def start(args: Namespace) -> Job:
    """Let msrun start its processes, which end with this one."""
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
    """Wait until the job is over, was stopped, or has failed; returns its exit status.

    Args:
        console: the log of rank 0, opened for reading.
    """
    first, passed_on = job.ranks[0], False
    while True:
        if stop.requested and not passed_on:
            first.process.terminate()
            passed_on = True
        over, stopped = job.is_over(), stop_status(first, passed_on)
        # Who stops everything on a machine stops the scheduler too; rank 0 saves without it.
        watched = job.ranks if over or passed_on else (*job.ranks, job.scheduler)
        failed = [member for member in watched if member.has_failed()]
        show(console)  # after the looks at the processes, so that the last lines are there
        if stopped:
            return stopped
        if failed:
            end_failed(job, console)
            print(report(job, failed), flush=True)
            return 1
        if over:
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.scheduler.process.wait(SHUTDOWN)
            return 0
        time.sleep(POLL)


def stop_status(first: Member, asked: bool) -> int | None:
    """The status of rank 0 if it ended because it was asked to; None if it runs or ended otherwise."""
    status = first.process.poll()
    if asked and status == -signal.SIGTERM:  # before the first step: there is nothing to save
        return 128 + signal.SIGTERM
    return status if status in [128 + number for number in SIGNALS] else None


def end_failed(job: Job, console: BinaryIO) -> None:
    """End a job of which a process has failed."""
    deadline = time.monotonic() + GRACE
    while not job.is_over() and time.monotonic() < deadline:
        time.sleep(POLL)
        show(console)
    job.kill()
    show(console)


def report(job: Job, failed: list[Member]) -> str:
    """Which processes failed, how, and what to do."""
    lines = [f"error: {member.name} {member.end_in_words()}; its log is {member.log}" for member in failed]
    told = "\nerror: " in "\n" + job.ranks[0].log.read_text(encoding="utf-8", errors="replace")
    if told:  # a mistake of the user, which the console has shown
        return "\n".join(lines)
    for member in failed:
        if member is not job.ranks[0]:
            lines += [f"  {line}" for line in member.last_lines()]
    if any(member.process.returncode == -signal.SIGKILL for member in failed):
        lines.append("signal 9 that nobody sent: the memory was full (see dmesg); a smaller batch_size needs less")
    lines.append("the other processes were ended; the same command with --resume goes on from the last checkpoint")
    return "\n".join(lines)


def show(console: BinaryIO) -> None:
    """Copy what rank 0 has said since the last time."""
    sys.stdout.buffer.write(console.read())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
