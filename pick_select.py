"""Pick the most valuable images of a ranking and write the annotation file in which they are labelled too.

    python pick_select.py --ann_file instances_train.json --combine_ann_file instances_train_25.json --pick_ratio 60 \\
        --top_value_file selection/top_value_data.json --output_ann_file selection/instances_train_60.json

--pick_ratio is the share of all images that is labelled afterwards. The labels come from --ann_file; a ranked image that
is not in it counts as one without labels. The picked file names are written beside the output as <its stem>_picked.txt,
most valuable first. If --ann_file lacks labels of some of them, only this list is written: the work list for annotators.
When they have labels, --picked_file takes the images of the list, instead of picking anew. Both outputs say what they were
made from: the COCO file in its "info", the list in <its stem>.made_from.json.

A picked image without boxes has been reviewed and is empty, or nobody has labelled it yet: unless its entry says
"labelled": true, nothing is written before --empty_is_reviewed says the first. The output then says it in the entries.

With --resume the list that is there is kept, and labels that changed in --ann_file since are taken over.

With --img_dir, the images of --ann_file must all be there, as training on the output will want them.

With neither --top_value_file nor --picked_file nothing is written: files and --pick_ratio are checked, to be done before
training for hours, and it says how many images it would pick.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.active.kept import is_current, list_changes, refuse, renew_labels
from src.active.ranking import read_ranking
from src.active.reviewed import check_not_lost, check_reviewed
from src.active.selection import choose_valuable, label_count
from src.command_line import program_parser
from src.data.annotations import boxes_and_crowds, count_rows, from_coco, hide_labels
from src.data.checks.image_files import check_images
from src.data.checks.label_sources import (
    KnownSoFar,
    check_known,
    mark_reviewed,
    names_in_doubt,
    nothing_known,
    read_known,
    told_names,
)
from src.data.formats.coco import read_coco
from src.data.formats.coco_rows import write_coco
from src.data.images import list_images
from src.data.provenance import MadeFrom, is_still, made_from, read_side_file, side_file, with_origin, write_side_file
from src.errors import DataError, Faults, UserError, entry_point
from src.files import check_free, write_text


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument(
        "--ann_file", type=Path, required=True, help="COCO file of all images, with the labels there are"
    )
    help_combine = "COCO file that says which images are labelled so far (default: none is)"
    parser.add_argument("--combine_ann_file", type=Path, help=help_combine)
    help_images = "folder of the images of --ann_file, to check that they are there and of the size it says"
    parser.add_argument("--img_dir", type=Path, help=help_images)
    help_ratio = "percent of all images that are labelled afterwards, those of before included; fractions allowed"
    parser.add_argument("--pick_ratio", type=float, help=help_ratio + "; needed unless --picked_file is given")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--top_value_file", type=Path, help="top_value_data.json of sorted_values.py")
    source.add_argument("--picked_file", type=Path, help="list of an earlier pick: one file name a line")
    help_folder = "for the check: folder of further unlabelled images that will be ranked as well"
    source.add_argument("--unlabelled_img_dir", type=Path, help=help_folder)
    help_policy = (
        "1: all other images unlabelled; 2: all images in the unlabelled stream (default: as --combine_ann_file)"
    )
    parser.add_argument("--policy", type=int, choices=(1, 2), help=help_policy)
    help_empty = "a human has looked at the images that have no boxes in --ann_file, and there is nothing in them"
    parser.add_argument("--empty_is_reviewed", action="store_true", help=help_empty)
    parser.add_argument("--output_ann_file", type=Path, help="COCO file to write; not needed for the check")
    help_resume = (
        "go on with a pick that was made before: keep its list, and make --output_ann_file anew if the labels changed"
    )
    parser.add_argument("--resume", action="store_true", help=help_resume)
    help_anyway = (
        "with --resume: go on although the list was picked otherwise, or --used_by has begun with other labels"
    )
    parser.add_argument("--resume_anyway", action="store_true", help=help_anyway)
    help_used = (
        "with --resume: output folder of the training on --output_ann_file, whose labels must not change under it"
    )
    parser.add_argument("--used_by", type=Path, help=help_used)
    parser.add_argument("--overwrite", action="store_true", help="replace the output files if they exist")
    args = parser.parse_args(argv)
    if args.pick_ratio is None and args.picked_file is None:
        parser.error("--pick_ratio is needed unless --picked_file is given")
    if args.output_ann_file is None and (args.top_value_file or args.picked_file):
        parser.error("--output_ann_file is needed")
    if args.resume and args.top_value_file is None:
        parser.error("--resume goes with --top_value_file")
    return args


def read_values(path: Path, unlabelled: set[str]) -> dict[str, float]:
    """The ranking {file_name: value}.

    Raises:
        DataError: it is no ranking.
        UserError: it is the ranking of another data set, for it holds none of the ``unlabelled`` images.
    """
    values = read_ranking(path)
    if unlabelled and not unlabelled & values.keys():
        raise UserError(
            f"{path}: a ranking of other images. It holds none of the {len(unlabelled)} unlabelled images, such as "
            f"{min(unlabelled)}, but {len(values)} others, such as {min(values)}; rank the unlabelled images of this data set"
        )
    return values


def read_list(path: Path) -> list[str]:
    """The names of a ``_picked.txt``, which somebody may have edited."""
    try:
        names = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if not names:
        raise UserError(f"{path}: no file names in it")
    return list(dict.fromkeys(names))


def read_folder(folder: Path, labelled: set[str], unlabelled: set[str]) -> set[str]:
    """Names of the images under a folder; says which are taken for a labelled image.

    Raises:
        UserError: there is no such folder.
        DataError: images that have the name of an unlabelled image of the annotation file.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of unlabelled images")
    names = set(list_images(folder))
    if twice := sorted(names & unlabelled):
        raise DataError(f"images that are both in {folder} and unlabelled in the annotation file; rename these", twice)
    if same := names & labelled:
        print(
            f"{len(same)} images of {folder} have the name of a labelled image and are not picked, such as {min(same)}"
        )
    return names


def check_pictures(coco: dict[str, Any], ann_file: Path, img_dir: Path) -> None:
    """Raise a DataError that lists the images that training would not find in the folder, or not of their size."""
    try:
        check_images(from_coco(coco), img_dir)
    except DataError as error:
        title = (
            f"{ann_file}: training reads every image of it in {img_dir}; put them there (out of --unlabelled_img_dir, if "
            "they are there), or leave them out of the file"
        )
        raise DataError(title, error.faults) from None


def pick(values: dict[str, float], labelled: set[str], pick_ratio: float, image_count: int) -> list[str]:
    """The file names to label next, so that ``pick_ratio`` percent of all images are labelled."""
    target = label_count(pick_ratio, image_count)
    if len(labelled) == image_count:
        raise UserError(
            f"all {image_count} images are labelled already, so there is nothing to pick from; add unlabelled images to "
            "the annotation file, or pass a folder of them as --unlabelled_img_dir"
        )
    if target <= len(labelled):
        least = math.ceil(100 * 100 * (len(labelled) + 1) / image_count) / 100
        raise UserError(
            f"--pick_ratio {pick_ratio:g} means {target} labelled images in all, but {len(labelled)} of {image_count} are "
            f"labelled already; pass at least {least:g}"
        )
    return choose_valuable(values, labelled, target - len(labelled))


def note_other_labels(source: Path, combine_ann_file: Path | None) -> None:
    """Say so when the ranking or the list was made from another --combine_ann_file."""
    told = read_side_file(source)
    for name in ("combine_ann_file", "train_ann_file"):  # the list tells the first, detections the second
        if told and combine_ann_file and not is_still(told, name, combine_ann_file):
            print(
                f"note: {source} was made when {combine_ann_file} had another content; to choose by what is labelled now, "
                "infer and rank again"
            )
            return


def origin_of(args: argparse.Namespace, known: KnownSoFar, source: dict[str, Path]) -> MadeFrom:
    """What the list or the output is made from; ``source`` is the ranking or the list, by the name of its option."""
    inputs = {"ann_file": args.ann_file, "combine_ann_file": args.combine_ann_file} | source
    settings = {"pick_ratio": args.pick_ratio, "policy": args.policy or known.policy}
    return made_from(
        "pick_select.py", inputs, settings, {option: read_side_file(path) for option, path in source.items()}
    )


def check_labels(picked: list[str], told: set[str], list_file: Path, ann_file: Path) -> None:
    """Raise a UserError that says what to do if images were picked that have no labels."""
    lacking = [name for name in picked if name not in told]
    if not lacking:
        return
    raise UserError(
        f"{len(lacking)} of the {len(picked)} picked images have no labels in {ann_file} yet, such as {lacking[0]}. To go on:\n"
        f"  1. Label the images listed in {list_file} (the most valuable first; a line you delete is left out).\n"
        f"  2. Write a new annotation file: all that is in {ann_file}, and these images with their labels, named as in "
        "the list.\n"
        "  3. Move those that are not in the image folder (DATA_ROOT) into it, so that they have these names there.\n"
        "  4. Give the same command with the new file as ORI_ANN and with --resume\n"
        f"     (pick_select.py alone: the new file as --ann_file, and --picked_file {list_file})."
    )


def report_check(
    values: dict[str, float], picked: list[str], labelled: set[str], told: set[str], args: argparse.Namespace
) -> None:
    """Say what would be picked, and of how many images the labels are not there yet."""
    pool = values.keys() - labelled
    print(
        f"{len(picked)} of the {len(pool)} unlabelled images are to be picked; with the {len(labelled)} labelled ones that "
        f"makes {len(labelled) + len(picked)} (--pick_ratio {args.pick_ratio:g})"
    )
    if lacking := pool - told:
        surely = len(picked) > len(pool) - len(lacking)
        print(
            f"The labels of {len(lacking)} of these unlabelled images are not in {args.ann_file} yet: the job "
            f"{'will' if surely else 'may'} stop before the second stage and list the images to label"
        )


def label(
    coco: dict[str, Any], known: KnownSoFar, picked: list[str], list_file: Path, args: argparse.Namespace
) -> None:
    """Write the annotation file in which the picked images are labelled beside the ``known`` ones.

    Raises:
        UserError: picked images have no labels in ``coco``, or no boxes and no word that they were reviewed.
    """
    origin = origin_of(args, known, {"picked_file": list_file})
    output = args.output_ann_file
    if args.resume and output.is_file() and is_current(output, origin):
        print(f"kept from before: {output}")
        return
    faults = Faults()
    faults.attempt(check_labels, picked, told_names(coco), list_file, args.ann_file)
    if not args.empty_is_reviewed:
        faults.attempt(check_reviewed, coco, picked, "picked images", args.ann_file, list_file)
        faults.attempt(check_not_lost, coco, known, args.combine_ann_file, args.ann_file)
    faults.report()
    empty = names_in_doubt(coco) & (known.with_boxes | set(picked))
    wanted = known.labelled.union(picked)
    chosen = {image["id"] for image in coco["images"] if image["file_name"] in wanted}
    joined = origin["settings"]["policy"] == 2
    hidden = hide_labels(mark_reviewed(coco, empty), chosen, also_unlabelled=joined)
    content = with_origin(hidden, origin)
    if args.resume and output.is_file():
        renew_labels(output, content, args.used_by, args.resume_anyway)
    else:
        write_coco(output, content, args.overwrite)
    count = len(coco["images"])
    print(
        f"{output}: {count} images, {len(chosen)} labelled ({len(chosen) - len(known.labelled)} newly picked, see {list_file}"
        + (f"; {len(empty)} without boxes count as reviewed" if empty else "")
        + f"), {count if joined else count - len(chosen)} in the unlabelled stream; the labels are "
        + boxes_and_crowds(*count_rows(hidden))
    )


def keep_list(list_file: Path, args: argparse.Namespace) -> list[str]:
    """The names of the list of an earlier pick.

    Raises:
        UserError: with --resume, if it was picked otherwise.
    """
    if args.resume:
        inputs = {"top_value_file": args.top_value_file, "combine_ann_file": args.combine_ann_file}
        anew = f"move {list_file} away to pick anew"
        refuse(list_changes(list_file, inputs, args.pick_ratio), list_file, anew, args.resume_anyway)
        print(f"kept from before: {list_file}")
    return read_list(list_file)


def pick_anew(coco: dict[str, Any], known: KnownSoFar, list_file: Path, args: argparse.Namespace) -> list[str]:
    """Pick by the ranking, and write the list."""
    values = read_values(args.top_value_file, known.unlabelled)
    names = {image["file_name"] for image in coco["images"]}
    picked = pick(values, known.labelled, args.pick_ratio, len(names | values.keys()))
    overwrite = args.overwrite or args.resume
    for path in (args.output_ann_file, list_file, side_file(list_file)):
        check_free(path, overwrite)
    write_text(list_file, "".join(f"{name}\n" for name in picked), overwrite)
    write_side_file(list_file, origin_of(args, known, {"top_value_file": args.top_value_file}), overwrite)
    return picked


def check(coco: dict[str, Any], known: KnownSoFar, args: argparse.Namespace) -> None:
    """Say what would be picked; refuse what would be refused then."""
    labelled, unlabelled = known.labelled, known.unlabelled
    more = read_folder(args.unlabelled_img_dir, labelled, unlabelled) if args.unlabelled_img_dir else set()
    values = dict.fromkeys(unlabelled | more, 0.0)
    names = {image["file_name"] for image in coco["images"]}
    faults = Faults()
    picked = faults.attempt(pick, values, labelled, args.pick_ratio, len(names | values.keys()))
    if not args.empty_is_reviewed:
        pool = sorted(values.keys() - labelled)
        faults.attempt(check_reviewed, coco, pool, "images to pick from", args.ann_file, None)
        faults.attempt(check_not_lost, coco, known, args.combine_ann_file, args.ann_file)
    faults.report()
    report_check(values, picked, labelled, told_names(coco), args)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read, pick, hide the rest, write, report."""
    args = parse_args(argv)
    faults = Faults()
    known = faults.attempt(read_known, args.combine_ann_file) if args.combine_ann_file else None
    coco = read_coco(args.ann_file)  # after the other, of which little stays in memory
    if args.combine_ann_file is None:
        known = nothing_known(coco)
    elif known:
        faults.attempt(check_known, known, args.combine_ann_file, coco, args.ann_file)
    if args.img_dir:
        faults.attempt(check_pictures, coco, args.ann_file, args.img_dir)
    faults.report()
    coco = mark_reviewed(coco, known.reviewed)  # the word of an earlier round, which a new export does not know
    source = args.picked_file or args.top_value_file
    if source is None:
        check(coco, known, args)
        return
    list_file = args.picked_file or args.output_ann_file.with_name(f"{args.output_ann_file.stem}_picked.txt")
    kept = args.picked_file or args.resume and list_file.is_file()
    picked = keep_list(list_file, args) if kept else pick_anew(coco, known, list_file, args)
    note_other_labels(source, args.combine_ann_file)
    label(coco, known, picked, list_file, args)


if __name__ == "__main__":
    main()
