"""The whole state of a run, for going on as if it had never been stopped; the newest two are kept.

A state is every parameter of the cells of a run (student, teacher, optimizer, loss scale, step number) and its metadata, JSON values.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from src.checkpoint.checksum import is_intact
from src.checkpoint.detector_file import metadata_of, read_checkpoint, write_checkpoint
from src.errors import UserError


@dataclass(frozen=True)
class State:
    """A state that was read.

    Attributes:
        path: its file; values: parameters by name; metadata: JSON values about the run.
        remarks: sentences on damaged files that were passed over.
    """

    path: Path
    values: dict
    metadata: dict
    remarks: list[str]

    def restore(self, cells: Sequence[nn.Cell]) -> None:
        """Give the cells of a run the saved values.

        Raises:
            UserError: the file lacks a parameter, or holds it in another shape; nothing is changed then.
        """
        parameters = _parameters(cells)
        wrong = [
            name
            for name, value in parameters.items()
            if not isinstance(self.values.get(name), np.ndarray) or self.values[name].shape != tuple(value.shape)
        ]
        if wrong:
            raise UserError(
                f"{self.path} cannot be resumed with this configuration: it has no fitting {', '.join(wrong[:5])}"
            )
        for name, parameter in parameters.items():
            parameter.set_data(Tensor(self.values[name], parameter.dtype))


class StateFiles:
    """The newest state of a run and the one before.

    Args:
        newest, before: their files.
    """

    def __init__(self, newest: Path, before: Path) -> None:
        self.newest, self.before = newest, before
        self.newest_is_damaged = False

    def write(self, cells: Sequence[nn.Cell], metadata: dict) -> None:
        """Write a state; what was the newest one becomes the one before, unless it is damaged.

        At every moment at least one whole state lies on the disk, and after the second call two.
        """
        rows = [{"name": name, "data": value} for name, value in _parameters(cells).items()]
        write_checkpoint(rows, self.newest, metadata, self._make_room)
        self.newest_is_damaged = False

    def read(self) -> State:
        """The newest state that is whole.

        Raises:
            UserError: there is none.
        """
        damaged = [path for path in (self.newest, self.before) if path.is_file() and not is_intact(path)]
        whole = [path for path in (self.newest, self.before) if path.is_file() and path not in damaged]
        if not whole:
            names = " and ".join(path.name for path in damaged) or self.newest.name
            raise UserError(
                f"resume: {names} in {self.newest.parent} cannot be read: the checksum is wrong or missing, so it was cut off, "
                "changed, or written by an older version; start anew with --overwrite, from the weights that are left with "
                f"--pre_trained {self.newest.parent / 'model_0.ckpt'} (copy that file elsewhere first)"
            )
        self.newest_is_damaged = self.newest in damaged
        values = read_checkpoint(whole[0])
        metadata = metadata_of(values, whole[0])
        if metadata is None or "config" not in metadata:
            raise UserError(f"{whole[0]} holds weights, but not the state of a run")
        remarks = [f"{path} is damaged, its checksum is wrong; it is passed over" for path in damaged]
        return State(whole[0], values, metadata, remarks)

    def _make_room(self) -> None:
        if self.newest.exists() and not self.newest_is_damaged:
            os.replace(self.newest, self.before)


def _parameters(cells: Sequence[nn.Cell]) -> dict[str, ms.Parameter]:
    found: dict[str, ms.Parameter] = {}
    for cell in cells:
        for parameter in cell.get_parameters():
            if found.setdefault(parameter.name, parameter) is not parameter:
                raise ValueError(f"two parameters of a run are called {parameter.name}, so only one would be saved")
    return found
