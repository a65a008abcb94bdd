"""Converts ResNet weights of torchvision or of MindSpore's model zoo to a backbone checkpoint for `--pre_trained`."""

import os
import re
import shlex
from pathlib import Path

import mindspore as ms
import numpy as np

from src.checkpoint.convert.weight_names import common_name
from src.checkpoint.pretrained import load_weights
from src.errors import UserError
from src.files import check_free, write_atomically
from src.parts.backbones.resnet import ResNet
from src.parts.backbones.table import BACKBONES

_STAGE_BLOCK = re.compile(r"^backbone\.layer([1-4])\.(\d+)\.conv(\d)\.weight$")


def backbones_of(weights: dict[str, np.ndarray], source: str) -> list[str]:
    """Names of the backbones whose block type and blocks per stage match these weights.

    ResNet v1 and v1.5 have the same weights (they differ in which convolution has the stride), so there may be two.

    Raises:
        UserError: they are not weights of a ResNet in BACKBONES.
    """
    found = [match for name in weights if (match := _STAGE_BLOCK.match(common_name(name)))]
    if not found:
        shown = ", ".join(list(weights)[:6])
        raise UserError(
            f"{source}: these are not ResNet weights; expected names like layer1.0.conv1.weight, got {shown}"
        )
    blocks = tuple(len({match[2] for match in found if match[1] == str(stage)}) for stage in (1, 2, 3, 4))
    bottleneck = any(match[3] == "3" for match in found)
    names = [name for name, (count, kind, _) in BACKBONES.items() if (count, kind) == (blocks, bottleneck)]
    if not names:
        kind = "bottleneck" if bottleneck else "basic"
        raise UserError(
            f"{source}: a ResNet of {blocks} {kind} blocks is none of {', '.join(BACKBONES)}, or is incomplete"
        )
    return names


def write_backbone(backbone: ResNet, path: Path, overwrite: bool) -> None:
    """Save a backbone with the parameter names that it has in a detector."""
    rows = [{"name": f"backbone.{name}", "data": value} for name, value in backbone.parameters_and_names()]

    def write(temporary: Path) -> None:
        ms.save_checkpoint(rows, str(temporary))
        os.chmod(temporary, 0o600)  # MindSpore writes read-only files

    write_atomically(path, write, overwrite)


def convert_backbone(weights: dict[str, np.ndarray], source: str, output: Path, overwrite: bool) -> None:
    """Determine the backbone, check every weight by loading it, write the checkpoint, print the report."""
    check_free(output, overwrite)
    names = backbones_of(weights, source)
    backbone = ResNet(names[0])
    report = load_weights(backbone, weights, source)
    write_backbone(backbone, output, overwrite)
    print(report)
    print(f"{output}: written; train with  --pre_trained {shlex.quote(str(output))} --backbone {names[-1]}")
    if len(names) > 1:
        print(
            "  (for torchvision's weights; weights of a ResNet v1, with the stride in the first 1x1 convolution, "
            f"are for {names[0]})"
        )
