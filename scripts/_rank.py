"""Execute PROGRAM in this process, which is killed when its parent exits: `_rank.py PROGRAM [ARGUMENT ...]`."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of linux/prctl.h; it is kept across exec


def end_with_parent(number: signal.Signals) -> None:
    """Send this process a signal when its parent exits for any reason."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
