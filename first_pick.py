"""Choose the first images to label, from a folder of images and a list of classes: no labels and no detector are needed.

    python first_pick.py --img_dir photos --class_names cat,dog --output_ann_file photos.json
    python first_pick.py --img_dir photos --class_names cat,dog --output_ann_file photos.json --pre_trained resnet18.npz

Without weights the images are spread over the sub-folders: one of each, the largest first, then each sub-folder its share. With
--pre_trained, ImageNet weights or a detector, they are chosen by the strategy coverage, from features of whole images: those that stand for most others come first.
Then a tenth of them is drawn at random, for an unbiased estimate of the rest. In both cases near-duplicates are skipped.

Written are the annotation file, in which every image is unlabelled (import_labels.py and training take it), and beside it
<its stem>_picked.txt, the list for export_tasks.py, and <its stem>_picked.csv, why each image is in it. Images that cannot be
decoded are left out of both, and listed in <its stem>_left_out.json.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.active.acquisition import acquire
from src.active.picking.budget import Budget
from src.active.picking.composition import Rules, compose
from src.active.picking.near_duplicates import NearDuplicates
from src.active.picking.pick_list import reasons_file, write_pick
from src.active.picking.pick_options import list_beside
from src.active.pool_files import PoolFiles, read_pool
from src.active.strategies.pool import Options
from src.active.sub_folders import by_sub_folder, spread
from src.command_line import NAMES_HELP, parse_names, positive_count, program_parser, seed, to_paste
from src.data.annotations import Annotations
from src.data.checks.image_files import files_hash
from src.data.checks.left_out import LeftOut, write_left_out
from src.data.classes import alike_names, check_names, foreground, joined_names
from src.data.formats.coco_annotations import to_coco
from src.data.image_listing import list_images
from src.data.provenance import made_from, side_file, with_origin
from src.data.training_data import usable_folder
from src.errors import UserError, entry_point
from src.files import all_or_none, check_apart, check_free, write_json
from src.recipe.start_weights import read_weight_file
from src.wording import counted

SPREAD, COVERAGE = "spread", "coverage"
_RANDOM_SHARE = 0.1  # beside coverage, as of pick_select.py
_SIDE = 320  # pixels, of the network input for features of whole images; ImageNet networks are trained at 224


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument("--img_dir", type=Path, required=True, help="folder of the images, with its sub-folders")
    help_names = f"classes in the order of their labels, {NAMES_HELP}"
    parser.add_argument("--class_names", nargs="+", required=True, help=help_names)
    parser.add_argument("--budget_images", type=positive_count, default=50, help="images to pick (default 50)")
    help_weights = "pre-trained weights of a ResNet (.npz, or .ckpt of src.convert_checkpoint): pick by coverage"
    parser.add_argument("--pre_trained", type=Path, help=help_weights)
    parser.add_argument("--output_ann_file", type=Path, required=True, help="COCO file to write")
    parser.add_argument(
        "--seed", type=seed, default=10, help="another seed gives another pick (default 10; -1: not seeded)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output files if they exist")
    return parser.parse_args(argv)


def read_classes(words: Sequence[str]) -> tuple[str, ...]:
    """The classes to detect, from words that `parse_names` reads.

    Raises:
        UserError: there is none, one is given twice, or a file of them cannot be read.
    """
    names = parse_names(words)
    check_names(names)
    if not (classes := foreground(names)):
        raise UserError("class_names: no class to detect; name at least one")
    return classes


def read_folder(img_dir: Path, classes: Sequence[str]) -> tuple[dict[str, Any], LeftOut]:
    """The images of a folder as a COCO file without labels, and those that cannot be decoded.

    Raises:
        UserError: there is no such folder, or no image that can be decoded.
    """
    left_out = LeftOut(str(img_dir), at_most=100)  # an image that nobody has labelled costs nothing
    entries = usable_folder(img_dir, 1, left_out)
    if not entries:
        raise UserError(
            f"{img_dir}: none of its {left_out.of_images} images can be decoded, such as {left_out.images[0]['reason']}"
        )
    return to_coco(Annotations(tuple(classes), tuple(range(1, len(classes) + 1)), entries)), left_out


def checked_outputs(args: argparse.Namespace) -> tuple[Path, Path, Path]:
    """The annotation file, the list of picked images, and that of images that are left out.

    Raises:
        UserError: one of them, or what lies beside the list, exists and may not be overwritten, or would replace an input.
    """
    output = args.output_ann_file
    check_free(output, args.overwrite)  # before others are named after it: "/" has no name
    list_file, left_out_file = list_beside(output), output.with_name(f"{output.stem}_left_out.json")
    outputs = (output, list_file, left_out_file, side_file(list_file), reasons_file(list_file))
    for path in outputs[1:]:
        check_free(path, args.overwrite)
    images = [args.img_dir / name for name in list_images(args.img_dir)]
    check_apart(outputs, {"class_names": args.class_names, "pre_trained": args.pre_trained, "img_dir": images})
    return output, list_file, left_out_file


def backbone_in(path: Path) -> str:
    """The name of the backbone that weights are of; raises a UserError if they are of none that is known."""
    backbone = read_weight_file(str(path)).backbone
    if backbone is None:
        raise UserError(f"pre_trained: {path}: its names of weights are of no ResNet that the detectors know")
    return backbone


def coverage_scores(coco: dict[str, Any], backbone: str, args: argparse.Namespace) -> dict[str, float]:
    """Acquisition scores per image by the strategy coverage; features are computed by infer.py, in a process of its own.

    Raises:
        UserError: infer.py failed, which has said why.
    """
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "images.json"
        write_json(images, coco)
        words = ["--features", "true", "--pre_trained", args.pre_trained, "--backbone", backbone]
        words += ["--train_ann_file", images, "--train_img_dir", args.img_dir, "--eval_output_dir", place]
        words += ["--img_width", _SIDE, "--img_height", _SIDE]
        count = counted(len(coco["images"]), "image")
        print(f"computing features of {count} by {backbone}, whose network is compiled first", flush=True)
        program = Path(__file__).resolve().with_name("infer.py")
        done = subprocess.run([sys.executable, program, *map(str, words)], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise UserError(
                "infer.py has computed no features, for the reason above; without --pre_trained none are needed"
            )
        pool, _ = read_pool(PoolFiles(None, Path(place) / "infer_features.npz"), COVERAGE, None)
    scores = acquire(pool, COVERAGE, Options(budget=args.budget_images, seed=args.seed)).scores
    return dict(zip(pool.detections.names, scores.tolist(), strict=True))


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read the folder, rank, pick, write, say what to do next."""
    args = parse_args(argv)
    classes = read_classes(args.class_names)
    output, list_file, left_out_file = checked_outputs(args)
    for sentence in (*alike_names(classes), *joined_names(classes)):
        print(f"suspicious: {sentence}")
    backbone = backbone_in(args.pre_trained) if args.pre_trained else None
    coco, left_out = read_folder(args.img_dir, classes)
    names = [image["file_name"] for image in coco["images"]]
    strategy = COVERAGE if backbone else SPREAD
    scores = coverage_scores(coco, backbone, args) if backbone else spread(names, args.seed)
    budget = Budget(min(args.budget_images, len(names)))
    rules = Rules(_RANDOM_SHARE if backbone else 0.0, args.seed)
    picked = compose(scores, set(), budget, rules, NearDuplicates([args.img_dir], [], budget.most(names)))
    settings = {"classes": list(classes), "budget_images": args.budget_images, "strategy": strategy, "seed": args.seed}
    origin = made_from("first_pick.py", {"pre_trained": args.pre_trained}, settings)
    files = files_hash((name, args.img_dir / name) for name in names)
    origin["inputs"]["images"] = {"name": f"{len(names)} images", "sha256": files}
    terms = {name: {"acquisition_score": f"{scores[name]:.6g}", "strategy": strategy} for name in picked.why}
    write_pick(list_file, picked, terms, origin, args.overwrite)
    notes = write_left_out(left_out_file, [left_out], args.overwrite)
    write_json(output, with_origin(coco, origin), args.overwrite)  # last: where it is, the others are
    if len(picked.why) < args.budget_images:
        picked.notes.append(
            f"{counted(len(picked.why), 'image', 'are')} picked, not {args.budget_images}, for there are no others"
        )
    for sentence in (*picked.notes, *notes):
        print(sentence)
    folders = len(by_sub_folder(names))
    print(
        f"{output}: {counted(len(names), 'image')}, none labelled yet; {counted(len(classes), 'class')}: {', '.join(classes)}"
    )
    of_folders = f" of {folders} sub-folders" if folders > 1 else ""
    print(f"{list_file}: {counted(len(picked.why), 'image')} to label, by {strategy}{of_folders}")
    print(f"what to do next: {next_command(args, list_file)}")


def next_command(args: argparse.Namespace, list_file: Path) -> str:
    """The command that sends the picked images to a labelling tool."""
    tasks = args.output_ann_file.with_name(f"{args.output_ann_file.stem}_tasks")
    if tasks.resolve().is_relative_to(args.img_dir.resolve()):  # copies there would count as images of the folder
        tasks = args.img_dir.resolve().parent / tasks.name
    words = ["--picked_file", list_file, "--img_dir", args.img_dir, "--ann_file", args.output_ann_file]
    return to_paste("export_tasks.py", *words, "--format", "label_studio", "--output_dir", tasks)


if __name__ == "__main__":
    main()
