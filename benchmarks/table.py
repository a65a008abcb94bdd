"""Rows of the table in README.md, from the reports that the benchmarks wrote with --json.

python benchmarks/table.py step.json roi_align.json inference.json evaluate.json select.json
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import json
from collections.abc import Iterator, Sequence

from src.command_line import program_parser

HEAD = (
    "| | size | ours, s | other, s | ratio | GFLOP/s | matrix product | memory, GB |\n|---|---|---|---|---|---|---|---|"
)


def rows(result: dict, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict, dict]]:
    """For every run of a report: its name, the run, and the part of the report that contains it."""
    for name, run in result.get("runs", {}).items():
        yield (*names, name), run, result
    for name, inner in result.items():
        if isinstance(inner, dict) and "runs" in inner:
            yield from rows(inner, (*names, name))


def line(file: Path, size: str, names: Sequence[str], run: dict, around: dict) -> str:
    """One row; cells without a measurement are empty."""

    def number(value: float | None, form: str = ".3g") -> str:
        return "" if value is None else format(value, form)

    product = around.get("matrix_product_GFLOP/s", {}).get("median")
    memory = run.get("peak_memory_MB", around.get("peak_memory_MB"))
    cells = [
        " ".join((file.stem, *names)),
        size,
        number(run["seconds"]["median"]),
        number(run.get("peer", {}).get("seconds", {}).get("median")),
        number(run.get("ratio"), ".2f"),
        number(run.get("GFLOP/s"), ".0f"),
        number(product, ".0f"),
        number(None if memory is None else memory / 1024, ".1f"),
    ]
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Print machine, commands and table."""
    parser = program_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    reports = [(file, json.loads(file.read_text())) for file in parser.parse_args(argv).files]
    for file, report in reports:
        machine = report["machine"]
        used = f"{report['settings']['threads']} of {machine['cores']} cores"
        print(
            f"- {file.stem}: {machine['cpu']}, {used}, {machine['memory_GB']} GB, {machine['date']}, `{report['command']}`"
        )
    print(f"\n{HEAD}")
    for file, report in reports:
        settings = report["settings"]
        size = "{height}x{width}, {batch_size}".format(**settings) if "height" in settings else str(settings["images"])
        for names, run, around in rows(report):
            print(line(file, size, names, run, around))


if __name__ == "__main__":
    main()
