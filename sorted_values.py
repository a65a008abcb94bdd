"""Rank images by their acquisition score, from the detections that infer.py wrote.

    python sorted_values.py --infer_json infer_results.json --exp_dir selection

Writes top_value_data.json into --exp_dir: {file_name: acquisition score}, highest first, and beside it its provenance
(top_value_data.made_from.json). With --check in place of --infer_json nothing is read or written: the other options are
checked, to be done before hours of training.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from src.active.acquisition import STRATEGIES, check_options, image_values
from src.active.detections_file import read_sums
from src.command_line import program_parser
from src.data.provenance import made_from, read_side_file, side_file, write_side_file
from src.errors import entry_point
from src.files import check_free, write_json


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--infer_json", type=Path, help="infer_results.json of infer.py")
    source.add_argument("--check", action="store_true", help="only check the other options")
    parser.add_argument("--exp_dir", type=Path, default=Path("./"), help="folder of top_value_data.json (default ./)")
    help_strategy = (
        "reference: difficulty + information + diversity (default); entropy: summed entropy of the class probabilities; "
        "least_confidence: low scores; random: to compare with"
    )
    parser.add_argument("--strategy", choices=STRATEGIES, default="reference", help=help_strategy)
    help_weights = "of difficulty, information and diversity in the reference strategy (default 1 1 1)"
    parser.add_argument("--weights", type=float, nargs=3, default=(1, 1, 1), metavar=("D", "I", "V"), help=help_weights)
    parser.add_argument("--seed", type=int, default=10, help="for the random strategy (default 10; -1: not seeded)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier top_value_data.json")
    return parser.parse_args(argv)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read, value, write, report."""
    args = parse_args(argv)
    check_options(args.strategy, args.weights)
    if args.check:
        return
    output = args.exp_dir / "top_value_data.json"
    check_free(output, args.overwrite)
    check_free(side_file(output), args.overwrite)
    before = {"infer_json": read_side_file(args.infer_json)}
    sums = read_sums(args.infer_json)
    values = image_values(sums, args.strategy, args.weights, args.seed)
    settings = {"strategy": args.strategy, "weights": list(args.weights), "seed": args.seed}
    origin = made_from("sorted_values.py", {"infer_json": args.infer_json}, settings, before)
    write_json(output, values, args.overwrite, indent=1)
    write_side_file(output, origin, args.overwrite)
    empty = int((sums.detections == 0).sum())
    print(f"{output}: {len(values)} images ranked, {empty} of them without detections")


if __name__ == "__main__":
    main()
