"""Become PROGRAM, in a process that ends with its parent: `_rank.py PROGRAM [ARGUMENT ...]`."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of linux/prctl.h; it outlives exec


def end_with_parent(number: signal.Signals) -> None:
    """Let this process get a signal when the one that started it has ended, however that ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
