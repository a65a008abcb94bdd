"""Loads pre-trained weights into a network, with a report of what was loaded; weights that do not fit are errors."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

from src.checkpoint.convert.backbone_names import backbone_of
from src.checkpoint.convert.weight_names import common_name, is_weight
from src.checkpoint.weight_file import read_weights
from src.errors import DataError, UserError, printable

BACKBONE = "backbone"
RESNET = re.compile(r"^backbone\.(conv1|bn1|layer\d)\.")
# Layers whose shapes depend on the number of classes: if it differs, they are reported and not loaded.
CLASS_LAYERS = ("box_head.classes.", "box_head.offsets.", "mask_head.classes.", "multi_box.classes.")
FLOATS = (np.float16, np.float32, np.float64)  # in native byte order, which MindSpore requires
SHOWN_NAMES = 6  # of a long list; of the rest only the number is given


@dataclass(frozen=True)
class LoadReport:
    """Which weights of a file were loaded into which parameters of a network; names as in `common_name`.

    Attributes:
        path: the file.
        loaded: name of a part of the network -> (parameter tensors loaded, parameter tensors it has).
        numbers: number of elements loaded, including batch norm statistics.
        missing: parameters that stay randomly initialised.
        other_classes: those of `missing` that the file has, but for another number of classes.
        unused: weights of the file that the network does not have.
    """

    path: str
    loaded: dict[str, tuple[int, int]]
    numbers: int
    missing: tuple[str, ...]
    other_classes: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def backbone_is_loaded(self) -> bool:
        """Whether every parameter of the backbone was loaded, so that it may be frozen."""
        return BACKBONE in self.loaded and self.loaded[BACKBONE][0] == self.loaded[BACKBONE][1]

    def __str__(self) -> str:
        parts = ", ".join(f"{part} {count} of {total}" for part, (count, total) in self.loaded.items())
        lines = [f"{printable(self.path)}: loaded {self.numbers:,} values; parameters: {parts}"]
        untouched = [part for part, (count, _) in self.loaded.items() if count == 0]
        untouched += [name for name in self.missing if _part(name) not in untouched and name not in self.other_classes]
        for title, names in (
            ("for another number of classes, randomly initialised", self.other_classes),
            ("not in the file, randomly initialised", untouched),
            ("in the file, not used", self.unused),
        ):
            if names:
                lines.append(f"  {title}: {_shortened(names)}")
        return "\n".join(lines)


def load_pretrained(network: nn.Cell, path: str | Path) -> LoadReport:
    """Load the weights of a file; see `read_weights` and `load_weights`."""
    return load_weights(network, read_weights(path), str(path))


def load_weights(network: nn.Cell, weights: dict[str, np.ndarray], source: str) -> LoadReport:
    """Load weights into the parameters of the same `common_name`; nothing is changed if there is an error.

    Args:
        network: a detector, or a ResNet alone. Its parameters' names are taken relative to it, so it may be part of a
            larger cell.
        weights: arrays by name, as in torchvision, in MindSpore's model zoo or in this project, with or without
            `backbone.`.
        source: name of the weights in messages.

    Raises:
        UserError: no name matches, weights of the backbone are missing, a shape is wrong, a value is not finite, or two
            names denote the same weight.
    """
    given = _by_common_name(weights, source)
    wanted = {common_name(name): parameter for name, parameter in network.parameters_and_names()}
    matched = [name for name in wanted if name in given]
    if not matched:
        raise UserError(
            f"{source}: none of its {len(given)} weights matches the network. It has {_shortened(given)}; "
            f"the network has {_shortened(wanted)}"
        )
    other_classes = tuple(
        name for name in matched if name.startswith(CLASS_LAYERS) and given[name].shape != wanted[name].shape
    )
    fitting = [name for name in matched if name not in other_classes]
    faults = _faults(given, wanted, fitting)
    if faults:
        found, expected = backbone_of(given), backbone_of(wanted)
        if found and expected and found != expected:
            raise UserError(
                f"{source}: these are weights of {found}, but the network has the backbone {expected}: pass --backbone {found}, or "
                f"weights of {expected}"
            )
        raise DataError(f"{source}: does not fit the network (weights of another --backbone?)", faults)

    for name in fitting:
        wanted[name].set_data(ms.Tensor(given[name], wanted[name].dtype))
    loaded = set(fitting)
    return LoadReport(
        path=source,
        loaded=_count_parts(wanted, loaded),
        numbers=sum(given[name].size for name in fitting),
        missing=tuple(name for name in wanted if name not in loaded),
        other_classes=other_classes,
        unused=tuple(name for name in given if name not in wanted),
    )


def _by_common_name(weights: dict[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    given, origin, faults = {}, {}, []
    for name, array in weights.items():
        if is_weight(name):
            common = common_name(name)
            if common in given:
                faults.append(f"{origin[common]} and {name} are both {common}; keep one of them in the file")
            given[common], origin[common] = array, name
    if faults:
        raise DataError(f"{source}: it contains more than one network", faults)
    return given


def _faults(given: dict[str, np.ndarray], wanted: dict[str, ms.Parameter], fitting: list[str]) -> list[str]:
    """Errors of these weights: another backbone, wrong shapes or types, values that are not finite."""
    faults = []
    backbone = [name for name in wanted if _part(name) == BACKBONE]
    absent = [name for name in backbone if name not in given]
    if absent and len(absent) < len(backbone):
        faults.append(
            f"{len(absent)} of the backbone's {len(backbone)} parameters are not in the file: {_shortened(absent)}"
        )
    # The file may have more stages; but surplus weights within a stage mean that its depth is another.
    stages = {match[0] for name in wanted if (match := RESNET.match(name))}
    surplus = [name for name in given if name not in wanted and (match := RESNET.match(name)) and match[0] in stages]
    if backbone and surplus:
        faults.append(f"{len(surplus)} of the file's backbone weights are not in the network: {_shortened(surplus)}")
    for name in fitting:
        array, shape = given[name], tuple(wanted[name].shape)
        if array.shape != shape:
            faults.append(f"{name}: expected shape {shape}, got {array.shape}")
        elif array.dtype not in FLOATS:
            faults.append(f"{name}: expected floating-point numbers (float16, float32 or float64), got {array.dtype}")
        elif count := _count_not_finite(array):
            faults.append(f"{name}: {count} of its values are not finite in float32")
        elif name.endswith("moving_variance") and (array < 0).any():
            faults.append(f"{name}: {np.count_nonzero(array < 0)} of its values are negative, which no variance is")
    return faults


def _count_not_finite(array: np.ndarray) -> int:
    with np.errstate(over="ignore"):
        return int(np.count_nonzero(~np.isfinite(array.astype(np.float32))))


def _count_parts(wanted: dict[str, ms.Parameter], loaded: set[str]) -> dict[str, tuple[int, int]]:
    counts = {}
    for name in wanted:
        count, total = counts.get(_part(name), (0, 0))
        counts[_part(name)] = (count + (name in loaded), total + 1)
    return counts


def _part(name: str) -> str:
    return name.split(".", 1)[0]


def _shortened(names: Iterable[str]) -> str:
    names = [printable(name) for name in names]  # a stranger's file may name its weights in control characters
    rest = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")
