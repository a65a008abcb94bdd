"""Split a Pascal VOC folder (images/ and annotations/) into train/ and val/ of the same form.

    python -m src.split_data --data_path data/facemask --output_path data/facemask_split

Files are copied, never moved. The split depends on the names, the pictures and the seed only. Images that show the
same picture (equal pixels, or re-saved, resized, watermarked) stay on one side, else the validation set would hold
images that were trained on. With --some_unlabelled images without an XML file go to train/images, but for those that show a picture of
the validation set, which go nowhere. split.json says which images went where, and what the split was made from.
"""

import argparse
import os
import random
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started as a file: python src/split_data.py
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.command_line import any_count, program_parser, refuse_idle
from src.data.checks.duplicate_images import SAME_FROM, group_same_pictures
from src.data.checks.files.other_labels import VOC, other_labels
from src.data.checks.left_out import FILE_NAME, LeftOut, add_options, write_left_out
from src.data.formats.voc import images_without_xml, pair_files
from src.data.images import decode_to_end
from src.data.provenance import MadeFrom, folder_hash, made_from
from src.errors import DataError, UserError, entry_point, first_and_list
from src.files import cannot_write, check_free, sync, unfinished_folder, write_json
from src.wording import as_share, counted

SIDES = ("train", "val")
KINDS = ("images", "annotations")
SPLIT_FILE = "split.json"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument("--data_path", type=Path, required=True, help="folder with images/ and annotations/")
    parser.add_argument("--output_path", type=Path, help="where train/ and val/ are made (default: data_path)")
    parser.add_argument(
        "--val_ratio", type=float, default=0.2, help="share of the images for val, 0 to 1 (default 0.2)"
    )
    parser.add_argument("--seed", type=any_count, default=10, help="another seed gives another split (default 10)")
    help_same = (
        f"edge correlation from which two images count as one picture (default {SAME_FROM}; 2: equal pixels only)"
    )
    parser.add_argument("--same_from", type=correlation, default=SAME_FROM, help=help_same)
    help_some = "images without an XML file are unlabelled ones: all go to train/images (default: they are faults)"
    parser.add_argument("--some_unlabelled", action="store_true", help=help_some)
    add_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier, equal split")
    args = parser.parse_args(argv)
    refuse_idle(parser, args, ("faulty_at_most",), "goes with --leave_out_faulty", not args.leave_out_faulty)
    return args


def correlation(text: str) -> float:
    """A correlation of edges, or 2, as the type of an option."""
    value = float(text)
    if not -1 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text}: must be -1 to 1, or 2")
    return value


def usable_pairs(
    data_path: Path, at_most: float | None, some_unlabelled: bool
) -> tuple[list[tuple[str, str]], list[LeftOut]]:
    """Pairs of images and XML files, and what was left out of them.

    Args:
        some_unlabelled: images without XML file are passed over.
        at_most: percent of the images that may be left out, because they have no partner or cannot be decoded; None: nothing is.

    Raises:
        UserError: more cannot be used; without `at_most`, anything at all.
    """
    if at_most is None:
        return pair_files(data_path, None, some_unlabelled), []
    left_out, kept = LeftOut(str(data_path), at_most), []
    for image, xml in pair_files(data_path, left_out, some_unlabelled):
        try:
            decode_to_end(data_path / "images" / image)
            kept.append((image, xml))
        except UserError as error:
            left_out.image(image, [str(error)])
    left_out.check(len(kept), 0)
    return kept, [left_out] if left_out.rows else []


def choose_val(groups: list[list[int]], val_ratio: float, seed: int) -> set[int]:
    """Indices of the validation set: whole groups in an order drawn from ``seed``, until floor(ratio x count) are found.

    Raises:
        UserError: the groups are too large for a validation set of even half that size.
    """
    count = sum(map(len, groups))
    if count < 2:
        raise UserError("a split needs at least 2 images")
    if not 0 < val_ratio < 1:
        raise UserError(f"--val_ratio {val_ratio:g}: must lie between 0 and 1, such as 0.2{as_share(val_ratio)}")
    target = min(max(1, int(val_ratio * count)), count - 1)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    val: set[int] = set()
    for group in order:
        if len(val) + len(group) <= target:
            val.update(group)
    if 2 * len(val) < target:
        raise UserError(
            f"no split possible: {max(map(len, groups))} of {count} images look like one picture and would stay "
            "together; if a fixed camera took them, pass --same_from 2 so that only equal pixels count"
        )
    return val


def labelled_groups(groups: list[list[int]], count: int) -> list[list[int]]:
    """The groups, only with the indices below ``count``, which are those of the labelled images."""
    kept = ([index for index in group if index < count] for group in groups)
    return [group for group in kept if group]


def copy_split(data_path: Path, output_path: Path, sides: dict[str, list[tuple[str, ...]]], overwrite: bool) -> None:
    """Copy the pairs, and the images without XML, of each side to output_path/{train,val}/{images,annotations}; all of them or none."""
    planned = {
        f"{side}/{kind}/{name}": data_path / kind / name
        for side, pairs in sides.items()
        for pair in pairs
        for kind, name in zip(KINDS, pair, strict=False)
    }
    _check_output(output_path, planned.keys(), overwrite)
    try:
        with unfinished_folder(output_path / "split") as staging:
            for name, source in planned.items():
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, staging / name)
                sync(staging / name)
            for name in planned:
                (output_path / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(staging / name, output_path / name)
            for folder in {(output_path / name).parent for name in planned}:
                sync(folder)
    except OSError as error:
        raise cannot_write(output_path, error, "the split cannot be written") from error


def check_outside(data_path: Path, output_path: Path) -> None:
    """Raise a UserError if the split would lie among the images or annotations that it is made from, and count as some of them."""
    for kind in KINDS:
        if output_path.resolve().is_relative_to((data_path / kind).resolve()):
            raise UserError(
                f"{output_path}: lies in {data_path / kind}, whose files are split; choose another --output_path"
            )


def split_origin(data_path: Path, pairs: Sequence[tuple[str, str]], args: argparse.Namespace) -> MadeFrom:
    """What the split is made from: all files of a folder count as one input, by their names and contents."""
    settings = {"val_ratio": args.val_ratio, "seed": args.seed, "same_from": args.same_from}
    origin = made_from("split_data.py", {}, settings)
    for kind, names in zip(KINDS, zip(*pairs, strict=True), strict=True):
        origin["inputs"][kind] = {"name": kind, "sha256": folder_hash(data_path / kind, names)}
    return origin


def _check_output(output_path: Path, planned: set[str], overwrite: bool) -> None:
    """Refuse to mix two splits: files of another one would put an image on both sides."""
    there = {
        (Path(place) / name).relative_to(output_path).as_posix()
        for side in SIDES
        for place, _, files in os.walk(output_path / side)
        for name in files
    }
    if there and not overwrite:
        raise UserError(
            f"{output_path}: holds {counted(len(there), 'file')} in train/ and val/ already; pass --overwrite or another --output_path"
        )
    if there - planned:
        faults = [f"{name} is not part of this split" for name in sorted(there - planned)]
        raise DataError(
            f"{output_path} holds another split; remove its train/ and val/ or choose another --output_path", faults
        )


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Pair, group, choose, copy, report."""
    args = parse_args(argv)
    output_path = args.output_path or args.data_path
    check_outside(args.data_path, output_path)
    pairs, left_out = usable_pairs(
        args.data_path, args.faulty_at_most if args.leave_out_faulty else None, args.some_unlabelled
    )
    unlabelled = images_without_xml(args.data_path) if args.some_unlabelled else []
    check_free(output_path / FILE_NAME, args.overwrite or not left_out)
    names = [*(image for image, _ in pairs), *unlabelled]
    groups = group_same_pictures([args.data_path / "images" / name for name in names], args.same_from)
    val = choose_val(labelled_groups(groups, len(pairs)), args.val_ratio, args.seed)
    dropped = {index for group in groups if group[0] in val for index in group if index >= len(pairs)}
    more = [name for index, name in enumerate(unlabelled, start=len(pairs)) if index not in dropped]
    sides = {
        "train": [pair for index, pair in enumerate(pairs) if index not in val],
        "val": [pair for index, pair in enumerate(pairs) if index in val],
    }
    content = {"made_from": split_origin(args.data_path, pairs, args)}
    content |= {side: [image for image, _ in pairs_of] for side, pairs_of in sides.items()}
    content |= {"unlabelled": more} if args.some_unlabelled else {}
    check_free(output_path / SPLIT_FILE, args.overwrite)
    copied = sides | {"train": [*sides["train"], *((name,) for name in more)]}
    copy_split(args.data_path, output_path, copied, args.overwrite)
    write_json(output_path / SPLIT_FILE, content, args.overwrite, indent=1)
    for sentence in write_left_out(output_path / FILE_NAME, left_out, args.overwrite):
        print(sentence)
    same = [
        f"same picture, kept together in {'val' if group[0] in val else 'train'}: "
        + " ".join(names[i] for i in group if i not in dropped)
        for group in groups
        if len(group) > 1
    ]
    for line in first_and_list(same, f"{output_path}, same pictures"):
        print(line)
    if args.some_unlabelled:
        images = output_path / "train" / "images"
        print(
            f"{counted(len(more), 'image')} without an XML file in {images}, too: give training {shlex.join(['--unlabelled_img_dir', str(images)])}; "
            f"{len(dropped)} show a picture of val and were not copied"
        )
    for sentence in other_labels(args.data_path / "annotations", VOC):
        print(f"suspicious: {sentence}")
    print(
        f"{counted(len(pairs), 'image')}: {len(sides['train'])} in {output_path / 'train'}, {len(sides['val'])} in {output_path / 'val'}"
    )


if __name__ == "__main__":
    main()
