"""A trained detector back from its weight file, built from the recipe that the file carries."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn

from src.checkpoint.detector_file import DetectorCard, load_detector, read_card
from src.errors import UserError


def recipe_of(path: str | Path) -> dict:
    """The settings a weight file was trained with.

    Raises:
        UserError: the file is missing, broken, or carries no recipe.
    """
    return _card(path).recipe


def restore_detector(path: str | Path, build: Callable[[int], nn.Cell]) -> tuple[nn.Cell, DetectorCard]:
    """Build the network of a weight file and load it.

    Args:
        path: a weight file of train.py.
        build: makes the network for a number of classes without background.

    Returns:
        The network, ready to detect, and the card of the file.

    Raises:
        UserError: the file is missing, broken, carries no recipe, or does not fit the network.
    """
    card = _card(path)
    network = build(len(card.class_names))
    load_detector(network, path)
    network.set_train(False)
    return network, card


def on_arrays(network: nn.Cell) -> Callable[..., list[np.ndarray]]:
    """The network as a function from NumPy images, and their sizes where they are known, to NumPy outputs."""
    return lambda *inputs: [output.asnumpy() for output in network(*map(Tensor, inputs))]


def _card(path: str | Path) -> DetectorCard:
    card = read_card(path)
    if card is None:
        raise UserError(
            f"{path} does not say which network it is for; expected a detector written by train.py, e.g. best_model.ckpt"
        )
    return card
