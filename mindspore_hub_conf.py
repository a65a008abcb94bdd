"""Entry point for MindSpore Hub: builds a detector by its name."""

import json
from typing import Any

from mindspore import nn

from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import CONFIG_FOLDER, load_config
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
    if name not in _SYSTEMS:
        raise UserError(f"create_network: unknown name {name!r}; expected one of {', '.join(_SYSTEMS)}")
    system = _SYSTEMS[name]
    words = [word for key, value in settings.items() for word in (f"--{key}", _as_word(value))]
    if class_count is not None:
        leaf = str(CONFIG_FOLDER / _LEAVES[system])
        return build_network(load_config(create_network.__doc__, ["--config_path", leaf, *words]), class_count)
    config = load_config(create_network.__doc__, ["--checkpoint_path", str(checkpoint_path), *words], saved_settings)
    if config.system != system:
        raise UserError(f"{checkpoint_path} is a detector of the system {config.system}, not {system}")
    network, _ = restore_detector(checkpoint_path, lambda count: build_network(config, count))
    return network


def _as_word(value: Any) -> str:
    """The value as a word of the command line."""
    return value if isinstance(value, str) else json.dumps(value)
