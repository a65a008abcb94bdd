"""The command line that all programs share: their description as it is written, and --version."""

import argparse
import math
import os
import shlex
import shutil
import sys
from pathlib import Path

from src import __version__

_ROOT = Path(__file__).resolve().parents[1]


def program_parser(description: str, prog: str | None = None) -> argparse.ArgumentParser:
    """A parser without abbreviations, which would change their meaning with every new option.

    Args:
        description: what the program does, shown as it is written; prog: what users type, if it is not the file's name.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__, help="print the version of the project")
    return parser


def positive_number(text: str) -> float:
    """A finite number above 0, as the type of an option."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be a number above 0")
    return value


def positive_count(text: str) -> int:
    """A whole number from 1 up, as the type of an option."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value


def to_paste(program: str, *words: object) -> str:
    """A command of this project that can be pasted into a shell: it works in the current folder, with this Python.

    Args:
        program: file name of an entry script. words: options and their values.
    """
    python = "python" if shutil.which("python") == sys.executable else _nearest(Path(sys.executable))
    return shlex.join([python, _nearest(_ROOT / program), *map(str, words)])


def _nearest(path: Path) -> str:
    """A path, seen from the current folder where it lies below it."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
