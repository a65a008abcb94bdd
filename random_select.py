"""Keep the labels of a random share of the images of a data set and hide all others, to try semi-supervised training.

    python random_select.py --ann_file instances_train.json --label_ratio 25 --output_ann_file instances_train_25.json

Hidden images get "labelled": false, and the file has no annotations of them. Its "info" holds its provenance. With
--policy 2 the labelled images join the unlabelled ones in the unlabelled stream ("also_unlabelled": true), so that it holds
every image. With --label_ratio 100 no label is hidden: labels of any form become a COCO file.

--ann_file must have the labels of all images, so an image without boxes counts as reviewed and empty. The program
prints how many there are, and warns about an unusual share. With --leave_out_faulty what cannot be used is left out and
listed in <stem of the output>_left_out.json; with --img_dir image files are decoded for that.
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.active.selection import choose_random, label_count
from src.command_line import NAMES_HELP, parse_names, program_parser, refuse_idle, seed
from src.data.annotations import COCO_FORM, boxes_and_crowds
from src.data.checks.label_sources import names_with_boxes, unconfirmed_empty
from src.data.checks.left_out import LeftOut, add_options, write_left_out
from src.data.checks.suspicious_labels import too_many_empty
from src.data.formats.coco_rows import write_coco
from src.data.formats.label_states import count_rows, hide_labels, unlabelled_ids
from src.data.formats.reading import is_coco, read_as_coco
from src.data.formats.tools.tool_place import tool_place
from src.data.provenance import made_from, origin_of_coco, with_origin
from src.data.training_data import usable_coco
from src.errors import UserError, entry_point
from src.files import all_or_none, check_apart, check_free
from src.wording import as_percent, counted


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument(
        "--ann_file", type=Path, required=True, help="the labels of all images, in any form of docs/DATA.md"
    )
    parser.add_argument("--img_dir", type=Path, help="folder of the images, which forms other than COCO need")
    help_unlabelled = "folder of unlabelled images: images of Pascal VOC and YOLO in it need no file of labels; those without are not written"
    parser.add_argument("--unlabelled_img_dir", type=Path, help=help_unlabelled)
    help_names = f"classes in the order of their labels, {NAMES_HELP}; text needs them"
    parser.add_argument("--class_names", nargs="+", default=(), help=help_names)
    help_ratio = "percent of the images that stay labelled; fractions allowed; 100: all, to convert to COCO"
    parser.add_argument("--label_ratio", type=float, required=True, help=help_ratio)
    help_policy = "1: all other images unlabelled (default); 2: all images in the unlabelled stream"
    parser.add_argument("--policy", type=int, choices=(1, 2), default=1, help=help_policy)
    parser.add_argument("--output_ann_file", type=Path, required=True, help="COCO file to write")
    parser.add_argument(
        "--seed", type=seed, default=10, help="another seed gives another choice (default 10; -1: not seeded)"
    )
    add_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace --output_ann_file if it exists")
    args = parser.parse_args(argv)
    refuse_idle(parser, args, ("faulty_at_most",), "goes with --leave_out_faulty", not args.leave_out_faulty)
    return args


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, hide, write, report."""
    args = parse_args(argv)
    left_out = LeftOut(str(args.ann_file), args.faulty_at_most) if args.leave_out_faulty else None
    check_free(args.output_ann_file, args.overwrite)
    list_file = args.output_ann_file.with_name(f"{args.output_ann_file.stem}_left_out.json")
    outputs = [args.output_ann_file, *([list_file] if left_out else [])]
    for path in outputs[1:]:
        check_free(path, args.overwrite)
    check_apart(outputs, {"ann_file": args.ann_file})
    source = (args.ann_file, args.img_dir, parse_names(args.class_names))
    coco = (usable_coco if left_out else read_as_coco)(*source, left_out, args.unlabelled_img_dir)
    already_unlabelled = unlabelled_ids(coco)
    if already_unlabelled:
        raise UserError(
            f"{args.ann_file}: {counted(len(already_unlabelled), 'image', 'are')} unlabelled already; pass the file with the labels of all images"
        )
    image_ids = [image["id"] for image in coco["images"]]
    labelled = choose_random(image_ids, label_count(args.label_ratio, len(image_ids)), args.seed)
    hidden = hide_labels(coco, labelled, also_unlabelled=args.policy == 2)
    settings = {"label_ratio": args.label_ratio, "policy": args.policy, "seed": args.seed}
    settings |= {"faulty_at_most": args.faulty_at_most} if left_out else {}
    is_coco = args.ann_file.is_file() and "info" in coco
    before = {"ann_file": origin_of_coco(args.ann_file) if is_coco else None}
    inputs = {"ann_file": args.ann_file if args.ann_file.is_file() else None}  # XML files lie in a folder
    origin = made_from("random_select.py", inputs, settings, before)
    notes = write_left_out(list_file, [left_out] if left_out else [], args.overwrite)
    write_coco(args.output_ann_file, with_origin(hidden, origin), args.overwrite)
    unlabelled = len(image_ids) - (len(labelled) if args.policy == 1 else 0)
    print(
        f"{args.output_ann_file}: {counted(len(image_ids), 'image')}, {len(labelled)} labelled, {unlabelled} unlabelled; the labels "
        f"that stay are {boxes_and_crowds(*count_rows(hidden))}"
    )
    report(args, coco, notes)


def report(args: argparse.Namespace, coco: dict[str, Any], notes: Sequence[str]) -> None:
    """Print ``notes``, and what else must be known about the images of the checked COCO file."""
    for sentence in notes:
        print(sentence)
    if args.unlabelled_img_dir:
        folder = shlex.join(["--unlabelled_img_dir", str(args.unlabelled_img_dir)])
        print(f"all other images of that folder are unlabelled where {folder} is given, too")
    if hint := as_percent(args.label_ratio):
        print(f"note: --label_ratio is in percent{hint}")
    count = len(coco["images"])
    print(f"{count - len(names_with_boxes(coco))} of the {count} images have no box and count as empty")
    tool = None if is_coco(args.ann_file) else tool_place(args.ann_file)
    for sentence in too_many_empty(sorted(unconfirmed_empty(coco)), count, tool.form if tool else COCO_FORM):
        print(f"suspicious: {sentence}")


if __name__ == "__main__":
    main()
