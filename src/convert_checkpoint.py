"""Convert published weights to a checkpoint: python -m src.convert_checkpoint --ckpt_file FILE.

Reads torchvision's `.pth` and `.safetensors`, NumPy's `.npz` and checkpoints of MindSpore's model zoo, and prints the old and new names.
The new checkpoint lies beside FILE, or at --output.

A ResNet becomes a backbone for `--pre_trained`. A Faster R-CNN or Mask R-CNN with a feature pyramid, of torchvision
(fasterrcnn_resnet50_fpn, maskrcnn_resnet50_fpn) or of the model zoo, becomes a detector: for `--pre_trained`, and for eval.py,
infer.py and export.py. It is built as configs/faster_rcnn_torchvision.yaml, configs/mask_rcnn_torchvision.yaml or
configs/base.yaml say, unless --config_path names another file; every key of the configuration may be given as --key value.
torchvision's published COCO detectors need --batch_norm_eps 0.
"""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from src.checkpoint.convert.backbone import convert_backbone
from src.checkpoint.convert.detector import convert_detector
from src.checkpoint.convert.detector_layouts import CLASSES, detector_origin
from src.checkpoint.convert.torch_file import read_state_dict
from src.checkpoint.weight_file import FOREIGN_SUFFIXES, read_weights
from src.command_line import program_parser
from src.errors import UserError, entry_point
from src.files import check_apart
from src.parts.backbones.resnet import BATCH_NORM_EPSILON


def epsilon(text: str) -> float:
    """An epsilon of batch norm, as the type of an option."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be at least 0 and below 1")
    return value


def parse_args(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The command line, and those of its words that belong to the configuration; without --output the new file is beside the old one."""
    parser = program_parser(__doc__)
    parser.add_argument("--ckpt_file", type=Path, required=True, help="weights: .pth, .pt, .safetensors, .npz or .ckpt")
    parser.add_argument(
        "--output", type=Path, help="checkpoint to write; default: beside the input, under its name with .ckpt"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output file if it exists")
    parser.add_argument(
        "--ann_file", type=Path, help="detector: COCO JSON that names its classes, in their order or by their ids"
    )
    parser.add_argument(
        "--batch_norm_eps",
        type=epsilon,
        default=BATCH_NORM_EPSILON,
        help=f"detector: epsilon of its batch norm [{BATCH_NORM_EPSILON:g}]",
    )
    return parser.parse_known_args(argv)


def check_output(ckpt_file: Path, output: Path) -> None:
    """Raise a UserError if the output that was asked for is no `.ckpt` file, or is the file of the weights."""
    if output.suffix != ".ckpt":
        raise UserError(f"--output {output}: the name of a MindSpore checkpoint ends in .ckpt")
    if output.resolve() == ckpt_file.resolve():
        raise UserError(f"--output {output}: is the input file; choose another name")


def inputs_of(args: argparse.Namespace, words: Sequence[str]) -> dict[str, Path | str | None]:
    """Option -> file that is read."""
    pairs = [word.partition("=")[::2] for word in words]
    configs = [
        value or "".join(words[place + 1 : place + 2])
        for place, (name, value) in enumerate(pairs)
        if name == "--config_path"
    ]
    return {"ckpt_file": args.ckpt_file, "ann_file": args.ann_file, "config_path": configs[-1] if configs else None}


def only_for_detectors(args: argparse.Namespace, words: Sequence[str]) -> list[str]:
    """What was given and means nothing for a backbone."""
    given = {"--ann_file": args.ann_file is not None, "--batch_norm_eps": args.batch_norm_eps != BATCH_NORM_EPSILON}
    return [*words, *(option for option, is_given in given.items() if is_given)]


def beside(ckpt_file: Path, kind: str) -> Path:
    """Path of the new file without --output; never that of the input.

    Raises:
        UserError: the folder of the weights, such as one that many share, cannot be written.
    """
    ending = f"_{kind}.ckpt" if ckpt_file.suffix.lower() == ".ckpt" else ".ckpt"
    output = ckpt_file.with_name(ckpt_file.stem + ending)
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise UserError(
            f"{ckpt_file}: the checkpoint would lie beside it, but {output.parent} cannot be written; choose another place, "
            f"such as {shlex.join(['--output', output.name])}"
        )
    return output


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read the weights, and convert them as a backbone or as a detector."""
    args, words = parse_args(argv)
    if args.output:
        check_output(args.ckpt_file, args.output)
    foreign = args.ckpt_file.suffix.lower() in FOREIGN_SUFFIXES
    weights = read_state_dict(args.ckpt_file) if foreign else read_weights(args.ckpt_file)
    if detector_origin(list(weights)):
        output = args.output or beside(args.ckpt_file, "detector")
        check_apart([output], inputs_of(args, words))
        options = (args.ann_file, args.batch_norm_eps, words)
        convert_detector(weights, str(args.ckpt_file), output, args.overwrite, *options)
    elif given := only_for_detectors(args, words):
        what = "a detector of this project already" if CLASSES in weights else "no detector"
        raise UserError(f"{args.ckpt_file}: is {what}, so {' '.join(given)} means nothing here; leave it out")
    else:
        output = args.output or beside(args.ckpt_file, "backbone")
        convert_backbone(weights, str(args.ckpt_file), output, args.overwrite)


if __name__ == "__main__":
    main()
