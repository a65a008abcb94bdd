"""Rank images by their acquisition score, from the detections that infer.py wrote.

    python sorted_values.py --infer_json infer_results.json --exp_dir selection
    python sorted_values.py --infer_json infer_results.json --features_file infer_features.npz --strategy ppal \\
        --combine_ann_file instances_train_25.json --pick_ratio 35 --exp_dir selection

Writes top_value_data.json into --exp_dir: {file_name: acquisition score}, highest first; beside it its provenance
(top_value_data.made_from.json), and the terms of each score (top_value_data_terms.csv). With --check in place of
--infer_json nothing is read or written: only the other options are checked. Do this before hours of training.

Strategies: reference (difficulty + information + diversity of confident detections), entropy (summed entropy of the class
probabilities), least_confidence (mean of 1 - score), random (a baseline), balanced_entropy (uncertain detections, rare
classes first), ppal (uncertain images that differ from each other and from the labelled ones; needs features), coverage
(objects unlike all labelled ones; needs features, and nothing else), disagreement (of two networks). docs/SELECTION.md
says what each needs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from src.active.acquisition import STRATEGIES, acquire, check_options, descending_order
from src.active.pool_files import PoolFiles, class_names_of, read_pool
from src.active.strategies.pool import Options
from src.active.terms_file import terms_file, write_terms
from src.command_line import nearest_path, program_parser, refuse_idle, seed, to_paste
from src.data.provenance import made_from, read_image_folders, read_side_file, side_file, write_with_side_file
from src.errors import entry_point
from src.files import all_or_none, check_apart, check_free, json_text
from src.wording import counted


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--infer_json", type=Path, help="infer_results.json of infer.py (not needed for coverage)")
    source.add_argument("--check", action="store_true", help="only check the other options")
    help_features = "infer_features.npz of infer.py --features true, for ppal and coverage"
    parser.add_argument("--features_file", type=Path, help=help_features)
    help_second = "infer_results.json of a second network on the same images, for disagreement"
    parser.add_argument("--second_infer_json", type=Path, help=help_second)
    help_labelled = "COCO file that says which images are labelled so far, for all strategies but the first four"
    parser.add_argument("--combine_ann_file", type=Path, help=help_labelled)
    help_ratio = "percent of all images that will be labelled, as for pick_select.py; for ppal and coverage"
    parser.add_argument("--pick_ratio", type=float, help=help_ratio)
    parser.add_argument("--exp_dir", type=Path, default=Path("./"), help="folder of top_value_data.json (default ./)")
    help_strategy = "how images are scored, see above (default reference)"
    parser.add_argument("--strategy", choices=STRATEGIES, default="reference", help=help_strategy)
    help_weights = "of difficulty, information and diversity in the reference strategy (default 1 1 1)"
    parser.add_argument("--weights", type=float, nargs=3, default=(1, 1, 1), metavar=("D", "I", "V"), help=help_weights)
    help_exponent = (
        "of the expected boxes that balanced_entropy, ppal and disagreement divide by: 0 crowded images first, 1 per box "
        "(default 0.5)"
    )
    parser.add_argument("--box_exponent", type=float, default=0.5, help=help_exponent)
    help_seed = "of the random draws of random, ppal and coverage (default 10; -1: not seeded)"
    parser.add_argument("--seed", type=seed, default=10, help=help_seed)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier ranking")
    help_follows = "do not say how to pick from the ranking, as a script that goes on by itself"
    parser.add_argument("--pick_follows", action="store_true", help=help_follows)
    args = parser.parse_args(argv)
    if not (args.check or args.infer_json or (args.strategy == "coverage" and args.features_file)):
        parser.error("one of the arguments --infer_json --check is required")
    refuse_idle(parser, args, ("weights",), "goes with --strategy reference", args.strategy != "reference")
    divided = [name for name, strategy in STRATEGIES.items() if strategy.has_box_exponent]
    goes_with = f"goes with one of --strategy {' '.join(divided)}"
    refuse_idle(parser, args, ("box_exponent",), goes_with, args.strategy not in divided)
    return args


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read, score, write, report."""
    args = parse_args(argv)
    options = Options(tuple(args.weights), args.box_exponent, seed=args.seed)
    check_options(args.strategy, options)
    if args.check:
        return
    ranking = args.exp_dir / "top_value_data.json"
    outputs = (ranking, side_file(ranking), terms_file(ranking))
    for path in outputs:
        check_free(path, args.overwrite)
    files = PoolFiles(args.infer_json, args.features_file, args.second_infer_json, args.combine_ann_file)
    check_apart(outputs, files.inputs)
    given, files = files.inputs, files.used_by(args.strategy)
    if unread := [f"--{option}" for option, path in given.items() if path and not files.inputs[option]]:
        print(f"note: --strategy {args.strategy} does not read {' '.join(unread)}")
    before = {option: read_side_file(path) for option, path in files.detections.items()}
    pool, budget = read_pool(files, args.strategy, args.pick_ratio)
    acquisition = acquire(pool, args.strategy, Options(options.weights, options.box_exponent, budget, args.seed))
    table = pool.detections
    scores = {
        table.names[place]: float(acquisition.scores[place])
        for place in descending_order(table.names, acquisition.scores)
    }
    settings = {"strategy": args.strategy, "weights": list(args.weights), "seed": args.seed}
    settings |= {"box_exponent": args.box_exponent, "pick_ratio": args.pick_ratio} if files.labelled else {}
    origin = made_from("sorted_values.py", files.inputs, settings, before)
    write_terms(terms_file(ranking), table, acquisition, class_names_of(files), args.overwrite)
    write_with_side_file(ranking, json_text(scores, indent=1), origin, args.overwrite)
    if acquisition.note:
        print(f"note: {acquisition.note}")
    empty = int((table.counts == 0).sum())
    print(
        f"{ranking}: {counted(len(scores), 'image')} ranked, {empty} of them without detections; see {terms_file(ranking)} for why"
    )
    if not args.pick_follows:
        print(next_command(ranking, args))


def next_command(ranking: Path, args: argparse.Namespace) -> str:
    """What to do next: the command that picks; words that are not known are explained."""
    where = "" if args.pick_ratio else " in two hours, or what you have"
    where += "" if args.combine_ann_file else ", with the annotation file of the run as ANN_FILE"
    known = args.combine_ann_file or "ANN_FILE"
    words = ["--top_value_file", ranking, "--ann_file", known, "--combine_ann_file", known]
    if ranked := args.infer_json or args.features_file:
        for option, folder in read_image_folders(ranked).items():
            words += [f"--{option}", nearest_path(folder)]
    words += ["--pick_ratio", f"{args.pick_ratio:g}"] if args.pick_ratio else ["--budget_hours", 2]
    command = to_paste("pick_select.py", *words, "--list_only", "--output_ann_file", args.exp_dir / "labelled.json")
    return f"what to do next: pick images to label{where}:  {command}"


if __name__ == "__main__":
    main()
