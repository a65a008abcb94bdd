"""The run state, from which a run is resumed bit-exactly; the two newest states are kept.

A state has every parameter of a run (student, teacher, optimizer, loss scale, step number), and metadata as JSON.
"""

import os
import shlex
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
    """A run state that was read from a file.

    Attributes:
        path: of the file.
        values: parameters by name.
        metadata: JSON values about the run.
        remarks: log messages about damaged files that were skipped.
    """

    path: Path
    values: dict
    metadata: dict
    remarks: list[str]

    def restore(self, cells: Sequence[nn.Cell]) -> None:
        """Restore the parameters of the cells of a run.

        Raises:
            UserError: a parameter is missing or has another shape; no parameter is changed then.
        """
        parameters = _parameters(cells)
        wrong = [
            name
            for name, value in parameters.items()
            if not isinstance(self.values.get(name), np.ndarray) or self.values[name].shape != tuple(value.shape)
        ]
        if wrong:
            raise UserError(
                f"{self.path} does not fit this configuration: parameters that are missing or have another shape: "
                f"{', '.join(wrong[:5])}"
            )
        for name, parameter in parameters.items():
            parameter.set_data(Tensor(self.values[name], parameter.dtype))


class StateFiles:
    """The files of the newest run state and of the previous one.

    Args:
        newest, before: paths of the newest and of the previous state.
    """

    def __init__(self, newest: Path, before: Path) -> None:
        self.newest, self.before = newest, before
        self.newest_is_damaged = False

    def write(self, cells: Sequence[nn.Cell], metadata: dict) -> None:
        """Write a state; the newest one so far is kept as the previous one, unless it is damaged.

        At any time at least one complete state is on disk; after the second call there are two.
        """
        rows = [{"name": name, "data": value} for name, value in _parameters(cells).items()]
        write_checkpoint(rows, self.newest, metadata, self._keep_newest)
        self.newest_is_damaged = False

    def read(self) -> State:
        """Read the newest intact state.

        Raises:
            UserError: no state is intact.
        """
        damaged = [path for path in (self.newest, self.before) if path.is_file() and not is_intact(path)]
        intact = [path for path in (self.newest, self.before) if path.is_file() and path not in damaged]
        if not intact:
            names = " and ".join(path.name for path in damaged) or self.newest.name
            raise UserError(
                f"resume: {names} in {self.newest.parent} cannot be read: the checksum is wrong or missing, so it was truncated, "
                "changed, or written by an older version; start a new run with --overwrite, from the latest weights "
                "with "
                f"--pre_trained {shlex.quote(str(self.newest.parent / 'model_0.ckpt'))} (copy that file elsewhere first)"
            )
        self.newest_is_damaged = self.newest in damaged
        values = read_checkpoint(intact[0])
        metadata = metadata_of(values, intact[0])
        if metadata is None or "config" not in metadata:
            raise UserError(f"{intact[0]} is a checkpoint, but not the state of a run")
        remarks = [f"{path} is damaged (wrong checksum) and is skipped" for path in damaged]
        return State(intact[0], values, metadata, remarks)

    def _keep_newest(self) -> None:
        if self.newest.exists() and not self.newest_is_damaged:
            os.replace(self.newest, self.before)


def _parameters(cells: Sequence[nn.Cell]) -> dict[str, ms.Parameter]:
    found: dict[str, ms.Parameter] = {}
    for cell in cells:
        for parameter in cell.get_parameters():
            if found.setdefault(parameter.name, parameter) is not parameter:
                raise ValueError(f"two parameters of a run have the name {parameter.name}, so only one would be saved")
    return found
