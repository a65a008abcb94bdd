"""Convert the Pascal VOC annotations of a folder (annotations/, images/) to one COCO JSON file.

    python -m src.xml2coco --data_path data/train --save_path data/annotations/instances_train.json

Classes are those found, sorted, or the given ones in their order. Image and annotation ids count from 1. Images without
objects stay: they count as reviewed and empty. Objects marked difficult become crowds. Without an images/ folder the names and
sizes of the XML files are taken. The "info" of the file holds its provenance. With --leave_out_faulty what cannot be used is left out and
listed in SAVE_PATH without its .json, plus _left_out.json.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

if not __package__:  # started as a file: python src/xml2coco.py
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.command_line import NAMES_HELP, parse_names, program_parser, refuse_idle, spell_names
from src.data.annotations import boxes_and_crowds
from src.data.checks.changed_inputs import changed_inputs
from src.data.checks.files.other_labels import VOC, other_labels
from src.data.checks.label_sources import unconfirmed_empty
from src.data.checks.left_out import LeftOut, add_options, note_image, write_left_out
from src.data.checks.suspicious_labels import too_many_empty
from src.data.classes import alike_names, check_names
from src.data.formats.label_states import count_rows
from src.data.formats.voc import VocImage, images_without_xml, list_xmls, pair_files, read_voc, xml_hash
from src.data.formats.voc_folder import as_coco, clear_voc, despite_faults, read_voc_files, voc_doubts
from src.data.image_listing import IMAGE_SUFFIXES, all_files, passed_over
from src.data.provenance import MadeFrom, made_from, with_origin
from src.errors import DataError, Faults, UserError, entry_point
from src.files import all_or_none, check_apart, check_free, write_json
from src.wording import counted


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument("--data_path", type=Path, required=True, help="folder with annotations/ and images/")
    parser.add_argument("--save_path", type=Path, required=True, help="COCO JSON file to write")
    help_classes = f"class names in the order of their ids, {NAMES_HELP} (default: those found, sorted)"
    parser.add_argument("--classes", nargs="+", help=help_classes)
    help_some = "images without an XML file are unlabelled ones and not written (default: they are faults)"
    parser.add_argument("--some_unlabelled", action="store_true", help=help_some)
    add_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace --save_path if it exists")
    args = parser.parse_args(argv)
    refuse_idle(parser, args, ("faulty_at_most",), "goes with --leave_out_faulty", not args.leave_out_faulty)
    return args


def input_files(data_path: Path) -> list[Path]:
    """The XML files and images of the folder."""
    suffixes = {".xml", *IMAGE_SUFFIXES}
    return [data_path / name for name in all_files(data_path) if PurePosixPath(name).suffix.lower() in suffixes]


def read_folder(data_path: Path, left_out: LeftOut | None, faults: Faults, some_unlabelled: bool) -> list[VocImage]:
    """Every XML file of the folder, sorted, each with the name and size of its image as it lies on the disk.

    Args:
        left_out: takes files and images that cannot be used, which are faults without it; every image is decoded then.
        faults: gets every fault of every file. some_unlabelled: images without XML file are passed over.
    """
    if (data_path / "images").is_dir():
        pair = partial(pair_files, some_unlabelled=some_unlabelled)
        files = [
            (image, data_path / "images" / image, data_path / "annotations" / xml)
            for image, xml in despite_faults(faults, left_out, pair, data_path)
        ]
        read = partial(read_voc_files, decode=left_out is not None)
        return despite_faults(faults, left_out, read, files, data_path, data_path)
    found, wrong = [], []
    for name in list_xmls(data_path):
        try:
            found.append(_as_in_xml(read_voc(data_path / "annotations" / name), name))
        except DataError as error:
            note_image(left_out, wrong, name, [f"annotations/{name}: {fault}" for fault in error.faults])
        except UserError as error:
            note_image(left_out, wrong, name, [f"annotations/{name}: {error}"])
    if wrong:
        faults.errors.append(DataError(str(data_path), wrong))
    return found


def origin_of(data_path: Path, save_path: Path, names: list[str]) -> MadeFrom:
    """What the COCO file is made from: all XML files count as one input, named from the folder of the file on."""
    folder = data_path.absolute() / "annotations"
    known = folder.is_relative_to(save_path.absolute().parent)
    name = folder.relative_to(save_path.absolute().parent if known else folder.parents[1]).as_posix()
    origin = made_from("xml2coco.py", {}, {"classes": names})
    origin["inputs"]["annotations"] = {"name": name, "sha256": xml_hash(folder)}
    return origin


def given_names(words: Sequence[str] | None) -> list[str]:
    """--classes, see ``parse_names``.

    Raises:
        UserError: see ``check_names``.
    """
    names = list(parse_names(words or (), "classes"))
    check_names(names, "classes")
    return names


def _as_in_xml(voc: VocImage, xml_name: str) -> VocImage:
    if voc.size is None or not voc.file_name:
        raise UserError("no images/ folder, and the XML lacks <filename> or <size>")
    return VocImage((PurePosixPath(xml_name).parent / voc.file_name).as_posix(), voc.size, voc.objects)


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read, choose the classes, convert, write, report."""
    args = parse_args(argv)
    left_out = LeftOut(str(args.data_path), args.faulty_at_most) if args.leave_out_faulty else None
    list_file = args.save_path.with_name(f"{args.save_path.stem}_left_out.json")
    for path in (args.save_path, *([list_file] if left_out else [])):
        check_free(path, args.overwrite)
    check_apart([args.save_path, list_file], {"classes": args.classes, "data_path": input_files(args.data_path)})
    given = given_names(args.classes)
    faults = Faults()
    found = read_folder(args.data_path, left_out, faults, args.some_unlabelled)
    if left_out is not None:
        found = clear_voc(found, given, left_out)
        left_out.check(len(found), sum(len(voc.objects) for voc in found))
    coco, clipped = as_coco(found, given, "classes", faults)
    names = [category["name"] for category in coco["categories"]]
    notes = write_left_out(list_file, [left_out] if left_out else [], args.overwrite)
    write_json(args.save_path, with_origin(coco, origin_of(args.data_path, args.save_path, names)), args.overwrite)
    counts = {
        crowd: Counter(row["category_id"] for row in coco["annotations"] if row["iscrowd"] == crowd) for crowd in (0, 1)
    }
    empty = len(found) - len({row["image_id"] for row in coco["annotations"]})
    boxes = boxes_and_crowds(*count_rows(coco))
    print(f"{args.save_path}: {counted(len(found), 'image')} ({empty} without objects), {boxes} ({clipped} clipped)")
    for sentence in notes:
        print(sentence)
    images = args.data_path / "images"
    if args.some_unlabelled and images.is_dir() and (unlabelled := images_without_xml(args.data_path)):
        words = shlex.join(["--unlabelled_img_dir", str(images)])
        print(f"{counted(len(unlabelled), 'image')} without an XML file are unlabelled ones: give training {words}")
    for number, name in enumerate(names, start=1):
        print(f"  {number} {name}: {boxes_and_crowds(counts[0][number], counts[1][number])}")
    for sentence in (
        *alike_names(names),
        *voc_doubts(found),
        *passed_over(args.data_path / "images"),
        *other_labels(args.data_path / "annotations", VOC),
        *too_many_empty(sorted(unconfirmed_empty(coco)), len(found)),
        *changed_inputs(args.data_path / "annotations"),
    ):
        print(f"suspicious: {sentence}")
    if args.classes is None:
        print(f"for the same ids in another file of this data set: --classes {spell_names(names)}")


if __name__ == "__main__":
    main()
