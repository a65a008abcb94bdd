"""Check a data set for errors and suspicious labels before it is trained on.

    python -m src.data.doctor --ann_file data/train_25.json --img_dir data/train/images --images

Errors must be fixed: training refuses to start with them. Suspicious findings are valid but usually a mistake; training
starts and logs them. Exit status: 0 without errors, 1 with errors, 2 for a mistake on the command line.

Without --images the headers of the image files are read, as training does when it starts, and one image of each kind is
decoded. With --images all are: broken and truncated files are found, and duplicate images. With --leave_out_faulty it says
what training with that option will leave out. With --contact_sheet labelled images are drawn with their boxes, to look at what
is trained on.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from src.command_line import NAMES_HELP, parse_names, program_parser, refuse_idle
from src.data.annotations import (
    Annotations,
    ImageEntry,
    boxes_and_crowds,
    count_boxes,
    count_empty,
    image_path,
    unlabelled_folder,
)
from src.data.checks.duplicate_images import SAME_FROM, group_same_pictures
from src.data.checks.image_files import check_header, check_images, check_pixels
from src.data.checks.left_out import LeftOut, add_options, describe, sentence_on
from src.data.checks.suspicious_labels import doubted_classes, unread_outlines
from src.data.class_shares import boxes_by_class
from src.data.formats.reading import is_coco, read_data
from src.data.training_data import Sources, TrainingData, examine
from src.errors import SHOWN_FAULTS, DataError, Faults, UserError, entry_point, first_and_list, write_whole_list
from src.report.contact_sheet import check_new_folder, write_contact_sheets
from src.wording import counted, kind_of

MOST_COMPARED = 50_000  # images compared in pairs; 20,000 took 11 s and 160 MB, and time grows with the square
SHOWN = 5  # images of one group


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__, prog="python -m src.data.doctor")
    parser.add_argument(
        "--ann_file", type=Path, required=True, help="annotations of training, in any form of docs/DATA.md"
    )
    parser.add_argument("--img_dir", type=Path, required=True, help="folder of its images")
    parser.add_argument("--unlabelled_img_dir", type=Path, help="folder of further unlabelled images")
    parser.add_argument("--eval_ann_file", type=Path, help="annotation file of the evaluation images")
    parser.add_argument("--eval_img_dir", type=Path, help="folder of the evaluation images")
    parser.add_argument(
        "--num_gts", type=int, help="most objects an image may have, as in training (default: any number)"
    )
    parser.add_argument(
        "--class_names", nargs="+", default=(), help=f"classes in the order of their labels, {NAMES_HELP}"
    )
    parser.add_argument("--images", action="store_true", help="decode every image, too")
    parser.add_argument("--masks", action="store_true", help="the detector has masks: check those of the objects, too")
    add_options(parser)
    help_sheet = "folder to make: contact sheets of the labelled images with their boxes, to look at before training"
    parser.add_argument("--contact_sheet", type=Path, metavar="DIR", help=help_sheet)
    args = parser.parse_args(argv)
    refuse_idle(parser, args, ("faulty_at_most",), "goes with --leave_out_faulty", not args.leave_out_faulty)
    if (args.eval_ann_file is None) != (args.eval_img_dir is None):
        parser.error("--eval_ann_file and --eval_img_dir belong together: give both or none")
    return args


def from_folder(data: TrainingData) -> tuple[ImageEntry, ...]:
    """The images of --unlabelled_img_dir, which no annotation file names."""
    return tuple(entry for entry in data.unlabelled if entry.path is not None)


def check_folder_pixels(data: TrainingData | None, folder: Path) -> None:
    """Decode the images of --unlabelled_img_dir; of these and other data with faults, those whose headers can be read.

    Raises:
        DataError: lists every file that cannot be decoded.
    """
    entries = from_folder(data) if data else ()
    if not entries:
        try:
            entries = unlabelled_folder(folder, 1, LeftOut(str(folder)))
        except UserError:  # which ``examine`` has found, too
            return
    check_images(Annotations((), (), entries), folder, check_pixels)


def doubted_despite_faults(sources: Sources) -> list[str]:
    """Suspicious names of classes in annotations with faults; the other findings would be about what is left of them."""
    try:
        usable = read_data(sources.ann_file, sources.img_dir, sources.class_names, left_out=LeftOut(""))
    except UserError:  # which ``examine`` has found, too
        return []
    return doubted_classes(usable)


def last_line(errors: int, doubts: int, data_is_read: bool) -> str:
    """The numbers of findings, and what was not looked for because of errors."""
    found = f"{counted(errors, 'error')}, {counted(doubts, 'suspicious finding')}"
    if not errors:
        return found
    corrected = "it is corrected" if errors == 1 else "they are corrected"
    if data_is_read:
        return f"{found}; further checks follow when {corrected}"
    return f"{found} in the names of classes; the labels were not looked at, further checks follow when {corrected}"


def same_pictures(data: TrainingData, sources: Sources) -> list[str]:
    """Duplicate images; the worst are those both in training and in evaluation."""
    trained = (*data.annotations.images, *from_folder(data))
    paths = [image_path(entry, sources.img_dir) for entry in trained]
    if data.evaluation:
        paths += [image_path(entry, sources.eval_img_dir) for entry in data.evaluation.images]
    found = []
    alike = SAME_FROM if len(paths) <= MOST_COMPARED else 2
    if alike > 1:
        print(f"{len(paths)} pictures are too many to compare all pairs: only equal ones are found")
    for group in group_same_pictures(paths, alike):
        shown = ", ".join(str(paths[index]) for index in group[:SHOWN])
        shown += f" and {len(group) - SHOWN} more" if len(group) > SHOWN else ""
        if group[0] < len(trained) <= group[-1]:
            found.append(f"the same picture is in training and evaluation, which inflates AP: {shown}")
        elif len(group) > 1:
            found.append(f"the same picture occurs {len(group)} times: {shown}; keep the one whose boxes are correct")
    return found


def first_of_each_kind(sentences: Sequence[str]) -> list[str]:
    """Lines with the first sentences of each kind, which differ only in names and numbers, and how many more of it there are."""
    kinds: dict[str, list[str]] = {}
    for sentence in sentences:
        kinds.setdefault(kind_of(sentence), []).append(sentence)
    shown = []
    for alike in kinds.values():
        more = len(alike) - SHOWN_FAULTS
        shown += [f"  error: {sentence}" for sentence in alike[:SHOWN_FAULTS]]
        shown += [f"  ... and {more:,} more of this kind"] if more > 0 else []
    return shown


def report(faults: Faults, doubts: Sequence[str], source: str) -> str:
    """The first errors of each kind, then everything suspicious.

    Args:
        source: the data, see ``write_whole_list``.
    """
    lines = []
    for error in faults.errors:
        sentences = error.faults if isinstance(error, DataError) else [str(error)]
        lines += [f"{error.title}:" if isinstance(error, DataError) else "data:"]
        lines += first_of_each_kind(sentences)
    rows = [row for error in faults.errors for row in error.rows or getattr(error, "faults", [str(error)])]
    if sum(line.startswith("  error: ") for line in lines) < len(rows) and (whole := write_whole_list(rows, source)):
        lines.append(whole)
    lines += [f"suspicious: {sentence}" for sentence in doubts]
    return "\n".join(lines)


def left_out_of(data: TrainingData | None, source: str) -> list[str]:
    """What --leave_out_faulty leaves out: the counts; then a sentence for each image and box or, of many, for each reason.

    Args:
        source: the data, see ``write_whole_list``.
    """
    left_out = data.left_out if data else ()
    shown = [sentence for one in left_out for sentence in one.shown()]
    rows = [sentence_on(row) for one in left_out for row in one.rows]
    whole = write_whole_list(rows, f"{source}, left out") if len(shown) < len(rows) else ""
    return [*describe(left_out), *(f"  left out: {sentence}" for sentence in shown), *([whole] if whole else [])]


def count_errors(errors: Sequence[UserError]) -> int:
    """How many faults the errors list."""
    return sum(len(error.faults) if isinstance(error, DataError) else 1 for error in errors)


def by_class(names: Sequence[str], entries: Sequence[ImageEntry]) -> str:
    """Each class with the number of its boxes in labelled images, crowds left out."""
    counts = boxes_by_class(entries, len(names))
    return ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))


def draw_contact_sheets(data: TrainingData, sources: Sources, folder: Path) -> None:
    """Draw what is about to be trained on, and say where it is and what could not be drawn."""
    names = data.annotations.class_names
    files, drawn, faults = write_contact_sheets(data.labelled, names, sources.img_dir, folder)
    sheets = counted(len(files), "contact sheet")
    print(f"{folder}: {drawn} of {counted(len(data.labelled), 'labelled image')} on {sheets}")
    for line in first_and_list([f"not drawn: {fault}" for fault in faults], f"{folder}, not drawn"):
        print(line)


def print_counts(data: TrainingData) -> None:
    """Print the numbers of images and boxes, and the boxes of each class."""
    boxes = boxes_and_crowds(*count_boxes(data.labelled))
    classes = counted(len(data.annotations.class_names), "class")
    summary = f"{counted(len(data.labelled), 'labelled image')} with {boxes} of {classes} "
    summary += f"({count_empty(data.labelled)} without a box), {counted(len(data.unlabelled), 'unlabelled image')}"
    if data.evaluation:
        boxes = boxes_and_crowds(*count_boxes(data.evaluation.images))
        summary += f", {counted(len(data.evaluation.images), 'evaluation image')} with {boxes}"
    print(summary)
    if len(data.annotations.class_names) > 1:
        names = data.annotations.class_names
        print(f"boxes by class: {by_class(names, data.labelled)}")
        if data.evaluation and data.evaluation.class_names == names:
            print(f"in evaluation:  {by_class(names, data.evaluation.labelled)}")


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Examine, report, end with status 1 if there are errors."""
    args = parse_args(argv)
    if args.contact_sheet:
        check_new_folder(args.contact_sheet)
    sources = Sources(
        args.ann_file,
        args.img_dir,
        unlabelled_img_dir=args.unlabelled_img_dir,
        eval_ann_file=args.eval_ann_file,
        eval_img_dir=args.eval_img_dir,
        max_gts=args.num_gts,
        class_names=parse_names(args.class_names),
        masks=args.masks,
        faulty_at_most=args.faulty_at_most if args.leave_out_faulty else None,
    )
    data, faults = examine(sources, check_pixels if args.images else check_header)
    if args.images and args.unlabelled_img_dir and not args.leave_out_faulty:
        of_folder = Faults()
        of_folder.attempt(check_folder_pixels, data, args.unlabelled_img_dir)
        faults.add_new(of_folder.errors)  # the annotation file may name images of this folder, too
    doubts = list(data.suspicions) if data else doubted_despite_faults(sources)
    if data and not faults.errors and not args.masks and not args.leave_out_faulty:
        files = (sources.ann_file, *([sources.eval_ann_file] if data.evaluation else []))
        doubts += [sentence for file in files if is_coco(file) for sentence in unread_outlines(file)]
    if data and args.images and not faults.errors:
        doubts += same_pictures(data, sources)
    if text := report(faults, doubts, str(args.ann_file)):
        print(text)
    for sentence in left_out_of(data, str(args.ann_file)):
        print(sentence)
    count = count_errors(faults.errors)
    if data:
        print_counts(data)
    if args.contact_sheet and data:
        draw_contact_sheets(data, sources, args.contact_sheet)
    elif args.contact_sheet:
        print("no contact sheets: the annotations cannot be read")
    print(last_line(count, len(doubts), data is not None))
    if count:
        sys.exit(1)


if __name__ == "__main__":
    main()
