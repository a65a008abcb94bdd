"""Write settings that fit the data, each with its reason: a leaf for --config_path that one can read and edit.

    python -m src.recipe --train_ann_file train.json --train_img_dir images --pre_trained resnet18.npz --hours 3 \\
        --output my.yaml

Every other option is a setting of train.py (python train.py --help): what is given stays, and the rest follows from it. No network
is trained. The same recipe is made by --config_path auto, which also writes it into the folder of the run.
"""

import sys
from pathlib import Path

from src.command_line import positive_count, program_parser
from src.config.load import AUTOMATIC, load_config
from src.data.image_listing import list_images
from src.errors import UserError, entry_point
from src.files import check_apart, check_free, write_text
from src.recipe.automatic import make_recipe, warnings
from src.yaml_file import read_yaml


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read the data, decide, check, write, show."""
    parser = program_parser(__doc__, prog="python -m src.recipe")
    parser.add_argument("--output", type=Path, required=True, help="YAML file to write")
    parser.add_argument(
        "--runs",
        type=positive_count,
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
    parser.add_argument(
        "--devices", type=positive_count, default=1, metavar="N", help="processes that train together (default 1)"
    )
    args, words = parser.parse_known_args(argv)
    if any(word.split("=")[0] == "--config_path" for word in words):
        raise UserError("config_path: the recipe is made from the data and takes no leaf; give single settings")
    if args.keep and not args.keep.is_file():
        raise UserError(f"--keep: there is no file {args.keep}")
    earlier = kept_settings(args.keep) if args.keep else None
    texts, cautions = [], []

    def leaf(values: dict, given: dict) -> dict:
        check_free(args.output, values["overwrite"])
        check_apart([args.output], inputs_of(values) | {"keep": args.keep})
        choices, text = make_recipe(values, given, earlier, args.runs, args.devices)
        texts.append(text)
        cautions.extend(warnings(choices))
        return {key: choice.value for key, choice in choices.items()}

    config = load_config(__doc__, ["--config_path", AUTOMATIC, *words], automatic_leaf=leaf)
    write_text(args.output, texts[0], config.overwrite)
    if earlier is None:
        print("\n".join([f"{texts[0]}written: {args.output}", *cautions]))
    else:
        print("\n".join([f"written: {args.output}, {differences(earlier, config.as_dict())} {args.keep}", *cautions]))


def differences(earlier: dict, now: dict) -> str:
    """Which settings of an earlier recipe have other values now; the words before its name."""
    changed = [f"{key} {now[key]} (was {value})" for key, value in earlier.items() if now[key] != value]
    return f"with other values of {', '.join(changed)} than in" if changed else "with the values of"


def inputs_of(values: dict) -> dict[str, str | list[Path] | None]:
    """Option -> files that the recipe is made from, images among them."""
    files = {key: values[key] for key in ("train_ann_file", "eval_ann_file", "pre_trained")}
    folders = ("train_img_dir", "unlabelled_img_dir", "eval_img_dir")
    given = {key: Path(values[key]) for key in folders if values[key] is not None}
    return files | {
        key: [place / name for name in list_images(place)] for key, place in given.items() if place.is_dir()
    }


def kept_settings(path: Path) -> dict:
    """The settings of a recipe, which somebody may have edited, as values that are checked.

    Raises:
        UserError: a setting that there is not, or a wrong value.
    """
    checked = load_config(__doc__, ["--config_path", str(path)]).as_dict()
    return {key: checked[key] for key in read_yaml(path)}


if __name__ == "__main__":
    main(sys.argv[1:])
