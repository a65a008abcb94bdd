"""The reference of the benchmarks, started by them as a process of its own, so that its memory is none of theirs.

For each line that it reads it multiplies two float32 matrices of --side rows and columns, and answers with a line of JSON: the
seconds that this took, and the processor seconds of all its threads.
"""

import sys

if __name__ == "__main__":
    del sys.path[0]  # this folder: its select.py would hide the standard module

import argparse
import json
import time

import numpy as np


def main() -> None:
    """Answer until there are no more lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, required=True)
    side = parser.parse_args().side
    left, right = np.random.default_rng(0).random((2, side, side), np.float32)
    print(json.dumps({"numpy": np.__version__}), flush=True)
    for _ in sys.stdin:
        started, started_cpu = time.perf_counter(), time.process_time()
        left @ right
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
        print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}), flush=True)


if __name__ == "__main__":
    main()
