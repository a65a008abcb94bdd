"""Restores a trained detector from its checkpoint."""

from collections.abc import Callable
from pathlib import Path

from mindspore import nn

from src.checkpoint.detector_file import DetectorMetadata, load_detector, read_metadata
from src.errors import UserError


def saved_settings(path: str | Path) -> dict:
    """The settings in the metadata of a checkpoint.

    Raises:
        UserError: the file is missing, damaged, or has no metadata.
    """
    return _metadata(path).recipe


def restore_detector(path: str | Path, build: Callable[[int], nn.Cell]) -> tuple[nn.Cell, DetectorMetadata]:
    """Build the network of a checkpoint and load its weights.

    Args:
        path: a checkpoint written by train.py.
        build: builds the network from the number of classes, without background.

    Returns:
        The network in evaluation mode, and the metadata of the checkpoint.

    Raises:
        UserError: the file is missing, damaged, has no metadata, or does not fit the network.
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
            f"{path} has no metadata to build its network from; expected a checkpoint written by train.py, e.g. "
            "best_model.ckpt"
        )
    return metadata
