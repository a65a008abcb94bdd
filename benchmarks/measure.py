"""How the benchmarks measure: durations, memory, and rounds in which both sides and the yardstick take turns."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from src.errors import UserError

FOLDER = Path(__file__).resolve().parent
SIDE = 2048  # of the matrices whose product is the yardstick: 17 GFLOP, far beyond every cache
# glibc gives large blocks back after every step and pays for fresh pages in the next: torchvision took 11 s instead of 7.1 s
# for a step at 768x1280. It is measured at its best.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**28)}


def summary(values: Sequence[float]) -> dict:
    """Median, least and greatest of some values, and how many there were."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "count": len(values)}


def timed(run: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def timed_twice(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds that one call takes, and seconds that processors worked for this process meanwhile, on all of its threads."""
    worked = time.process_time()
    return timed(run), time.process_time() - worked


class MatrixProduct:
    """The float32 product of two matrices: what this machine can do at best, measured between the runs."""

    FLOPS = 2 * SIDE**3

    def __init__(self) -> None:
        self.left, self.right = np.random.default_rng(0).random((2, SIDE, SIDE), np.float32)
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def run(self) -> None:
        """Multiply once."""
        seconds, cpu_seconds = timed_twice(lambda: self.left @ self.right)
        self.seconds.append(seconds)
        self.cpu_seconds.append(cpu_seconds)

    def report(self) -> dict:
        """GFLOP/s: median, least, greatest."""
        return summary([self.FLOPS / 1e9 / seconds for seconds in self.seconds])


class Peer:
    """torchvision in a process of its own, which waits while this one computes, and the other way round."""

    def __init__(self, task: Sequence[str], args: argparse.Namespace) -> None:
        sizes = [f"--{name}={getattr(args, name)}" for name in ("height", "width", "batch_size", "threads")]
        environment = {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(args.threads)}
        words = [args.peer, str(FOLDER / "peer.py"), *task, *sizes]
        try:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        except OSError as error:
            raise UserError(
                f"--peer: cannot start {args.peer}: {error.strerror}; give a Python with torchvision"
            ) from error
        self.facts = self._answer()

    def ask(self, word: str) -> dict:
        """Run the named measurement once; "end" closes the process. Returns what it says, "seconds" among it."""
        with contextlib.suppress(BrokenPipeError):  # it has ended; the answer will say so
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        return self._answer()

    def end(self) -> dict:
        """What it is and what it took: versions, threads, peak memory."""
        facts = self.facts | self.ask("end")
        self.process.stdin.close()
        self.process.wait()
        return facts

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            raise UserError(f"--peer: torchvision's side ended with status {status}; its message stands above")
        return json.loads(line)


def rounds(
    runs: dict[str, Callable[[], object]],
    task: Sequence[str],
    args: argparse.Namespace,
    flops: dict[str, float] | None = None,
) -> dict:
    """Warm up, then time every run once a round, each followed by torchvision's run of the same name.

    Args:
        runs: what is timed, by name; a call returns when its result is there.
        task: words for peer.py; flops: floating-point operations of each run, if they are known.

    Returns:
        Of each name "seconds" (and "first_call", the very first), "cpu_seconds", "GFLOP", "GFLOP/s", "of_matrix_product";
        with --peer also "peer" and "ratio", our median divided by torchvision's; "peer": its facts; "matrix_product_GFLOP/s".
    """
    product, peer = MatrixProduct(), Peer(task, args) if getattr(args, "peer", None) else None
    first = {name: timed(run) for name, run in runs.items()}
    ours, worked, theirs = ({name: [] for name in runs} for _ in range(3))
    answers = {}
    for _ in range(args.warmup + args.repeats):
        product.run()
        for name, run in runs.items():
            seconds, cpu_seconds = timed_twice(run)
            ours[name].append(seconds)
            worked[name].append(cpu_seconds)
            if peer:
                answers[name] = peer.ask(name)
                theirs[name].append(answers[name]["seconds"])
    result = {}
    for name in runs:
        row = {"seconds": summary(ours[name][args.warmup :]), "first_call": first[name]}
        row["cpu_seconds"] = summary(worked[name][args.warmup :])
        if flops:
            row |= {"GFLOP": flops[name] / 1e9, "GFLOP/s": flops[name] / 1e9 / row["seconds"]["median"]}
            pairs = list(zip(product.cpu_seconds, worked[name], strict=True))[args.warmup :]
            row["of_matrix_product"] = summary([flops[name] / product.FLOPS * one / run for one, run in pairs])
        if peer:
            row["peer"] = answers[name] | {"seconds": summary(theirs[name][args.warmup :])}
            row["ratio"] = row["seconds"]["median"] / row["peer"]["seconds"]["median"]
        result[name] = row
    product.seconds = product.seconds[args.warmup :]
    return {"runs": result, "matrix_product_GFLOP/s": product.report()} | ({"peer": peer.end()} if peer else {})


def peak_memory() -> float:
    """The most memory this process has held so far, in MB."""
    return _status("VmHWM")


def memory() -> float:
    """The memory this process holds now, in MB."""
    return _status("VmRSS")


def _status(name: str) -> float:
    """A line of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise UserError(f"/proc/self/status has no {name}; the benchmarks need Linux")
