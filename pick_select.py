"""Pick the images of highest acquisition score and write the annotation file in which they are labelled too.

    python pick_select.py --ann_file instances_train.json --combine_ann_file instances_train_25.json --pick_ratio 60 \\
        --top_value_file selection/top_value_data.json --output_ann_file selection/instances_train_60.json

--pick_ratio is the share of all images that is labelled afterwards. In its place, --budget_hours, --budget_boxes or
--budget_images say what labelling may cost: the images of the highest acquisition score per expected hour, box or image
are picked. What is expected follows from the predicted objects and from --labelling_reports, which import_labels.py has
written in earlier rounds; it is printed. The labels come from --ann_file; a ranked image that
is not in it counts as one without labels. The picked file names are written beside the output as <its stem>_picked.txt,
highest score (under a budget of boxes or hours: score per cost) first and randomly drawn ones last, and why each was picked as
<its stem>_picked.csv. If --ann_file lacks labels of some of them, only
this list is written: the work list for annotators. When they have labels, --picked_file takes the images of the list,
instead of picking again; those that were skipped stay unlabelled. With --list_only the list is all that is asked for. Both outputs hold their
provenance: the COCO file in its "info", the list in <its stem>.made_from.json.

A tenth of the picked images is drawn at random, for an unbiased estimate of the rest (--random_share). --at_least sets a
minimum number of objects of a class, labelled and predicted ones together. With --img_dir, images that show the same
picture as a labelled or a picked one are skipped.

A picked image without boxes is either reviewed and empty, or not labelled yet: unless its entry says "labelled": true,
nothing is written without --empty_is_reviewed, which declares it reviewed. The output then marks it as reviewed.

With --resume the existing list is kept, and the output is updated with labels that changed in --ann_file.

With --img_dir, all images of --ann_file must be in that folder or in --unlabelled_img_dir, because training on the output
reads them.

With neither --top_value_file nor --picked_file nothing is written: the files and --pick_ratio are checked, and the number
of images to pick is printed. Do this before hours of training.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from src.active.picking.labelled_file import write_labelled
from src.active.picking.pick_check import check_image_files, check_pick
from src.active.picking.pick_list import check_outputs, next_command, note_other_labels, pick_by_ranking, read_earlier
from src.active.picking.pick_options import PickOptions
from src.command_line import NAMES_HELP, positive_count, positive_number, program_parser, refuse_idle, seed
from src.data.checks.label_sources import all_unlabelled, check_label_state, mark_reviewed, read_label_state
from src.data.formats.reading import is_coco, read_as_coco
from src.data.image_listing import check_is_folder
from src.errors import Faults, entry_point
from src.files import all_or_none


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    add_inputs(parser)
    add_amounts(parser)
    add_rules(parser)
    add_outputs(parser)
    args = parser.parse_args(argv)
    amounts = (args.pick_ratio, args.budget_hours, args.budget_boxes, args.budget_images)
    if amounts == (None,) * len(amounts) and args.picked_file is None:
        parser.error(
            "--pick_ratio is needed, or --budget_hours, --budget_boxes or --budget_images, unless --picked_file is given"
        )
    if args.output_ann_file is None and (args.top_value_file or args.picked_file):
        parser.error("--output_ann_file is needed")
    if args.resume and args.top_value_file is None:
        parser.error("--resume goes with --top_value_file")
    refuse_idle(parser, args, ("resume_anyway", "used_by"), "goes with --resume", not args.resume)
    picking = ("pick_ratio", "budget_hours", "budget_boxes", "budget_images", "at_least", "random_share", "seed")
    why = "goes with --top_value_file; --picked_file was picked before"
    refuse_idle(parser, args, (*picking, "labelling_reports"), why, args.picked_file is not None)
    return args


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Labels, images, and the ranking or an earlier list."""
    parser.add_argument(
        "--ann_file", type=Path, required=True, help="all images with the available labels, in any form of docs/DATA.md"
    )
    help_combine = "COCO file that says which images are labelled so far (default: none is)"
    parser.add_argument("--combine_ann_file", type=Path, help=help_combine)
    help_images = "folder of the images of --ann_file, which forms other than COCO need; for COCO to check that they exist and have "
    parser.add_argument("--img_dir", type=Path, help=help_images + "the size it says")
    help_folder = "folder of further unlabelled images that are ranked as well"
    parser.add_argument("--unlabelled_img_dir", type=Path, help=help_folder)
    help_names = f"classes in the order of their labels, {NAMES_HELP}; text needs them"
    parser.add_argument("--class_names", nargs="+", default=(), help=help_names)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--top_value_file", type=Path, help="top_value_data.json of sorted_values.py")
    source.add_argument("--picked_file", type=Path, help="list of an earlier pick: one file name per line")


def add_amounts(parser: argparse.ArgumentParser) -> None:
    """How much is picked, and what labelling has cost so far."""
    budget = parser.add_mutually_exclusive_group()
    help_ratio = "percent of all images that are labelled afterwards, including the earlier ones; fractions allowed"
    budget.add_argument(
        "--pick_ratio", type=float, help=help_ratio + "; or one of the budgets, unless --picked_file is given"
    )
    budget.add_argument("--budget_hours", type=positive_number, help="hours that labelling the picked images may take")
    budget.add_argument("--budget_boxes", type=positive_number, help="boxes that the picked images may have")
    budget.add_argument("--budget_images", type=positive_count, help="images to pick")
    help_reports = (
        "reports of import_labels.py (NAME_labelling.json) of earlier rounds, oldest first: what labelling has cost"
    )
    parser.add_argument("--labelling_reports", type=Path, nargs="+", default=[], metavar="FILE", help=help_reports)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Which images are picked besides those of the highest scores, and what images without boxes mean."""
    help_least = "minimum number of objects per class, labelled and predicted ones together, such as --at_least mask_weared_incorrect=40"
    parser.add_argument("--at_least", nargs="+", default=[], metavar="CLASS=N", help=help_least)
    help_random = "share of the picked images that are drawn at random, for an unbiased estimate (default 0.1; 0: none)"
    parser.add_argument("--random_share", type=float, default=0.1, help=help_random)
    parser.add_argument("--seed", type=seed, default=10, help="of the random share (default 10; -1: not seeded)")
    help_empty = "the images that have no boxes in --ann_file were reviewed by a human and show no object"
    parser.add_argument("--empty_is_reviewed", action="store_true", help=help_empty)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """What is written, and what may be replaced or resumed."""
    parser.add_argument("--output_ann_file", type=Path, help="COCO file to write; not needed for the check")
    help_policy = (
        "1: all other images unlabelled; 2: all images in the unlabelled stream (default: as --combine_ann_file)"
    )
    parser.add_argument("--policy", type=int, choices=(1, 2), help=help_policy)
    help_list = "write the list only: import_labels.py will write the annotation file"
    parser.add_argument("--list_only", action="store_true", help=help_list)
    help_resume = "resume an earlier pick: keep its list, and write --output_ann_file again if the labels changed"
    parser.add_argument("--resume", action="store_true", help=help_resume)
    help_anyway = "with --resume: continue although the list was picked with other inputs, or --used_by has begun with other labels"
    parser.add_argument("--resume_anyway", action="store_true", help=help_anyway)
    help_used = "with --resume: output folder of the training on --output_ann_file, whose labels must not change during training"
    parser.add_argument("--used_by", type=Path, help=help_used)
    parser.add_argument("--overwrite", action="store_true", help="replace the output files if they exist")


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read and check, pick, hide the labels of the rest, write."""
    options = PickOptions(**vars(parse_args(argv)))
    check_outputs(options)
    faults = Faults()
    of_data = (options.img_dir, options.names)
    known = None
    if options.combine_ann_file:
        known = faults.attempt(read_label_state, options.combine_ann_file, *of_data, options.unlabelled_img_dir)
        if options.combine_ann_file == options.ann_file and options.img_dir is None and not is_coco(options.ann_file):
            faults.report()  # without images nothing more can be said of it
    # Read after the other file, little of which stays in memory.
    if (coco := faults.attempt(read_as_coco, options.ann_file, *of_data, None, options.unlabelled_img_dir)) is None:
        faults.report()
    if options.combine_ann_file is None:
        known = all_unlabelled(coco)
    elif known:
        faults.attempt(check_label_state, known, options.combine_ann_file, coco, options.ann_file)
    if options.img_dir:
        faults.attempt(check_image_files, coco, options.ann_file, options.img_dir, options.unlabelled_img_dir)
    elif options.unlabelled_img_dir:
        faults.attempt(check_is_folder, options.unlabelled_img_dir, "unlabelled images")
    faults.report()
    coco = mark_reviewed(coco, known.reviewed)  # in an earlier round, which a new export does not record
    source = options.picked_file or options.top_value_file
    if source is None:
        check_pick(coco, known, options)
        return
    list_is_new = not options.keeps_list
    picked = pick_by_ranking(coco, known, options) if list_is_new else read_earlier(options)
    note_other_labels(source, options.combine_ann_file)
    if not options.list_only:
        write_labelled(coco, known, picked, options, list_is_new)
    elif not options.resume:  # the script of the rounds, which resumes, goes on by itself
        print(next_command(options))


if __name__ == "__main__":
    main()
