"""The command line and the report of the benchmarks."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from src.command_line import program_parser
from src.errors import UserError
from src.files import check_free, write_json

OPTIONS = {
    "height": (768, "network input, pixels, multiple of 32"),
    "width": (1280, "network input, pixels, multiple of 32"),
    "batch_size": (2, "images"),
    "repeats": (10, "timed runs"),
    "warmup": (3, "untimed runs before them"),
}


def options(description: str, *names: str, peer: bool = False, **defaults: int) -> argparse.ArgumentParser:
    """The command line of a benchmark.

    Args:
        names: keys of OPTIONS that it takes, beside --threads, --json and --overwrite.
        peer: whether it takes --peer, to compare with torchvision.
        defaults: other defaults for some of the names.
    """
    parser = program_parser(description)
    for name in names:
        default, meaning = OPTIONS[name]
        default = defaults.get(name, default)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} (default {default})")
    parser.add_argument(
        "--threads", type=int, help="cores, and threads of each process (default: all cores available to this process)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    if peer:
        parser.add_argument("--peer", metavar="PYTHON", help="interpreter with torch and torchvision, to compare with")
    return parser


def start(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse and check the command line, and restrict this process to --threads cores. Libraries count the cores when they are
    loaded, so the process executes itself again if it has more cores than that.

    Raises:
        UserError: a number is out of range, or FILE exists.
    """
    args = parser.parse_args(argv)
    cores = sorted(os.sched_getaffinity(0))
    args.threads = len(cores) if args.threads is None else args.threads
    if not 1 <= args.threads <= len(cores):
        raise UserError(f"--threads: expected 1 to {len(cores)}, the number of available cores, got {args.threads}")
    for name, least in {"repeats": 1, "warmup": 0, "batch_size": 1, "height": 32, "width": 32}.items():
        if getattr(args, name, least) < least:
            raise UserError(f"--{name}: expected at least {least}, got {getattr(args, name)}")
    if args.json:
        check_free(args.json, args.overwrite)
    if args.threads < len(cores):
        os.sched_setaffinity(0, cores[: args.threads])
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return args


def run_in_processes(option: str, parts: dict[str, list[str]]) -> dict:
    """Run this program once per part, each in its own process, one after the other: memory and compile time are those of the part.

    Args:
        option: takes the name of a part; parts: name -> further arguments.

    Returns:
        name -> what the part wrote under its name.
    """
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, more in parts.items():
            report = Path(folder) / f"{name}.json"
            arguments = [*sys.orig_argv[1:], option, name, "--json", str(report), *more]
            done = subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL)
            if done.returncode:
                raise UserError(f"{option} {name} exited with status {done.returncode}; see its message above")
            result[name] = json.loads(report.read_text())[name]
    return result


def machine() -> dict:
    """Hardware, versions and date of the measurement."""
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_GB": round(memory, 1),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("mindspore", "numpy")},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def finish(args: argparse.Namespace, result: dict) -> None:
    """Print the results and write them to --json."""
    settings = {name: value for name, value in vars(args).items() if name not in ("json", "overwrite", "peer")}
    result = {"command": " ".join(sys.argv), "settings": settings, "machine": machine()} | result
    print("\n".join(lines_of(result)))
    if args.json:
        write_json(args.json, result, args.overwrite, indent=1)


def lines_of(value: object, indent: str = "") -> list[str]:
    """A nested dict as indented text, floats with four digits; one line per summary."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and set(item) == {"median", "min", "max", "count"}:
            spread = f"({item['min']:.4g} to {item['max']:.4g}, {item['count']} runs)"
            lines.append(f"{indent}{key}: {item['median']:.4g} {spread}")
        elif isinstance(item, dict):
            lines += [f"{indent}{key}:", *lines_of(item, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {item:.4g}" if isinstance(item, float) else f"{indent}{key}: {item}")
    return lines


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
