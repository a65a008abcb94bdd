"""Entry point for MindSpore Hub: builds a detector by its name."""

import json
from os import PathLike
from typing import Any

import numpy as np
from mindspore import nn

from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import CONFIG_FOLDER, load_config
from src.config.schema import Config
from src.errors import UserError
from src.systems import build_network

# Name -> system; the model zoo's names are among them.
_SYSTEMS = {
    "faster_rcnn": "faster_rcnn",
    "mask_rcnn": "mask_rcnn",
    "maskrcnn": "mask_rcnn",
    "ssd": "ssd",
    "ssd_resnet34": "ssd",
}
# System -> configuration of a network with randomly initialised weights.
_LEAVES = {
    "faster_rcnn": "faster_rcnn_resnet_v1.5_50.yaml",
    "mask_rcnn": "mask_rcnn_resnet_v1.5_50.yaml",
    "ssd": "ssd_resnet34.yaml",
}

MOST_CLASSES = 2**16  # more would be a mistake


def create_network(
    name: str, checkpoint_path: str | None = None, class_count: int | None = None, **settings: Any
) -> nn.Cell:
    """Build a detector.

    Args:
        name: "faster_rcnn", "mask_rcnn" (or "maskrcnn"), "ssd" (or "ssd_resnet34").
        checkpoint_path: a detector written by train.py; the network is the one it was trained as, with its weights.
        class_count: number of classes without background, for a network with randomly initialised weights.
        settings: keys of configs/base.yaml, e.g. ``img_width=640``; they override those of the checkpoint, and of the system's leaf.

    Returns:
        The network: ``construct(images [B, 3, H, W] RGB 0 to 255)`` gives boxes, scores, labels, class probabilities, valid,
        and with Mask R-CNN the masks of the boxes.

    Raises:
        UserError: an unknown name or setting, a checkpoint of another system, or neither checkpoint nor class count.
    """
    if (checkpoint_path is None) == (class_count is None):
        raise UserError("create_network: give either checkpoint_path or class_count")
    if not isinstance(name, str) or name not in _SYSTEMS:
        raise UserError(f"create_network: unknown name {name!r}; expected one of {', '.join(_SYSTEMS)}")
    system = _SYSTEMS[name]
    words = [f"--{key}={_as_word(key, value)}" for key, value in settings.items()]
    if class_count is not None:
        if not _is_whole(class_count) or not 1 <= class_count <= MOST_CLASSES:
            raise UserError(
                f"create_network: class_count must be a whole number from 1 to {MOST_CLASSES}, got {class_count!r:.80}"
            )
        leaf = str(CONFIG_FOLDER / _LEAVES[system])
        config = _config_of(
            system, [f"--config_path={leaf}", *words], "create_network: the given settings describe a detector"
        )
        return build_network(config, int(class_count))
    path = str(checkpoint_path)
    config = _config_of(system, [f"--checkpoint_path={path}", *words], f"{path} is a detector")
    network, _ = restore_detector(path, lambda count: build_network(config, count))
    return network


def _config_of(system: str, words: list[str], beginning: str) -> Config:
    """The configuration; raises a UserError, which begins with ``beginning``, if it is one of another system."""
    config = load_config(create_network.__doc__, words, saved_settings)
    if config.system != system:
        raise UserError(f"{beginning} of the system {config.system}, not {system}")
    return config


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _as_word(key: str, value: Any) -> str:
    """The value of a setting as a word of the command line.

    Raises:
        UserError: there is no such option for a network, or the value is of a type that no setting has.
    """
    if key in ("help", "version") or not key.isidentifier():
        raise UserError(f"create_network: unknown setting {key!r}; expected a key of configs/base.yaml")
    if isinstance(value, str | PathLike):
        return str(value)
    try:
        return json.dumps(value.item() if isinstance(value, np.generic) else value)
    except (TypeError, ValueError):
        raise UserError(f"create_network: {key} must be a number, a text, a list or None, got {value!r:.80}") from None
