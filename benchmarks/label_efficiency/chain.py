"""A chain of programs in the folder of a cell: finished ones are skipped, stopped ones resume.

A program is done when `NAME.done.json` lies in the folder; it records the command and its seconds. train.py resumes with
--resume; all others are short and start again.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.data.formats.json_file import read_json
from src.errors import UserError
from src.files import write_json

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Stopped(Exception):
    """The harness was asked to stop; the signal was sent to running programs."""


@dataclass(frozen=True)
class Places:
    """Paths that differ between machines. Records have their names in capitals in place of the paths, and no path of the programs.

    Attributes:
        programs: folder of train.py and the other programs; plan: folder of the plan; data, weights, out: the options of these
            names.
    """

    programs: Path
    data: Path
    weights: Path | None
    out: Path
    plan: Path

    def without_paths(self, word: str) -> str:
        """A command-line argument, without the paths of this machine."""
        word = word.replace(f"{self.programs}/", "")
        for name in ("weights", "out", "data", "plan"):
            path = getattr(self, name)
            if path is not None:
                word = word.replace(str(path), name.upper())
        return word


def commit() -> str | None:
    """Hash of the commit that is checked out, with "+" if files are modified; None outside of a repository."""
    words = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() or None


@dataclass
class Processes:
    """The programs that are running; `stopping`: no more may start."""

    running: set[subprocess.Popen] = field(default_factory=set)
    stopping: bool = False

    def stop(self, number: int) -> None:
        """Send a signal to all running programs, and let no others start."""
        self.stopping = True
        for process in list(self.running):
            process.send_signal(number)


@dataclass(frozen=True)
class Chain:
    """Starts the programs of a cell one after the other.

    Attributes:
        folder: of the cell; core: the processor core to which its programs are pinned.
    """

    folder: Path
    core: int
    places: Places
    processes: Processes

    def run(self, name: str, program: str, *words: object) -> None:
        """Start a program unless it is done.

        Raises:
            UserError: it failed; the message names its log file.
            Stopped: it was stopped, and will resume at the next start.
        """
        marker = self.folder / f"{name}.done.json"
        if marker.is_file():
            return
        command = [str(word) for word in (program, *words)]
        more = self._resume_options(command) if program == "train.py" else ["--overwrite"]
        started = time.monotonic()
        status = self._start(name, command + more)
        if self.processes.stopping and status:
            raise Stopped
        if status:
            raise UserError(f"{self.folder.name}: {program} ended with status {status}; see {self._console(name)}")
        record = {"command": [self.places.without_paths(word) for word in command]}
        record |= {"seconds": round(time.monotonic() - started, 1), "resumed": "--resume" in more, "commit": commit()}
        write_json(marker, record, indent=1)

    def commands(self) -> list[dict]:
        """Records of the finished programs, in the order of their ends."""
        files = sorted(self.folder.glob("*.done.json"), key=lambda path: path.stat().st_mtime_ns)
        return [{"name": path.name.removesuffix(".done.json")} | read_json(path) for path in files]

    def _resume_options(self, command: Sequence[str]) -> list[str]:
        run = Path(command[command.index("--save_checkpoint_path") + 1])
        return ["--resume"] if any(path.is_file() for path in run.glob("[!.]*")) else []

    def _start(self, name: str, command: list[str]) -> int:
        if self.processes.stopping:
            raise Stopped
        self.folder.mkdir(parents=True, exist_ok=True)
        pinned = [sys.executable, "-m", "benchmarks.label_efficiency.pinned", str(self.core), str(os.getpid())]
        pinned += [str(self.places.programs / command[0]), *command[1:]]
        with self._console(name).open("a", encoding="utf-8") as console:
            process = subprocess.Popen(
                pinned,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=os.environ | ONE_THREAD,
                cwd=Path(__file__).resolve().parents[2],
                start_new_session=True,  # Ctrl-C reaches the harness, which passes it on once
            )
        self.processes.running.add(process)
        if self.processes.stopping:  # the signal came while it started
            process.terminate()
        try:
            return process.wait()
        finally:
            self.processes.running.discard(process)

    def _console(self, name: str) -> Path:
        return self.folder / f"{name}.log"
