"""Become a program that keeps to one core and that ends when its parent does.

    python -m benchmarks.label_efficiency.pinned CORE PARENT PROGRAM.py WORD ...

A harness that is killed must not leave a training behind that goes on writing into a folder which the next start takes over.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """See the module."""
    core, parent, *words = sys.argv[1:]
    try:
        os.sched_setaffinity(0, {int(core)})
    except OSError as error:
        sys.exit(f"error: this process may not run on core {core} ({error.strerror}); choose others with --cores")
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it ended before it could be watched
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    main()
