"""Reads weight files: checkpoints of MindSpore (`.ckpt`) and archives of NumPy (`.npz`)."""

import os
import shlex
import zipfile
from pathlib import Path

import numpy as np

from src.checkpoint.ckpt_file import read_ckpt
from src.checkpoint.convert.weight_names import FOREIGN_SUFFIXES
from src.checkpoint.memory_limits import check_archive
from src.errors import UserError
from src.files import is_regular, near_path, reading_fault

_MOSTLY_MEANT = ("best_model.ckpt", "model_0.ckpt")  # of a run, see src.checkpoint.run_folder


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read every array of a MindSpore `.ckpt` or a NumPy `.npz`, by the names in the file.

    Raises:
        UserError: the file is missing, damaged, empty or of another format.
    """
    path = Path(path)
    check_is_file(path)
    suffix = path.suffix.lower()
    if suffix in FOREIGN_SUFFIXES:
        command = f"python -m src.convert_checkpoint --ckpt_file {shlex.quote(str(path))}"
        raise UserError(f"{path}: convert it first with  {command}")
    if suffix not in (".ckpt", ".npz"):
        others = ", ".join(FOREIGN_SUFFIXES)
        raise UserError(
            f"{path}: unsupported suffix {suffix!r}; expected .ckpt (MindSpore) or .npz (NumPy); src.convert_checkpoint reads {others}, too"
        )
    try:
        weights = _read_ckpt(path) if suffix == ".ckpt" else _read_npz(path)
    except UserError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise damaged_weights(path, error) from error
    if not weights:
        raise UserError(f"{path}: contains no weights")
    return weights


def check_is_file(path: Path) -> None:
    """Raise a UserError if weights cannot be read from there, because there is nothing, or a folder or FIFO, or they may not be read."""
    if not is_regular(path):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, not a file{checkpoint_in(path)}")
        raise UserError(
            f"{path}: {'not a regular file' if os.path.lexists(path) else f'no such file{near_path(path)}'}"
        )
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise UserError(f"{path}: {reading_fault(error)}") from error


def damaged_weights(path: Path, error: Exception) -> UserError:
    """The error of weights that a library could not read."""
    if isinstance(error, OSError) and error.strerror:
        return UserError(f"{path}: {reading_fault(error)}")
    reason = str(error).partition("\n")[0] or type(error).__name__
    return UserError(f"{path}: cannot be read as {path.suffix} weights; it is damaged or truncated ({reason})")


def checkpoint_in(folder: Path) -> str:
    """The end of a message about a folder in the place of a checkpoint: the one in it that is mostly meant; empty if it has none."""
    files = [folder / name for name in _MOSTLY_MEANT if (folder / name).is_file()] or sorted(folder.glob("*.ckpt"))
    return f"; give a checkpoint in it, such as {files[0]}" if files else " and has no checkpoint"


def _read_ckpt(path: Path) -> dict[str, np.ndarray]:
    return {name: value for name, value in read_ckpt(path).items() if isinstance(value, np.ndarray)}


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):  # np.load also accepts a single array, which has no name
        raise ValueError("not an .npz archive")
    with zipfile.ZipFile(path) as archive:
        check_archive(archive, path)
        others = [name for name in archive.namelist() if not name.endswith(".npy")]
    if others:
        raise ValueError(f"its member {others[0]!r:.100} is not a NumPy array")
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}
