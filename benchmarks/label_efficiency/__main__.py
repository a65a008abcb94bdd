"""Measure how much unlabelled images and actively selected labels gain on a data set: train and compare the arms.

    python -m benchmarks.label_efficiency --plan my_plan.yaml --data my_data --weights resnet18.npz --out outputs/worth

Finished cells are skipped; after a stop or a kill the same command resumes. docs/EVIDENCE.md describes plans.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.label_efficiency.cells import Cell, cells_of, chosen
from benchmarks.label_efficiency.chain import Places
from benchmarks.label_efficiency.chart import write_chart
from benchmarks.label_efficiency.comparison import by_key, comparisons, reached
from benchmarks.label_efficiency.data import prepare
from benchmarks.label_efficiency.plan import read_plan
from benchmarks.label_efficiency.recipe import Setting, check
from benchmarks.label_efficiency.record import file_of, is_done, read_result
from benchmarks.label_efficiency.run import cores_of, only_one, work
from benchmarks.label_efficiency.table import comparison_table, reached_table
from src.command_line import program_parser
from src.errors import UserError, entry_point
from src.files import file_hash, write_json, write_text

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__, prog="python -m benchmarks.label_efficiency")
    parser.add_argument("--plan", type=Path, required=True, help="YAML file: data, arms, sizes, seeds")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds the images and annotations of the plan"
    )
    parser.add_argument("--weights", type=Path, help="weights that every run starts from (pre_trained)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    help_results = "parent of the folder with one JSON file per finished cell (default: OUT/results)"
    parser.add_argument("--results", type=Path, help=help_results)
    parser.add_argument("--cores", help='cores to use, one process each, e.g. "0,1" (default: one)')
    help_only = "names of cells to run, *: any characters, e.g. 'semi_supervised_10_*'; needed cells are included"
    parser.add_argument("--only", nargs="+", default=[], metavar="CELL", help=help_only)
    parser.add_argument("--list", action="store_true", help="list the cells and the hours they will take; start none")
    return parser.parse_args(argv)


@entry_point
def main(argv: Sequence[str] | None = None, programs: Path = ROOT) -> None:
    """Read and check, prepare the data, run the cells, report; `programs`: folder of train.py and the others."""
    args = parse_args(argv)
    plan = read_plan(args.plan)
    if args.weights is not None and not args.weights.is_file():
        raise UserError(f"--weights {args.weights}: no such file")
    cores = cores_of(args.cores)
    results = (args.results or args.out / "results").resolve() / plan.name
    cells = chosen(cells_of(plan), args.only)
    if not cells:
        raise UserError(f"--only {' '.join(args.only)}: no such cell; --list names them")
    folder = args.plan.resolve().parent
    check(plan, folder / plan.config, cells)
    weights = args.weights and args.weights.resolve()
    places = Places(programs, args.data.resolve(), weights, args.out.resolve() / plan.name, folder)
    with only_one(places.out):
        data = prepare(plan, places.data, places.out / "data", results / "split.json", partial(start, programs))
        for sentence in data.left_out:
            print(f"left out: {sentence}")
        setting = Setting(plan, data, places, folder / plan.config, places.out / "cells")
        if args.list:
            list_cells(setting, cells, results)
            return
        try:
            work(setting, cells, results, cores, lambda line: print(line, flush=True))
        finally:
            report(setting, results)


def start(programs: Path, words: Sequence[str]) -> None:
    """Start a program of this repository and show its output.

    Raises:
        UserError: it failed.
    """
    done = subprocess.run([sys.executable, str(programs / words[0]), *words[1:]], check=False, cwd=ROOT)
    if done.returncode:
        raise UserError(f"{words[0]} ended with status {done.returncode}; its message stands above")


def list_cells(setting: Setting, cells: Sequence[Cell], results: Path) -> None:
    """Print each cell with its steps, and how long all will take by the plan's seconds per step."""
    for cell in cells:
        state = "done" if is_done(setting, results, cell) else str(timedelta(seconds=round(setting.seconds(cell))))
        print(f"{cell.name}: {setting.steps(cell)} steps, {state}")
    rest = [cell for cell in cells if not is_done(setting, results, cell)]
    hours = sum(map(setting.seconds, rest)) / 3600
    print(f"{len(cells)} cells, {len(rest)} to do: {hours:.1f} core-hours of training steps")


def report(setting: Setting, results: Path) -> None:
    """Write tables, chart and summary of all cells that are done."""
    plan = setting.plan
    cells = [cell for cell in cells_of(plan) if file_of(results, cell).is_file()]
    if not cells:
        return
    runs = by_key([read_result(file_of(results, cell)) for cell in cells], cells)
    rows, compared = reached(plan, runs), comparisons(plan, runs)
    tables = f"{reached_table(rows)}\n{comparison_table(compared)}"
    summary = {
        "plan": plan.name,
        "cells": {cell.name: file_hash(file_of(results, cell)) for cell in cells},
        "reached": [asdict(row) for row in rows],
        "differences": [asdict(row) for row in compared],
    }
    write_text(results / "tables.md", tables, overwrite=True)
    write_json(results / "summary.json", summary, overwrite=True, indent=1)
    write_chart(plan, runs, results / "chart.svg")
    print(f"\n{tables}\nwritten: {results}/tables.md, summary.json, chart.svg")


if __name__ == "__main__":
    main()
