"""Semi-supervised and active-learning object detection on MindSpore."""

import os

from src.allocator import pause_collection, start_with_jemalloc

__version__ = "0.10.0"

# As MindSpore sets it when it is imported. A library that is imported before it (tensorboardX) would choose the other
# implementation, with which MindSpore's generated messages cannot be imported.
os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

# MindSpore logs errors only: its warnings are about its own code, a hundred lines of them in a run.
os.environ.setdefault("GLOG_v", "3")

start_with_jemalloc()
pause_collection()
