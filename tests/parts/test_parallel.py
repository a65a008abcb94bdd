"""Kernels share their threads: called by several threads at a time, again after a pause, and in a copy of the process.

In a process of its own, which may use all cores: those of the tests keep to one, where kernels need no threads.
"""

import subprocess
import sys
from pathlib import Path

from src.parts.backbones.folding import KERNEL
from src.parts.native import compiled

PROGRAM = """
import ctypes, os, sys, threading, time
import numpy as np

os.sched_setaffinity(0, range(os.cpu_count()))
fold = ctypes.CDLL(sys.argv[1]).Fold


def is_right(seed):
    rng = np.random.default_rng(seed)
    weights, factors = rng.random((512, 64), np.float32), rng.random(512, np.float32)
    folded = np.zeros_like(weights)
    arrays = (weights, factors, folded)
    params = (ctypes.c_void_p * 3)(*(array.ctypes.data for array in arrays))
    sizes = [(ctypes.c_int64 * array.ndim)(*array.shape) for array in arrays]
    shapes = (ctypes.POINTER(ctypes.c_int64) * 3)(*sizes)
    fold(3, params, (ctypes.c_int * 3)(2, 1, 2), shapes, None, None, None)
    return np.array_equal(folded, weights * factors[:, None])


def repeat(seed):
    right.append(all(is_right(1000 * seed + number) for number in range(100)))


right = []
threads = [threading.Thread(target=repeat, args=(seed,)) for seed in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert right == [True] * 4
time.sleep(0.05)  # helpers sleep by now
assert is_right(5000)
child = os.fork()
if not child:
    os._exit(0 if all(is_right(6000 + number) for number in range(100)) else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def test_kernels_share_their_threads(tmp_path):
    library = compiled(KERNEL)
    assert library and Path(library).is_file()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, library], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
