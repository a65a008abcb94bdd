"""Run the cells of a plan, one process per core; after a stop or a kill the same command resumes."""

import fcntl
import os
import queue
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.label_efficiency.cells import Cell
from benchmarks.label_efficiency.chain import Chain, Processes, Stopped
from benchmarks.label_efficiency.recipe import Setting, run
from benchmarks.label_efficiency.record import file_of, is_done, read_result, write_record
from src.errors import UserError

_KEPT = ("best_model.ckpt", "config.yaml", "log.txt", "metrics.jsonl")  # of a run whose cell is done


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Refuse a second harness in one folder."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"{out}: another harness uses it; wait until it ends, or give it more cores with --cores"
            ) from None
        yield


def cores_of(text: str | None) -> list[int]:
    """The cores to use, from "0,1"; None: one that this process may use.

    Raises:
        UserError: no such core.
    """
    if text is None:
        return sorted(os.sched_getaffinity(0))[:1]
    words, count = [word.strip() for word in text.split(",")], os.cpu_count()
    if not all(re.fullmatch(r"[0-9]{1,4}", word) and int(word) < count for word in words) or len(set(words)) < len(
        words
    ):
        raise UserError(f"--cores {text}: expected numbers of cores, each once, from 0 to {count - 1}")
    return [int(word) for word in words]


@dataclass
class Work:
    """Waiting, running and finished cells, shared by one thread per core.

    Attributes:
        results: folder of the results; say: prints a line.
    """

    setting: Setting
    results: Path
    say: Callable[[str], None]
    waiting: list[Cell] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    processes: Processes = field(default_factory=Processes)
    changed: threading.Condition = field(default_factory=threading.Condition)
    running: dict[str, Cell] = field(default_factory=dict)
    spent: float = 0.0  # seconds of all cores on cells that are done
    expected: float = 0.0  # seconds that the plan expected for these cells

    def next(self) -> Cell | None:
        """The next cell whose needs are done; waits for them. None: no further cell can be run."""
        with self.changed:
            while not self.processes.stopping:
                ready = [cell for cell in self.waiting if all(need.name in self.done for need in cell.needs)]
                if ready:
                    self.waiting.remove(ready[0])
                    self.running[ready[0].name] = ready[0]
                    return ready[0]
                if not self.running:
                    return None
                self.changed.wait()
            return None

    def finish(self, cell: Cell, seconds: float, fault: str | None) -> None:
        """Record how a cell ended."""
        with self.changed:
            del self.running[cell.name]
            if fault is None:
                self.done.add(cell.name)
                self.spent += seconds
                self.expected += self.setting.seconds(cell)
            else:
                self.failed.append(fault)
            self.changed.notify_all()

    def left(self, cores: int) -> str:
        """About how long the rest will take."""
        rest = sum(self.setting.seconds(cell) for cell in [*self.waiting, *self.running.values()])
        pace = self.spent / self.expected if self.expected else 1.0
        return str(timedelta(seconds=round(rest * pace / cores)))


def work(setting: Setting, cells: Sequence[Cell], results: Path, cores: list[int], say: Callable[[str], None]) -> None:
    """Run the cells that are not done yet.

    Raises:
        UserError: cells failed; all others that do not need them were done.
        SystemExit: 128 + signal, after SIGTERM or SIGINT; running cells are saved.
    """
    todo = Work(setting, results, say)
    finished = {cell.name for cell in cells if is_done(setting, results, cell)}
    needed = {need.name for cell in cells if cell.name not in finished for need in cell.needs}
    for cell in cells:
        if cell.name in finished and not (cell.name in needed and not _detector(setting, cell).is_file()):
            todo.done.add(cell.name)
        else:
            todo.waiting.append(cell)
    say(f"{len(todo.done)} of {len(cells)} cells are done; the others take about {todo.left(len(cores))}")
    asked = _listen(todo)
    threads = [threading.Thread(target=_keep_busy, args=(todo, core, len(cores), len(cells))) for core in cores]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.5)  # signal handlers run between two waits
    if not asked.empty():
        raise SystemExit(128 + asked.get())
    if todo.failed:
        left = [cell.name for cell in todo.waiting]
        because = f"; not started, because they need these: {', '.join(left)}" if left else ""
        raise UserError("\n".join([f"{len(todo.failed)} cells failed{because}", *todo.failed]))


def _detector(setting: Setting, cell: Cell) -> Path:
    return setting.cells / cell.name / "run" / "best_model.ckpt"


def _listen(todo: Work) -> queue.SimpleQueue:
    """Pass SIGTERM and SIGINT on to the programs, as SIGTERM, once."""
    asked: queue.SimpleQueue = queue.SimpleQueue()

    def stop(number: int, frame: object) -> None:
        if asked.empty():
            todo.say("stopping: running cells are saved; the same command resumes")
            asked.put(number)
            todo.processes.stop(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return asked


def _keep_busy(todo: Work, core: int, cores: int, count: int) -> None:
    while (cell := todo.next()) is not None:
        folder = todo.setting.cells / cell.name
        chain = Chain(folder, core, todo.setting.places, todo.processes)
        todo.say(f"core {core}: {cell.name} starts")
        started = time.monotonic()
        fault: str | None = f"{cell.name}: an internal error, see above"
        try:
            scores = run(todo.setting, cell, chain)
            if not file_of(todo.results, cell).exists():  # else only its detector was missing
                write_record(todo.setting, todo.results, cell, chain, scores)
            _remove_states(folder / "run")
            fault = None
        except Stopped:
            fault = f"{cell.name}: stopped"
        except UserError as error:
            fault = str(error)
            todo.say(f"core {core}: {fault}")
        finally:
            todo.finish(cell, time.monotonic() - started, fault)
        if fault is None:
            ap = read_result(file_of(todo.results, cell)).scores["equal_steps"].ap
            progress = f"{len(todo.done)} of {count} cells, about {todo.left(cores)} left"
            todo.say(f"core {core}: {cell.name} done, AP {ap:.3f}; {progress}")


def _remove_states(run_folder: Path) -> None:
    """Remove what only a resumed run needs: hundreds of megabytes."""
    for path in run_folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in _KEPT:
            path.unlink()
