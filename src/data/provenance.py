"""Provenance of a file: the program that made it, its settings, and the SHA-256 of every input.

Splits and picks decide what a model is trained on, so their provenance says how to make them again, and whether their inputs
have changed since. Names are stored without the folders above: the same inputs, settings and seed give the same bytes in any
folder. A folder counts as one input, by the names and contents of its files. A COCO file carries this in its
"info", other files in NAME.made_from.json beside them.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from src.data.formats.json_file import read_json
from src.errors import UserError
from src.files import file_hash, write_json, write_text

KEY = "made_from"


class Input(TypedDict):
    """An input file: its name without folder, and the SHA-256 of its bytes."""

    name: str
    sha256: str


class MadeFrom(TypedDict):
    """See the module. ``before`` is what the inputs themselves were made from, where it is known."""

    program: str
    inputs: dict[str, Input]
    settings: dict[str, Any]
    before: dict[str, Any]


class _WithInfo(TypedDict, total=False):
    info: Any


class SideFile(TypedDict):
    """NAME.made_from.json: the provenance of the file it is named after, and option -> image folder, seen from this file."""

    file: str
    sha256: str
    made_from: MadeFrom
    folders: NotRequired[dict[str, str]]


def made_from(
    program: str,
    inputs: Mapping[str, str | Path | None],
    settings: Mapping[str, Any],
    before: Mapping[str, MadeFrom | None] | None = None,
) -> MadeFrom:
    """Describe an output.

    Args:
        inputs: option -> file; None where it was not given.
        settings: everything else that the output depends on.
        before: option -> what that input was made from, as ``read_side_file`` gives it.

    Raises:
        UserError: an input cannot be read.
    """
    given = {option: Path(path) for option, path in inputs.items() if path is not None}
    hashes = {option: Input(name=path.name, sha256=file_hash(path)) for option, path in given.items()}
    known = {option: origin for option, origin in (before or {}).items() if origin is not None}
    return MadeFrom(program=program, inputs=hashes, settings=dict(settings), before=known)


def content_of(value: Any, name: str) -> Input:
    """An input that was read from several files, by its content; its name is no path, for no single file has this hash."""
    content = msgspec.json.encode(value, order="deterministic")
    return Input(name=f"{name} (content)", sha256=hashlib.sha256(content).hexdigest())


def with_origin(coco: dict[str, Any], origin: MadeFrom) -> dict[str, Any]:
    """A COCO file with its provenance in "info"."""
    info = coco.get("info")
    return {"info": (info if isinstance(info, dict) else {}) | {KEY: origin}} | {
        key: value for key, value in coco.items() if key != "info"
    }


def folder_hash(folder: Path, names: Iterable[str]) -> str:
    """The SHA-256 of the names and contents of files of a folder, in this order."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{file_hash(folder / name)} {name}\n".encode())
    return digest.hexdigest()


def side_file(path: Path) -> Path:
    """The provenance file beside a file that cannot hold its own; raises a UserError if the path is that of a folder."""
    if not path.name:
        raise UserError(f"{path}: is a folder, expected a file")
    return path.with_name(f"{path.stem}.{KEY}.json")


def write_side_file(
    path: Path, origin: MadeFrom, overwrite: bool, folders: Mapping[str, str | Path | None] | None = None
) -> None:
    """Write the provenance of an existing file beside it, and where its images lie (option -> folder), as far as it is given."""
    content = SideFile(file=path.name, sha256=file_hash(path), made_from=origin)
    given = {option: os.path.realpath(folder) for option, folder in (folders or {}).items() if folder}
    if given:
        content["folders"] = {
            option: os.path.relpath(folder, path.parent.resolve()) for option, folder in given.items()
        }
    write_json(side_file(path), content, overwrite, indent=1)


def write_with_side_file(path: Path, text: str, origin: MadeFrom, overwrite: bool) -> None:
    """Write a text and, before it, its provenance beside it: where a file is, what belongs to it is there, whatever the disk did."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    write_json(side_file(path), SideFile(file=path.name, sha256=digest, made_from=origin), overwrite, indent=1)
    write_text(path, text, overwrite)


def read_side_file(path: Path) -> MadeFrom | None:
    """What a file was made from; None if it is not known, or if the file was changed since.

    Raises:
        UserError: the provenance file is broken.
    """
    content = _read_side(path)
    return content["made_from"] if content and content["sha256"] == file_hash(path) else None


def origin_before_edits(path: Path) -> MadeFrom | None:
    """As ``read_side_file``, also for a file that somebody has edited since, such as a list of picked images."""
    content = _read_side(path)
    return content["made_from"] if content else None


def read_image_folders(path: Path) -> dict[str, Path]:
    """Option -> folder of the images of a file, absolute; only those that are still there and known.

    Raises:
        UserError: the provenance file is broken.
    """
    content = _read_side(path)
    told = content.get("folders", {}) if content else {}
    folders = {option: Path(os.path.normpath(path.parent.resolve() / folder)) for option, folder in told.items()}
    return {option: folder for option, folder in folders.items() if folder.is_dir()}


def _read_side(path: Path) -> SideFile | None:
    place = side_file(path)
    if not os.path.lexists(place):
        return None
    try:
        return msgspec.convert(read_json(place), SideFile)
    except msgspec.ValidationError as error:
        raise UserError(f"{place}: does not say what {path.name} was made from ({error}); remove it") from None


def origin_of_coco(path: Path) -> MadeFrom | None:
    """What a COCO file was made from; None if it has no provenance.

    Raises:
        UserError: the file is not JSON.
    """
    content = read_json(path, msgspec.json.Decoder(_WithInfo).decode)
    info = content.get("info") if isinstance(content, dict) else None
    try:
        return msgspec.convert(info[KEY] if isinstance(info, dict) and KEY in info else None, MadeFrom | None)
    except msgspec.ValidationError:  # another program uses the key for something else
        return None


def is_still(origin: MadeFrom, option: str, path: Path) -> bool:
    """Whether ``path`` still has the content of the input ``option``, here or in a step before; True if that is not known."""
    known = next((step["inputs"][option] for step in steps_of(origin) if option in step["inputs"]), None)
    return known is None or known["sha256"] == file_hash(path)


def steps_of(origin: MadeFrom) -> list[MadeFrom]:
    """A step and all known steps before it."""
    steps = [origin]
    for step in steps:  # grows during the loop
        steps += [msgspec.convert(earlier, MadeFrom) for earlier in step["before"].values()]
    return steps
