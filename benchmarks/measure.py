"""Timing and memory measurement; in each round our run, torchvision's run and a reference matrix product alternate."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from src.errors import UserError

FOLDER = Path(__file__).resolve().parent
SIDE = 2048  # of the matrices of the reference product: 17 GFLOP, far larger than every cache
# By default glibc returns large blocks to the system after every step and has page faults in the next: torchvision took 11 s
# instead of 7.1 s for a step at 768x1280. These settings keep the memory, so that torchvision is measured at its fastest.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**28)}


def summary(values: Sequence[float]) -> dict:
    """Median, minimum, maximum and count of some values."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "count": len(values)}


def timed(run: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def timed_twice(run: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock seconds of one call, and CPU seconds of all threads of this process during it."""
    started = time.process_time()
    return timed(run), time.process_time() - started


class Companion:
    """A process beside this one that answers a line with a line of JSON; the two never compute at the same time."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], name: str) -> None:
        """Start it; ``info`` is its first line. ``name`` is how messages call it."""
        self.name = name
        environment = {**os.environ, "LD_PRELOAD": "", **environment}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.info = self._answer()

    def ask(self, question: str) -> dict:
        """Returns the answer to a line."""
        with contextlib.suppress(BrokenPipeError):  # the process has exited; _answer raises
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            raise UserError(f"{self.name} process exited with status {status}; see its message above")
        return json.loads(line)


class MatrixProduct(Companion):
    """The float32 product of two matrices as a reference for the peak throughput of this machine, measured between the runs."""

    FLOPS = 2 * SIDE**3

    def __init__(self, threads: int) -> None:
        command = [sys.executable, str(FOLDER / "matrix_product.py"), f"--side={SIDE}"]
        super().__init__(command, {"OPENBLAS_NUM_THREADS": str(threads)}, "the matrix product's")
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def run(self) -> None:
        """Multiply once."""
        answer = self.ask("run")
        self.seconds.append(answer["seconds"])
        self.cpu_seconds.append(answer["cpu_seconds"])

    def report(self) -> dict:
        """GFLOP/s: median, minimum, maximum."""
        return summary([self.FLOPS / 1e9 / seconds for seconds in self.seconds])


class Peer(Companion):
    """torchvision; asked for the named measurement, it runs it once and answers with its "seconds"."""

    def __init__(self, task: Sequence[str], args: argparse.Namespace) -> None:
        sizes = [f"--{name}={getattr(args, name)}" for name in ("height", "width", "batch_size", "threads")]
        command = [args.peer, str(FOLDER / "peer.py"), *task, *sizes]
        try:
            super().__init__(command, {**KEEP_MEMORY, "OMP_NUM_THREADS": str(args.threads)}, "--peer: torchvision's")
        except OSError as error:
            raise UserError(
                f"--peer: cannot start {args.peer}: {error.strerror}; pass a Python interpreter that has torchvision"
            ) from error

    def end(self) -> dict:
        """End the process; returns its versions, threads and peak memory."""
        info = self.info | self.ask("end")
        self.close()
        return info


def rounds(
    runs: dict[str, Callable[[], object]],
    task: Sequence[str],
    args: argparse.Namespace,
    flops: dict[str, float] | None = None,
) -> dict:
    """Warm up, then time every run once per round, each followed by torchvision's run of the same name.

    Args:
        runs: what is timed, by name; a call must wait for its result.
        task: arguments of peer.py; flops: floating-point operations of each run, if known.

    Returns:
        For each name "seconds" (and "first_call", that of the first call), "cpu_seconds", "GFLOP", "GFLOP/s", "of_matrix_product";
        with --peer also "peer" and "ratio", our median divided by torchvision's; "peer": its versions, threads and memory; "matrix_product_GFLOP/s".
    """
    product, peer = MatrixProduct(args.threads), Peer(task, args) if getattr(args, "peer", None) else None
    first = {name: timed(run) for name, run in runs.items()}
    ours, cpu, theirs = ({name: [] for name in runs} for _ in range(3))
    answers = {}
    for _ in range(args.warmup + args.repeats):
        product.run()
        for name, run in runs.items():
            seconds, cpu_seconds = timed_twice(run)
            ours[name].append(seconds)
            cpu[name].append(cpu_seconds)
            if peer:
                answers[name] = peer.ask(name)
                theirs[name].append(answers[name]["seconds"])
    result = {}
    for name in runs:
        row = {"seconds": summary(ours[name][args.warmup :]), "first_call": first[name]}
        row["cpu_seconds"] = summary(cpu[name][args.warmup :])
        if flops:
            row |= {"GFLOP": flops[name] / 1e9, "GFLOP/s": flops[name] / 1e9 / row["seconds"]["median"]}
            pairs = list(zip(product.cpu_seconds, cpu[name], strict=True))[args.warmup :]
            row["of_matrix_product"] = summary([flops[name] / product.FLOPS * one / run for one, run in pairs])
        if peer:
            row["peer"] = answers[name] | {"seconds": summary(theirs[name][args.warmup :])}
            row["ratio"] = row["seconds"]["median"] / row["peer"]["seconds"]["median"]
        result[name] = row
    product.close()
    product.seconds = product.seconds[args.warmup :]
    return {"runs": result, "matrix_product_GFLOP/s": product.report()} | ({"peer": peer.end()} if peer else {})


def peak_memory() -> float:
    """Peak resident memory of this process, in MB."""
    return _status("VmHWM")


def memory() -> float:
    """Current resident memory of this process, in MB."""
    return _status("VmRSS")


def _status(name: str) -> float:
    """One value of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise UserError(f"/proc/self/status has no {name}; the benchmarks need Linux")
