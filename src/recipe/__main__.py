"""Write settings that fit the data, each with its reason: a leaf for --config_path that one can read and edit.

    python -m src.recipe --train_ann_file train.json --train_img_dir images --pre_trained resnet18.npz --hours 3 \\
        --output my.yaml

Every other option is a setting of train.py (python train.py --help): what is given stays, and the rest follows from it. No network
is trained. The same recipe is made by --config_path auto, which also writes it into the folder of the run.
"""

import sys
from pathlib import Path

from src.command_line import program_parser
from src.config.load import AUTOMATIC, load_config
from src.errors import UserError, entry_point
from src.files import check_free, write_text
from src.recipe.automatic import make_recipe
from src.yaml_file import read_yaml


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read the data, decide, check, write, show."""
    parser = program_parser(__doc__, prog="python -m src.recipe")
    parser.add_argument("--output", type=Path, required=True, help="YAML file to write")
    parser.add_argument(
        "--runs",
        type=int,
        default=1,
        metavar="N",
        help="training runs that share --hours, such as the two stages (default 1)",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="recipe of an earlier stage: network and input size stay, lengths follow the number of labels",
    )
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="processes that train together (default 1)")
    args, words = parser.parse_known_args(argv)
    if min(args.runs, args.devices) < 1:
        parser.error(f"--runs, --devices: must be at least 1, got {args.runs} and {args.devices}")
    if any(word.split("=")[0] == "--config_path" for word in words):
        raise UserError("config_path: the recipe is made from the data and takes no leaf; give single settings")
    if args.keep and not args.keep.is_file():
        raise UserError(f"--keep: there is no file {args.keep}")
    if args.keep:
        load_config(__doc__, ["--config_path", str(args.keep)])  # somebody may have edited it
    earlier = read_yaml(args.keep) if args.keep else None
    texts = []

    def leaf(values: dict, given: dict) -> dict:
        check_free(args.output, values["overwrite"])
        choices, text = make_recipe(values, given, earlier, args.runs, args.devices)
        texts.append(text)
        return {key: choice.value for key, choice in choices.items()}

    config = load_config(__doc__, ["--config_path", AUTOMATIC, *words], automatic_leaf=leaf)
    write_text(args.output, texts[0], config.overwrite)
    print(f"{texts[0]}written: {args.output}")


if __name__ == "__main__":
    main(sys.argv[1:])
