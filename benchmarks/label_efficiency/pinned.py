"""Run a program that is pinned to one core and ends when its parent does.

    python -m benchmarks.label_efficiency.pinned CORE PARENT PROGRAM.py ARGUMENT ...

A killed harness must not leave a training run that keeps writing into a folder which the next start resumes.
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
    if os.getppid() != int(parent):  # it ended before prctl was called
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    main()
