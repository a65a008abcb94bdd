"""Detectors of torchvision and of MindSpore's model zoo under our names and in our layouts.

Ours differ in three ways: pooled features are laid out (row, column, channel), so the first dense layer of the box head has its
inputs in another order; dense weights are [outputs, inputs], as torchvision's, where the zoo's are [inputs, outputs]; and every
class has offsets, background included, which the zoo's newer checkpoints leave out.
"""

import re
from dataclasses import dataclass

import numpy as np

from src.checkpoint.convert.layer_names import MODEL_ZOO, TORCHVISION
from src.checkpoint.convert.weight_names import common_name, is_weight
from src.errors import DataError, UserError

CLASSES, OFFSETS, FIRST_DENSE = "box_head.classes.weight", "box_head.offsets.weight", "box_head.fc1.weight"
CHANNELS_OF = "fpn.lateral.0.weight"
MASK_HEAD, MASK_CLASSES, MASK_CHANNELS_OF = "mask_head.", "mask_head.classes.weight", "mask_head.deconv.weight"


@dataclass(frozen=True)
class ForeignDetector:
    """A detector from elsewhere.

    Attributes:
        origin: "torchvision" or "model zoo"; weights: arrays by our names, in our layouts.
        moves: a line for every weight outside the backbone: what it was called, what it is called now, how it was changed.
        unused: names of the file that our detectors have no place for.
    """

    origin: str
    weights: dict[str, np.ndarray]
    moves: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def class_count(self) -> int:
        """Number of classes without background."""
        return len(self.weights[CLASSES]) - 1

    @property
    def system(self) -> str:
        """Which of our detectors it becomes, by its name in the configuration."""
        return "mask_rcnn" if MASK_CLASSES in self.weights else "faster_rcnn"

    @property
    def sizes(self) -> dict[str, int]:
        """What layers tell by their shapes, by the keys of the configuration: channels, cells of a pooled RoI a side, widths."""
        channels = len(self.weights[CHANNELS_OF])
        hidden, inputs = self.weights[FIRST_DENSE].shape
        sizes = {
            "fpn_out_channels": channels,
            "roi_out_size": round((inputs / channels) ** 0.5),
            "rcnn_fc_out_channels": hidden,
        }
        if MASK_CHANNELS_OF in self.weights:
            sizes["rcnn_mask_out_channels"] = len(self.weights[MASK_CHANNELS_OF])
        return sizes


def detector_origin(names: list[str]) -> str | None:
    """Whose detector has weights of these names; None if it is none that is known here."""
    for origin, rules in (("torchvision", TORCHVISION), ("model zoo", MODEL_ZOO)):
        if any(
            re.fullmatch(pattern, name) for pattern, new, _ in rules if new.startswith("box_head") for name in names
        ):
            return origin
    return None


def foreign_detector(weights: dict[str, np.ndarray], source: str) -> ForeignDetector:
    """Bring a detector's weights under our names and into our layouts.

    Args:
        weights: arrays by the names of `source`; `detector_origin` knows them.

    Raises:
        UserError: a layer is missing, or has a shape that the others contradict.
    """
    origin = detector_origin(list(weights))
    rules = TORCHVISION if origin == "torchvision" else MODEL_ZOO
    found, unused = {}, []
    backbone = {common_name(name): array for name, array in weights.items() if is_weight(name) and _in_backbone(name)}
    moves = [f"{len(backbone)} weights of its backbone -> backbone.*"]
    for name, array in weights.items():
        if not is_weight(name) or _in_backbone(name):
            continue
        rule = next((rule for rule in rules if re.fullmatch(rule[0], name)), None)
        if rule is None:
            unused.append(name)
            continue
        new_name = re.sub(rule[0], rule[1], name)
        turned = rule[2] and array.ndim == 2
        found[new_name] = np.ascontiguousarray(array.T) if turned else array
        moves.append(f"{name} -> {new_name}" + (", transposed" if turned else ""))
    with_masks = any(name.startswith(MASK_HEAD) for name in found)
    wanted = [new for _, new, _ in rules if with_masks or not new.startswith(MASK_HEAD)]
    missing = sorted({re.sub(r"\\\d$", "weight", new).replace(r"\1", "0") for new in wanted} - found.keys())
    if missing:
        raise UserError(
            f"{source}: a detector of {origin}, but of another kind: nothing in it becomes {', '.join(missing)}"
        )
    _check_shapes(found, source)
    moves += _into_our_layout(found, source)
    return ForeignDetector(origin, backbone | found, tuple(moves), tuple(unused))


def _in_backbone(name: str) -> bool:
    return common_name(name).startswith("backbone.") and not name.startswith("backbone.fpn.")


def _check_shapes(weights: dict[str, np.ndarray], source: str) -> None:
    """Raise a DataError unless the layers that are rearranged here, or that tell sizes, have such shapes that this can be done."""
    dims = {CHANNELS_OF: 4, FIRST_DENSE: 2, CLASSES: 2, OFFSETS: 2, MASK_CHANNELS_OF: 4, MASK_CLASSES: 4}
    faults = []
    for name in dims.keys() & weights.keys():
        shape = weights[name].shape
        if len(shape) != dims[name] or 0 in shape:
            faults.append(f"{name}: expected {dims[name]} dimensions of 1 or more, got {shape}")
    for name in {CLASSES, OFFSETS, MASK_CLASSES} & weights.keys():
        bias = name.replace("weight", "bias")
        found = weights[bias].shape if bias in weights else "nothing"
        if found != weights[name].shape[:1]:
            faults.append(f"{bias}: expected shape {weights[name].shape[:1]}, got {found}")
    if faults:
        raise DataError(f"{source}: its layers are not those of a detector", sorted(faults))


def _into_our_layout(weights: dict[str, np.ndarray], source: str) -> list[str]:
    """Change the layers of the box head that are laid out otherwise; returns what was done."""
    done = []
    channels = len(weights[CHANNELS_OF])
    hidden, inputs = weights[FIRST_DENSE].shape
    size = round((inputs / channels) ** 0.5)
    if inputs != channels * size**2:
        raise UserError(f"{source}: {inputs} inputs of the box head are not {channels} channels of a square")
    by_channel = weights[FIRST_DENSE].reshape(hidden, channels, size, size)
    weights[FIRST_DENSE] = np.ascontiguousarray(by_channel.transpose(0, 2, 3, 1)).reshape(hidden, inputs)
    done.append(f"{FIRST_DENSE}: inputs from (channel, row, column) to (row, column, channel)")
    classes, offsets = len(weights[CLASSES]), len(weights[OFFSETS])
    if offsets == 4 * (classes - 1):
        for name in (OFFSETS, OFFSETS.replace("weight", "bias")):
            nothing = np.zeros((4, *weights[name].shape[1:]), weights[name].dtype)
            weights[name] = np.concatenate([nothing, weights[name]])
        done.append(f"{OFFSETS}: zeros for the background, which has no offsets in the file")
    elif offsets != 4 * classes:
        raise UserError(f"{source}: {offsets} offsets do not belong to {classes} classes")
    return done


def keep_classes(weights: dict[str, np.ndarray], labels: list[int]) -> None:
    """Leave out all classes of a detector but the background and `labels`, which become 1, 2, ... in this order."""
    rows = np.array([0, *labels])
    for part in ("weight", "bias"):
        classes, offsets = CLASSES.replace("weight", part), OFFSETS.replace("weight", part)
        count = len(weights[classes])
        weights[classes] = weights[classes][rows]
        by_class = weights[offsets].reshape(count, 4, *weights[offsets].shape[1:])
        weights[offsets] = by_class[rows].reshape(-1, *by_class.shape[2:])
        masks = MASK_CLASSES.replace("weight", part)
        if masks in weights:
            weights[masks] = weights[masks][rows]


def change_batch_norm_epsilon(weights: dict[str, np.ndarray], theirs: float, ours: float) -> None:
    """Scale every batch norm so that with `ours` it computes what it computed with `theirs` on its stored statistics.

    Batch norm divides by sqrt(variance + epsilon); torchvision's first COCO detectors were trained with an epsilon of 0.
    """
    if theirs == ours:
        return
    norms = [name.removesuffix("gamma") for name in weights if name.endswith(".gamma")]
    for norm in norms:
        gamma, variance = f"{norm}gamma", weights.get(f"{norm}moving_variance")
        if variance is None or variance.shape != weights[gamma].shape:  # this is told when it is loaded
            continue
        variance = variance.astype(np.float64)
        ratio = np.sqrt((variance + ours) / np.maximum(variance + theirs, np.finfo(np.float32).tiny))
        weights[gamma] = (weights[gamma] * ratio).astype(np.float32)
