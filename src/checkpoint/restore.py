"""A trained detector back from its weight file, built from the recipe that the file carries."""

from collections.abc import Callable
from pathlib import Path

from mindspore import nn

from src.checkpoint.detector_file import DetectorMetadata, load_detector, read_metadata
from src.errors import UserError


def saved_settings(path: str | Path) -> dict:
    """The settings a weight file was trained with.

    Raises:
        UserError: the file is missing, broken, or carries no recipe.
    """
    return _metadata(path).recipe


def restore_detector(path: str | Path, build: Callable[[int], nn.Cell]) -> tuple[nn.Cell, DetectorMetadata]:
    """Build the network of a weight file and load it.

    Args:
        path: a weight file of train.py.
        build: makes the network for a number of classes without background.

    Returns:
        The network, ready to detect, and the metadata of the file.

    Raises:
        UserError: the file is missing, broken, carries no recipe, or does not fit the network.
    """
    metadata = _metadata(path)
    network = build(len(metadata.class_names))
    load_detector(network, path)
    network.set_train(False)
    return network, metadata


def _metadata(path: str | Path) -> DetectorMetadata:
    metadata = read_metadata(path)
    if metadata is None:
        raise UserError(
            f"{path} does not say which network it is for; expected a detector written by train.py, e.g. best_model.ckpt"
        )
    return metadata
