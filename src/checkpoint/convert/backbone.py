"""Converts ResNet weights of torchvision or of the model zoo to a backbone for `--pre_trained`."""

import os
import re
from pathlib import Path

import mindspore as ms
import numpy as np

from src.checkpoint.convert.weight_names import common_name
from src.checkpoint.pretrained import load_weights
from src.errors import UserError
from src.files import check_free, write_whole
from src.parts.backbones import BACKBONES
from src.parts.resnet import ResNet

_STAGE_BLOCK = re.compile(r"^backbone\.layer([1-4])\.(\d+)\.conv(\d)\.weight$")


def backbones_of(weights: dict[str, np.ndarray], source: str) -> list[str]:
    """The backbones with the number and kind of blocks that the names of these weights have.

    v1 and v1.5 differ in the place of the stride, which weights do not show, so there may be two.

    Raises:
        UserError: they are not weights of a ResNet, or of one that is not in BACKBONES.
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
            f"{source}: a ResNet of {blocks} {kind} blocks is none of {', '.join(BACKBONES)}, or is not complete"
        )
    return names


def write_backbone(backbone: ResNet, path: Path, overwrite: bool) -> None:
    """Save a backbone under the names that its weights have in a detector."""
    rows = [{"name": f"backbone.{name}", "data": value} for name, value in backbone.parameters_and_names()]

    def write(temporary: Path) -> None:
        ms.save_checkpoint(rows, str(temporary))
        os.chmod(temporary, 0o600)  # MindSpore makes it read-only

    write_whole(path, write, overwrite)


def convert_backbone(weights: dict[str, np.ndarray], source: str, output: Path, overwrite: bool) -> None:
    """Find the depth, check every weight by loading it, write the checkpoint, print the report."""
    check_free(output, overwrite)
    names = backbones_of(weights, source)
    backbone = ResNet(names[0])
    report = load_weights(backbone, weights, source)
    write_backbone(backbone, output, overwrite)
    print(report)
    print(f"{output}: written; train with  --pre_trained {output} --backbone {names[-1]}")
    if len(names) > 1:
        print(
            f"  (torchvision's weights are for {names[-1]}; for older ones with the stride in the first 1x1: {names[0]})"
        )
