"""What the machine can do: its memory, and how fast it multiplies matrices."""

import os
import time
from dataclasses import dataclass

import numpy as np

_SIDE = 1024  # of the matrices that are multiplied
_SECONDS = 0.5  # that the measurement takes


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        device: CPU, GPU or Ascend; cores: those that this process may use; memory: GB.
        gflops: billions of float32 operations per second in a product of matrices; None: not known (GPU, Ascend).
    """

    device: str
    cores: int
    memory: float
    gflops: float | None


def this_machine(device: str, processes: int = 1) -> Machine:
    """What each of so many processes has of the machine that the program runs on; takes half a second on a CPU."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    gflops = _measured_gflops() / processes if device == "CPU" else None
    return Machine(device, cores, memory / processes, gflops)


def _measured_gflops() -> float:
    """The fastest of the products that half a second has room for: slower ones shared the processor with something else."""
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), np.float32)
    best, stop = np.inf, time.perf_counter() + _SECONDS
    while True:
        started = time.perf_counter()
        matrix @ matrix
        ended = time.perf_counter()
        best = min(best, ended - started)
        if ended > stop:
            return 2 * _SIDE**3 / best / 1e9
