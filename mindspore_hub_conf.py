"""Entry for MindSpore Hub: a detector by its name."""

import json
from typing import Any

from mindspore import nn

from src.config import load_config
from src.errors import UserError
from src.systems import build_network
from src.training.restore import recipe_of, restore_detector


def create_network(
    name: str, checkpoint_path: str | None = None, class_count: int | None = None, **settings: Any
) -> nn.Cell:
    """Build a detector.

    Args:
        name: of the system, e.g. "faster_rcnn".
        checkpoint_path: a detector written by train.py; the network is the one it was trained as, with its weights.
        class_count: number of classes without background, for a network with fresh weights.
        settings: keys of configs/base.yaml, e.g. ``img_width=640``; they override those of the checkpoint.

    Returns:
        The network: ``construct(images [B, 3, H, W] RGB 0 to 255)`` gives boxes, scores, labels, class probabilities, valid.

    Raises:
        UserError: an unknown name or setting, a checkpoint of another system, or neither checkpoint nor class count.
    """
    if (checkpoint_path is None) == (class_count is None):
        raise UserError("create_network: give either checkpoint_path or class_count")
    words = [word for key, value in settings.items() for word in (f"--{key}", _as_word(value))]
    if class_count is not None:
        return build_network(load_config(create_network.__doc__, ["--system", name, *words]), class_count)
    config = load_config(create_network.__doc__, ["--checkpoint_path", str(checkpoint_path), *words], recipe_of)
    if config.system != name:
        raise UserError(f"{checkpoint_path} is a detector of the system {config.system}, not {name}")
    network, _ = restore_detector(checkpoint_path, lambda count: build_network(config, count))
    return network


def _as_word(value: Any) -> str:
    """A value as the command line would give it."""
    return value if isinstance(value, str) else json.dumps(value)
