"""Converts weight names and layouts of detectors of torchvision and MindSpore's model zoo to those of this project.

There are three differences in layout. RoI features are flattened as (row, column, channel), so the first fully
connected layer of the box head has another order of inputs. Fully connected weights are [outputs, inputs], as in
torchvision, but [inputs, outputs] in the model zoo. Every class including background has box offsets, which newer
checkpoints of the model zoo do not have for background.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from src.checkpoint.convert.layer_names import MODEL_ZOO, TORCHVISION
from src.checkpoint.convert.weight_names import common_name, is_weight
from src.errors import DataError, UserError, printable

CLASSES, OFFSETS, FIRST_DENSE = "box_head.classes.weight", "box_head.offsets.weight", "box_head.fc1.weight"
CHANNELS_OF = "fpn.lateral.0.weight"
MASK_HEAD, MASK_CLASSES, MASK_CHANNELS_OF = "mask_head.", "mask_head.classes.weight", "mask_head.deconv.weight"


@dataclass(frozen=True)
class ForeignDetector:
    """A detector of another project.

    Attributes:
        origin: "torchvision" or "model zoo".
        weights: arrays with the names and layouts of this project.
        moves: report of the conversion, one line per weight outside the backbone: old name, new name, change of layout.
        unused: names of weights that the detectors of this project do not have.
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
        """The value of the setting `system`."""
        return "mask_rcnn" if MASK_CLASSES in self.weights else "faster_rcnn"

    @property
    def sizes(self) -> dict[str, int]:
        """Settings that are given by weight shapes: channels, output size of RoIAlign, widths of layers."""
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
    """The origin of a detector with these weight names; None if it is unknown."""
    for origin, rules in (("torchvision", TORCHVISION), ("model zoo", MODEL_ZOO)):
        box_head = [rule.pattern for rule in rules if rule.name.startswith("box_head")]
        if any(re.fullmatch(pattern, name) for pattern in box_head for name in names):
            return origin
    return None


def foreign_detector(weights: dict[str, np.ndarray], source: str) -> ForeignDetector:
    """Convert a detector's weights to the names and layouts of this project.

    Args:
        weights: arrays by their names in the file; their `detector_origin` must be known.

    Raises:
        UserError: a layer is missing, or its shape does not fit the others.
    """
    origin = detector_origin(list(weights))
    rules = TORCHVISION if origin == "torchvision" else MODEL_ZOO
    found, unused = {}, []
    origin_of = _names_by_new_name([name for name in weights if is_weight(name) and _in_backbone(name)], source)
    backbone = {new_name: weights[name] for new_name, name in origin_of.items()}
    moves = [f"{len(backbone)} weights of its backbone -> backbone.*"]
    for name, array in weights.items():
        if not is_weight(name) or _in_backbone(name):
            continue
        rule = next((rule for rule in rules if re.fullmatch(rule.pattern, name)), None)
        if rule is None:
            unused.append(printable(name))
            continue
        new_name = re.sub(rule.pattern, rule.name, name)
        if new_name in origin_of:
            raise _two_networks(origin_of[new_name], name, new_name, source)
        origin_of[new_name] = name
        transposed = rule.inputs_first and array.ndim == 2
        found[new_name] = np.ascontiguousarray(array.T) if transposed else array
        moves.append(f"{printable(name)} -> {new_name}" + (", transposed" if transposed else ""))
    with_masks = any(name.startswith(MASK_HEAD) for name in found)
    wanted = [rule.name for rule in rules if with_masks or not rule.name.startswith(MASK_HEAD)]
    missing = sorted({re.sub(r"\\\d$", "weight", new).replace(r"\1", "0") for new in wanted} - found.keys())
    if missing:
        raise UserError(
            f"{source}: a detector of {origin}, but with another architecture: it has no weights for "
            f"{', '.join(missing)}"
        )
    _check_shapes(found, source)
    moves += _convert_layout(found, source)
    return ForeignDetector(origin, backbone | found, tuple(moves), tuple(unused))


def _names_by_new_name(names: Iterable[str], source: str) -> dict[str, str]:
    """Name in this project -> name in the file, of weights of the backbone."""
    found: dict[str, str] = {}
    for name in names:
        if (new_name := common_name(name)) in found:
            raise _two_networks(found[new_name], name, new_name, source)
        found[new_name] = name
    return found


def _two_networks(first: str, second: str, new_name: str, source: str) -> DataError:
    fault = f"{first} and {second} are both {new_name}; keep one of them in the file"
    return DataError(f"{source}: it contains more than one network", [fault])


def _in_backbone(name: str) -> bool:
    return common_name(name).startswith("backbone.") and not name.startswith("backbone.fpn.")


def _check_shapes(weights: dict[str, np.ndarray], source: str) -> None:
    """Raise a DataError if a layer that is used here has an unexpected number of dimensions or no matching bias."""
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
        raise DataError(f"{source}: unexpected shapes for a detector", sorted(faults))


def _convert_layout(weights: dict[str, np.ndarray], source: str) -> list[str]:
    """Convert layers of the box head to the layout of this project; returns one line per change."""
    done = []
    channels = len(weights[CHANNELS_OF])
    hidden, inputs = weights[FIRST_DENSE].shape
    size = round((inputs / channels) ** 0.5)
    if inputs != channels * size**2:
        raise UserError(
            f"{source}: the box head has {inputs} inputs, which is not {channels} channels times a square RoI"
        )
    by_channel = weights[FIRST_DENSE].reshape(hidden, channels, size, size)
    weights[FIRST_DENSE] = np.ascontiguousarray(by_channel.transpose(0, 2, 3, 1)).reshape(hidden, inputs)
    done.append(f"{FIRST_DENSE}: inputs from (channel, row, column) to (row, column, channel)")
    classes, offsets = len(weights[CLASSES]), len(weights[OFFSETS])
    if offsets == 4 * (classes - 1):
        for name in (OFFSETS, OFFSETS.replace("weight", "bias")):
            background = np.zeros((4, *weights[name].shape[1:]), weights[name].dtype)
            weights[name] = np.concatenate([background, weights[name]])
        done.append(f"{OFFSETS}: zeros for background, which has no offsets in the file")
    elif offsets != 4 * classes:
        raise UserError(f"{source}: the box head has {offsets} offsets, expected 4 per class for {classes} classes")
    return done


def keep_classes(weights: dict[str, np.ndarray], labels: list[int]) -> None:
    """Keep background and the classes `labels`, renumbered 1, 2, ... in this order; remove all others."""
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
    """Scale gamma of every batch norm so that its output in evaluation mode with epsilon `ours` equals that with
    `theirs`.

    Batch norm divides by sqrt(variance + epsilon); torchvision's first COCO detectors were trained with an epsilon of 0.
    """
    if theirs == ours:
        return
    norms = [name.removesuffix("gamma") for name in weights if name.endswith(".gamma")]
    for norm in norms:
        gamma, variance = f"{norm}gamma", weights.get(f"{norm}moving_variance")
        if variance is None or variance.shape != weights[gamma].shape:  # reported by load_weights, as are other types
            continue
        if variance.dtype.kind != "f" or weights[gamma].dtype.kind != "f":
            continue
        variance = variance.astype(np.float64)
        ratio = np.sqrt((variance + ours) / np.maximum(variance + theirs, np.finfo(np.float32).tiny))
        weights[gamma] = (weights[gamma] * ratio).astype(np.float32)
