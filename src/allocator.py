"""The memory of programs that compile networks: the allocator jemalloc, which MindSpore brings along, and garbage collection.

OpenVINO cannot run in a process that was started with jemalloc: it ends with "free(): invalid size" (OpenVINO 2026.4.1). Nothing is
compiled where an ONNX model is run, so such a program keeps the allocator of the C library.
"""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path

_RETURNED_SOON = (
    "dirty_decay_ms:1000,muzzy_decay_ms:0"  # freed memory returns to the system after 1 s, not 10: compiling frees much
)
_ROOT = Path(__file__).resolve().parents[1]
_BENCHMARKS = ("step.py", "inference.py", "batch_sizes.py", "ssd.py", "kernels.py", "long_run.py")
_PROGRAMS = {  # which compile networks
    *(_ROOT / name for name in ("train.py", "eval.py", "infer.py", "export.py")),
    *(_ROOT / "benchmarks" / name for name in _BENCHMARKS),
}


def jemalloc() -> Path | None:
    """The library of MindSpore; None if it is not there, or if LD_PRELOAD cannot name it."""
    package = find_spec("mindspore")
    if package is None or package.origin is None:
        return None
    library = Path(package.origin).with_name("lib") / "libjemalloc.so.2"
    return (
        library if library.is_file() and not set(" :") & set(str(library)) else None
    )  # LD_PRELOAD separates names by these


def start_with_jemalloc() -> None:
    """Start this program again with jemalloc, if it compiles networks and LD_PRELOAD is not set, not even to an empty string.

    Compiling is mostly allocation of small nodes and takes a third less time with it. A process can only be given an allocator when
    it starts. Process id, arguments and open streams are kept, and so is MALLOC_CONF, jemalloc's settings, where it is set.
    """
    if "LD_PRELOAD" in os.environ or not _compiles_networks() or _runs_onnx():
        return
    library = jemalloc()
    if library:
        os.environ["LD_PRELOAD"] = str(library)
        os.environ.setdefault("MALLOC_CONF", _RETURNED_SOON)
        os.execv(sys.executable, sys.orig_argv)


def has_jemalloc() -> bool:
    """Whether this process was started with jemalloc, by itself or by the user."""
    return "libjemalloc" in Path("/proc/self/maps").read_text()


def pause_collection() -> None:
    """Let this program, if it compiles networks, import its modules without garbage collection, which takes a fifth of that time."""
    if _compiles_networks():
        gc.disable()


def resume_collection() -> None:
    """Collect garbage again, if that was paused. Objects that exist now are frozen (gc.freeze): modules stay."""
    if not gc.isenabled():
        gc.enable()
        gc.freeze()


def _compiles_networks() -> bool:
    return Path(sys.argv[0]).resolve() in _PROGRAMS


def _runs_onnx() -> bool:
    """Whether an argument names an ONNX model, as in --model faces.onnx."""
    return any(word.endswith(".onnx") for word in sys.argv[1:])
