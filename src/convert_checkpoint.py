"""Turn published ResNet weights into a checkpoint for `--pre_trained`: python -m src.convert_checkpoint --ckpt_file FILE.

Reads torchvision's `.pth` and `.safetensors`, NumPy's `.npz` and checkpoints of MindSpore's model zoo. Writes the backbone alone,
in MindSpore's format and under the names of our detectors; says what was used and what was not.
"""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import numpy as np

from src.errors import UserError, entry_point
from src.files import check_free, write_whole
from src.parts.backbones import BACKBONES
from src.parts.resnet import ResNet
from src.training.torch_file import read_state_dict
from src.training.weight_names import common_name
from src.training.weights import FOREIGN_SUFFIXES, load_weights, read_weights

_STAGE_BLOCK = re.compile(r"^backbone\.layer([1-4])\.(\d+)\.conv(\d)\.weight$")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; without --output the new file lies beside the old one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_file", type=Path, required=True, help="weights: .pth, .pt, .safetensors, .npz or .ckpt")
    parser.add_argument("--output", type=Path, help="checkpoint to write; default: the name of the input with .ckpt")
    parser.add_argument("--overwrite", action="store_true", help="replace the output file if it exists")
    return parser.parse_args(argv)


def output_path(ckpt_file: Path, output: Path | None) -> Path:
    """Where to write; never onto the input.

    Raises:
        UserError: the output is no `.ckpt` file, or is the input.
    """
    if output is None:
        ending = "_backbone.ckpt" if ckpt_file.suffix.lower() == ".ckpt" else ".ckpt"
        return ckpt_file.with_name(ckpt_file.stem + ending)
    if output.suffix != ".ckpt":
        raise UserError(f"--output {output}: the name of a MindSpore checkpoint ends in .ckpt")
    if output.resolve() == ckpt_file.resolve():
        raise UserError(f"--output {output}: is the input file; choose another name")
    return output


def backbones_of(weights: dict[str, np.ndarray], source: str) -> list[str]:
    """The backbones with as many blocks, of the same kind, as the names of these weights tell.

    v1 and v1.5 differ in where the stride is, which no weight tells, so there may be two.

    Raises:
        UserError: they are not of a ResNet, or of one that BACKBONES does not have.
    """
    found = [match for name in weights if (match := _STAGE_BLOCK.match(common_name(name)))]
    if not found:
        shown = ", ".join(list(weights)[:6])
        raise UserError(
            f"{source}: these are no ResNet weights; expected names like layer1.0.conv1.weight, got {shown}"
        )
    blocks = tuple(len({match[2] for match in found if match[1] == str(stage)}) for stage in (1, 2, 3, 4))
    bottleneck = any(match[3] == "3" for match in found)
    names = [name for name, (count, kind, _) in BACKBONES.items() if (count, kind) == (blocks, bottleneck)]
    if not names:
        kind = "bottleneck" if bottleneck else "basic"
        raise UserError(
            f"{source}: a ResNet of {blocks} {kind} blocks is none of {', '.join(BACKBONES)}, or is not complete"
        )
    return names


def write_backbone(backbone: ResNet, path: Path, overwrite: bool) -> None:
    """Save a backbone under the names it has within a detector."""
    rows = [{"name": f"backbone.{name}", "data": value} for name, value in backbone.parameters_and_names()]

    def write(temporary: Path) -> None:
        ms.save_checkpoint(rows, str(temporary))
        os.chmod(temporary, 0o600)  # MindSpore makes it read-only, also for itself

    write_whole(path, write, overwrite)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read, find the depth, check every weight by loading it, write, report."""
    args = parse_args(argv)
    output = output_path(args.ckpt_file, args.output)
    check_free(output, args.overwrite)
    foreign = args.ckpt_file.suffix.lower() in FOREIGN_SUFFIXES
    weights = read_state_dict(args.ckpt_file) if foreign else read_weights(args.ckpt_file)
    names = backbones_of(weights, str(args.ckpt_file))
    backbone = ResNet(names[0])
    report = load_weights(backbone, weights, str(args.ckpt_file))
    write_backbone(backbone, output, args.overwrite)
    print(report)
    print(f"{output}: written; train with  --pre_trained {output} --backbone {names[-1]}")
    if len(names) > 1:
        print(
            f"  (torchvision's weights are for {names[-1]}; for older ones with the stride in the first 1x1: {names[0]})"
        )


if __name__ == "__main__":
    main()
