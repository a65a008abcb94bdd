"""What each C++ kernel is worth on this processor: a training step and a detection with all kernels, and without each in turn.

    python benchmarks/kernels.py --height 384 --width 640 --json kernels.json

Without a kernel MindSpore's operators compute the same, as they do where no C++ compiler is found. `step.py --step supervised` and `inference.py` are run
once for each, in processes of their own, one after the other. Ratios are those of processor time, which other work on the machine disturbs least.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence

from benchmarks import command, setting
from src.errors import UserError, entry_point

HERE = Path(__file__).parent
# What is measured -> script, its own words, names that lead to its times in its report
MEASURED = {
    "supervised_step": ("step.py", ["--step", "supervised"], ("supervised", "runs", "step")),
    "detection": ("inference.py", ["--batch_size", "1"], ("runs", "inference")),
}


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Measure, and report seconds and ratios."""
    parser = command.options(__doc__, "height", "width", "batch_size", "repeats", "warmup", repeats=5, warmup=2)
    setting.add_config(parser)
    args = command.start(parser, argv)
    command.finish(args, {name: measured(args, *how) for name, how in MEASURED.items()})


def measured(args: argparse.Namespace, script: str, own: Sequence[str], names: Sequence[str]) -> dict:
    """Seconds and processor seconds (medians) with all kernels and without each, and how many times as long it takes without."""
    result = {"with_all": times(args, script, own, names)}
    for kernel in setting.KERNELS:
        row = times(args, script, [*own, "--without", kernel], names)
        row["ratio"] = row["processor_seconds"] / result["with_all"]["processor_seconds"]
        result[f"without_{kernel}"] = row
    return result


def times(args: argparse.Namespace, script: str, own: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Medians of one script in a process of its own.

    Raises:
        UserError: it failed.
    """
    words = {name: getattr(args, name) for name in ("height", "width", "batch_size", "repeats", "warmup", "threads")}
    shared = [word for name, value in words.items() for word in (f"--{name}", str(value))]
    shared += ["--config_path", args.config_path] if args.config_path else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        program = [sys.executable, str(HERE / script), *shared, *own, "--json", str(report)]
        done = subprocess.run(program, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise UserError(f"{script} ended with status {done.returncode}; see its message above")
        found = json.loads(report.read_text())
    for name in names:
        found = found[name]
    return {"seconds": found["seconds"]["median"], "processor_seconds": found["cpu_seconds"]["median"]}


if __name__ == "__main__":
    main()
