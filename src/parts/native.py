"""C++ kernels for the CPU: compiled on first use with the compiler of the machine, and cached."""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HEADERS = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-pthread")
COMPILERS = ("c++", "g++", "clang++")


@cache
def compiled(source: Path) -> Path | None:
    """The shared library of a source file, or None, with one warning, where it cannot be compiled.

    It is cached in $XDG_CACHE_HOME (or ~/.cache); its name has a hash of the source, the headers, the compiler and the processor, so it
    is compiled again if any of them changes.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), None)
    if compiler is None:
        return _not_compiled(
            source, f"no C++ compiler was found (tried {', '.join(COMPILERS)}); install g++ or set CXX"
        )
    texts = [file.read_bytes() for file in (source, *sorted(HEADERS.glob("*.h")))]
    key = hashlib.sha256(b"".join(texts) + repr((compiler, FLAGS, processor())).encode()).hexdigest()[:16]
    folder = cache_folder()
    library = folder / f"{source.stem}-{key}.so"
    if library.exists():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            built = Path(work) / library.name
            command = [compiler, *FLAGS, "-I", str(HEADERS), str(source), "-o", str(built)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            built.replace(library)  # atomic, because several processes may do this at the same time
    except subprocess.CalledProcessError as error:
        return _not_compiled(source, f"{compiler} failed: {_reason(error.stderr)}")
    except OSError as error:
        return _not_compiled(source, str(error))
    return library


def _reason(messages: str) -> str:
    """The first error among the messages of a compiler."""
    lines = messages.strip().splitlines()
    return next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no message")


def _not_compiled(source: Path, reason: str) -> None:
    logging.getLogger(__name__).warning(
        "%s was not compiled, slower MindSpore operators are used instead: %s", source.name, reason
    )


def cache_folder() -> Path:
    """Where compiled things are kept: in $XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faster_rcnn_ssod"


def processor() -> str:
    """Model and features of the processor, which -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
