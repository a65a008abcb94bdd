"""Checkpoints of a detector: its weights, and the metadata that its network is built from.

A checkpoint holds the parameters of one detector under the names its network gives them (`backbone.layer1.0.conv1.weight`)
and, as JSON, the settings of the network and the class names.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mindspore as ms
import msgspec
import numpy as np
from mindspore import Tensor, nn

from src import __version__
from src.checkpoint.checksum import append_checksum
from src.checkpoint.ckpt_file import read_ckpt
from src.checkpoint.weight_file import checkpoint_in
from src.errors import DataError, UserError
from src.files import is_regular, near_path, reading_fault, write_atomically

TEACHER_PREFIX = "teacher."
METADATA_KEY = "card"  # the key in the file since the first version


@dataclass(frozen=True)
class DetectorMetadata:
    """The metadata of a checkpoint.

    Attributes:
        recipe: the settings of the run that trained it.
        class_names: without background.
        category_ids: COCO category id of each class, from the annotation file it was trained on.
        step: number of training steps.
        version: of the project that wrote the file; "" for files written before 0.2.0.
    """

    recipe: dict
    class_names: list[str]
    category_ids: list[int]
    step: int
    version: str = __version__


def copy_weights(source: nn.Cell, target: nn.Cell) -> None:
    """Copy the weights of `source` into `target`, a network of the same architecture; prefixes of names may differ.

    Weights that both share (`share_weights`) stay.
    """
    for old, new in zip(target.get_parameters(), source.get_parameters(), strict=True):
        if old is not new:
            old.set_data(Tensor(new.asnumpy()))


def share_weights(source: nn.Cell, target: nn.Cell) -> None:
    """Let `target` compute with the weights of `source`, a network of the same architecture, in place of its own."""
    for (_, old), (_, new) in zip(target.cells_and_names(), source.cells_and_names(), strict=True):
        for name, parameter in new.parameters_and_names(expand=False):
            old.insert_param_to_cell(name, parameter)


def save_detector(network: nn.Cell, path: Path, metadata: DetectorMetadata) -> None:
    """Write weights and metadata of a network; an existing file is replaced once the new one is complete."""
    rows = [
        {"name": parameter.name.removeprefix(TEACHER_PREFIX), "data": parameter}
        for parameter in network.get_parameters()
    ]
    write_checkpoint(rows, path, asdict(metadata))


def read_metadata(path: str | Path) -> DetectorMetadata | None:
    """The metadata of a checkpoint; None if it was not written by this project.

    Raises:
        UserError: the file does not exist, or is not a detector checkpoint.
    """
    metadata = metadata_of(read_checkpoint(path), path)
    if metadata is None:
        return None
    try:
        found = msgspec.convert({"version": ""} | metadata, DetectorMetadata)
    except msgspec.ValidationError as error:
        raise UserError(f"{path} is not a detector checkpoint ({error}); is it the state of a run?") from None
    if fault := _fault_of_classes(found):
        raise UserError(f"{path}: its metadata is damaged: {fault}; take another checkpoint of the run, or train again")
    return found


def _fault_of_classes(metadata: DetectorMetadata) -> str | None:
    """What cannot be right about the classes, if anything."""
    names, ids = metadata.class_names, metadata.category_ids
    if len(names) != len(ids):
        return f"{len(names)} class names, but {len(ids)} category ids"
    for what, values in (("classes have the name", names), ("classes have the category id", ids)):
        value, count = next(iter(Counter(values).most_common(1)), (None, 0))
        if count > 1:
            return f"{count} {what} {value!r}"
    return None


def load_detector(network: nn.Cell, path: str | Path) -> None:
    """Load all parameters of a network.

    Raises:
        UserError: parameters are missing in the file, have another type or shape, or values that no training gives; the message names
            them.
    """
    values = read_checkpoint(path)
    faults = []
    for parameter in network.get_parameters():
        name = parameter.name.removeprefix(TEACHER_PREFIX)
        if not isinstance(values.get(name), np.ndarray):
            faults.append(f"{name}: not in the file")
        elif values[name].dtype != ms.dtype_to_nptype(parameter.dtype):
            faults.append(f"{name}: expected {parameter.dtype}, got {values[name].dtype}")
        elif values[name].shape != tuple(parameter.shape):
            faults.append(f"{name}: expected shape {tuple(parameter.shape)}, got {values[name].shape}")
    if faults:
        raise DataError(
            f"{path} does not fit this network (was it trained with another backbone or other classes?)", faults
        )
    if faults := _broken(network, values):
        raise DataError(
            f"{path} holds weights that no training gives (it diverged, or was changed; take another checkpoint)",
            faults,
        )
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(values[parameter.name.removeprefix(TEACHER_PREFIX)]))


def _broken(network: nn.Cell, values: dict[str, np.ndarray | str]) -> list[str]:
    """Parameters with values that are not finite, or with a negative variance: such a detector finds nothing, or anything."""
    faults = []
    for parameter in network.get_parameters():
        name = parameter.name.removeprefix(TEACHER_PREFIX)
        if count := np.count_nonzero(~np.isfinite(values[name])):
            faults.append(f"{name}: {count} of its values are not finite")
        elif name.endswith("moving_variance") and (values[name] < 0).any():
            faults.append(
                f"{name}: {np.count_nonzero(values[name] < 0)} of its values are negative, which no variance is"
            )
    return faults


def write_checkpoint(
    rows: list[dict], path: Path, metadata: dict, before_replace: Callable[[], None] = lambda: None
) -> None:
    """Write parameters, metadata and checksum; an existing file is replaced once the new one is complete.

    Args:
        rows: {"name", "data"} of each parameter.
        metadata: JSON values.
        before_replace: called after the temporary file is written, before it is renamed to `path`.
    """

    def write(temporary: Path) -> None:
        ms.save_checkpoint(rows, str(temporary), append_dict={METADATA_KEY: json.dumps(metadata, ensure_ascii=False)})
        os.chmod(temporary, 0o644)
        append_checksum(temporary)
        before_replace()

    write_atomically(path, write, overwrite=True)


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray | str]:
    """Parameters of a checkpoint by name, and its metadata as a string.

    Raises:
        UserError: the file does not exist, or is not a checkpoint.
    """
    if Path(path).is_dir():
        raise UserError(f"no checkpoint at {path}: is a folder{checkpoint_in(Path(path))}")
    if not is_regular(path):
        raise UserError(f"no checkpoint at {path}{near_path(path)}")
    try:
        return read_ckpt(path)
    except OSError as error:
        raise UserError(f"{path}: {reading_fault(error)}") from error
    except Exception as error:  # a damaged file can raise anything
        raise UserError(
            f"{path} is not a MindSpore checkpoint, or is damaged ({str(error).partition(chr(10))[0]})"
        ) from error


def metadata_of(values: dict, path: str | Path) -> dict | None:
    """The metadata among the values of `read_checkpoint`; None if there is none.

    Raises:
        UserError: the metadata is not a JSON object.
    """
    text = values.get(METADATA_KEY)
    try:
        metadata = None if text is None else json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: its metadata is not JSON ({error})") from None
    if not isinstance(metadata, dict | None):
        raise UserError(f"{path} is damaged: its metadata is a {type(metadata).__name__}, expected a JSON object")
    return metadata
