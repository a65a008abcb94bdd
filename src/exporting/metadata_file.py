"""Reads the metadata of an exported model: NAME.json next to NAME.mindir, NAME.onnx or NAME.air."""

import codecs
import os
from pathlib import Path

import msgspec

from src.errors import UserError
from src.exporting.metadata_faults import fault_of
from src.exporting.model_metadata import ModelMetadata
from src.files import file_hash, is_regular, read_regular


def metadata_path(model: str | Path) -> Path:
    """Path of the metadata of a model."""
    return Path(model).with_suffix(".json")


def is_model_metadata(path: Path) -> bool:
    """Whether a file is the metadata of a model, perhaps of another version."""
    try:
        return {"sha256", "input", "outputs"} <= msgspec.json.decode(_read(path), type=dict).keys()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _read(path: Path) -> bytes:
    """The bytes of a JSON file without the byte order mark that some editors write, which C++ skips, too."""
    return read_regular(path).removeprefix(codecs.BOM_UTF8)


def other_model(model: Path) -> Path | None:
    """The model of another format whose metadata lie where those of ``model`` would; None: there is none.

    Both have one name but for the suffix, and so has their metadata.
    """
    if not is_model_metadata(metadata_path(model)):
        return None
    name = msgspec.json.decode(_read(metadata_path(model)), type=dict).get("file")
    if not isinstance(name, str) or name == model.name or Path(name).stem != model.stem:
        return None
    return model.with_name(name) if is_regular(model.with_name(name)) else None


def read_model_metadata(model: str | Path) -> ModelMetadata:
    """Read the metadata of a model file, and check by SHA-256 that it belongs to this file.

    Raises:
        UserError: model or metadata is missing, the metadata is damaged, or it belongs to another model.
    """
    path = metadata_path(model)
    if not is_regular(model):
        what = "not a regular file" if os.path.lexists(model) else "no such model"
        raise UserError(f"{model}: {what}; write one with export.py")
    try:
        metadata = msgspec.json.decode(_read(path), type=ModelMetadata)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; export.py writes it next to the model, copy both") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not the metadata of an exported model ({error}); export the model again") from error
    if fault := fault_of(metadata):
        raise UserError(f"{path}: {fault}; export the model again")
    if metadata.sha256 != file_hash(model):
        raise UserError(f"{path}: belongs to another file than {model} (SHA-256 differs); copy or export both again")
    return metadata
