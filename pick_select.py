"""Pick the most valuable images of a ranking and write the annotation file in which they are labelled too.

    python pick_select.py --ann_file instances_train.json --combine_ann_file instances_train_25.json --pick_ratio 60 \\
        --top_value_file selection/top_value_data.json --output_ann_file selection/instances_train_60.json

--pick_ratio is the share of all images that is labelled afterwards. The labels come from --ann_file. The picked file names
are written beside the output as <its stem>_picked.txt, most valuable first: the work list for annotators. If --ann_file
has no labels for them yet, only this list is written.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from src.active.choice import choose_valuable, label_count
from src.data.annotations import hide_labels, unlabelled_ids
from src.data.coco_file import read_coco, read_json
from src.errors import DataError, UserError, entry_point
from src.files import check_free, write_json, write_text


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--ann_file", type=Path, required=True, help="COCO file of all images, with the labels there are"
    )
    help_combine = "COCO file that says which images are labelled so far (default: none is)"
    parser.add_argument("--combine_ann_file", type=Path, help=help_combine)
    help_ratio = "percent of all images that are labelled afterwards, those of before included; fractions allowed"
    parser.add_argument("--pick_ratio", type=float, required=True, help=help_ratio)
    parser.add_argument("--top_value_file", type=Path, required=True, help="top_value_data.json of sorted_values.py")
    help_policy = "1: all other images unlabelled (default); 2: all images in the unlabelled stream"
    parser.add_argument("--policy", type=int, choices=(1, 2), default=1, help=help_policy)
    parser.add_argument("--output_ann_file", type=Path, required=True, help="COCO file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the output files if they exist")
    return parser.parse_args(argv)


def read_values(path: Path, known: set[str]) -> dict[str, float]:
    """The ranking {file_name: value}, all of it about ``known`` file names.

    Raises:
        DataError: every value that is no finite number and every name that is not known.
    """
    values = read_json(path)
    if not isinstance(values, dict):
        raise DataError(str(path), ["expected a JSON object {file_name: value}"])
    faults = [f"the value of {name} must be a finite number" for name, value in values.items() if not _is_finite(value)]
    faults += [f"{name} is not in --ann_file" for name in sorted(values.keys() - known)]
    if faults:
        raise DataError(str(path), faults)
    return values


def known_so_far(path: Path | None) -> tuple[set[str], set[str]]:
    """File names of the labelled and of all images of a COCO file; both empty without a file."""
    if path is None:
        return set(), set()
    coco = read_coco(path)
    bare = unlabelled_ids(coco)
    names = {image["file_name"] for image in coco["images"]}
    return {image["file_name"] for image in coco["images"] if image["id"] not in bare}, names


def pick(values: dict[str, float], labelled: set[str], pick_ratio: float, image_count: int) -> list[str]:
    """The file names to label next, so that ``pick_ratio`` percent of all images are labelled."""
    target = label_count(pick_ratio, image_count)
    if target <= len(labelled):
        raise UserError(
            f"--pick_ratio {pick_ratio:g} means {target} labelled images in all, but {len(labelled)} of {image_count} are "
            f"labelled already; pass more than {100 * len(labelled) / image_count:.4g}"
        )
    return choose_valuable(values, labelled, target - len(labelled))


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read, pick, hide the rest, write, report."""
    args = parse_args(argv)
    list_file = args.output_ann_file.with_name(f"{args.output_ann_file.stem}_picked.txt")
    for path in (args.output_ann_file, list_file):
        check_free(path, args.overwrite)
    labelled, combined = known_so_far(args.combine_ann_file)
    coco = read_coco(args.ann_file)
    ids = {image["file_name"]: image["id"] for image in coco["images"]}
    if strangers := sorted(combined - ids.keys()):
        raise DataError(
            str(args.combine_ann_file), [f"{name} is not in --ann_file {args.ann_file}" for name in strangers]
        )
    values = read_values(args.top_value_file, set(ids))
    picked = pick(values, labelled, args.pick_ratio, len(ids))

    write_text(list_file, "".join(f"{name}\n" for name in picked), args.overwrite)
    chosen = {ids[name] for name in labelled.union(picked)}
    lacking = chosen & unlabelled_ids(coco)
    if lacking:
        raise UserError(
            f"{args.ann_file}: {len(lacking)} of the {len(chosen)} images to train on have no labels in it. The picked images "
            f"are listed in {list_file}: label them, then run this again with the new file as --ann_file and --overwrite"
        )
    write_json(args.output_ann_file, hide_labels(coco, chosen, also_unlabelled=args.policy == 2), args.overwrite)
    print(
        f"{args.output_ann_file}: {len(ids)} images, {len(chosen)} labelled ({len(picked)} newly picked, see {list_file})"
    )


if __name__ == "__main__":
    main()
