"""Tells a ResNet by the names of its weights."""

import re
from collections.abc import Iterable

from src.checkpoint.convert.weight_names import common_name
from src.parts.backbones.table import BACKBONES

_BLOCK = re.compile(r"backbone\.layer([1-4])\.(\d+)\.(\w+)\.")


def backbone_of(names: Iterable[str]) -> str | None:
    """The ResNet that has weights of these names; None if it is none that the detectors know.

    No name tells v1 from v1.5: of a bottleneck ResNet it is v1.5, as torchvision's are.
    """
    blocks: dict[int, set[int]] = {}
    layers = set()
    for name in names:
        if match := _BLOCK.match(common_name(name)):
            blocks.setdefault(int(match[1]), set()).add(int(match[2]))
            layers.add(match[3])
    counts = tuple(len(blocks.get(stage, ())) for stage in (1, 2, 3, 4))
    bottleneck = "conv3" in layers
    fitting = [
        name for name, (stages, has_third, _) in BACKBONES.items() if stages == counts and has_third == bottleneck
    ]
    return next((name for name in fitting if "v1.5" in name), fitting[0] if fitting else None)
