"""Whether the inputs that annotations were made from have changed: fixing an input does not fix the files made from it."""

from pathlib import Path

import msgspec

from src.data.formats.json_file import read_json
from src.data.formats.voc import xml_hash
from src.data.provenance import KEY, MadeFrom, origin_of_coco
from src.files import file_hash


def changed_inputs(path: str | Path) -> list[str]:
    """One sentence for each input of annotations that is still at its recorded path but has changed.

    Args:
        path: COCO file, whose inputs lie beside it; or the folder annotations/ of a side of ``src.split_data``.

    Raises:
        UserError: the file is not JSON, or an input cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return _changed_split(path)
    origin = origin_of_coco(path)
    return _changed(path.parent, (path.name,), origin) if origin else []


def _changed(folder: Path, made: tuple[str, ...], origin: MadeFrom) -> list[str]:
    """The sentences of one step and of all before it.

    Args:
        made: what the step has made, behind what was made from that in turn. An input of one of these names lay elsewhere, as the
            labels of the round before do.
    """
    name = made[-1]
    settings = ", ".join(f"{key} {value}" for key, value in origin["settings"].items())
    found = []
    for option, known in origin["inputs"].items():
        source = Path(known["name"])
        if source.is_absolute() or ".." in source.parts or source.name in made:
            continue
        if _hash_of(folder / source) not in (None, known["sha256"]):
            found.append(
                f"{name} was made from {source}, whose content has changed; if that was a fix, make {name} again "
                f"({origin['program']}: {settings})"
            )
        if option in origin["before"]:
            found += _changed(folder, (*made, source.name), msgspec.convert(origin["before"][option], MadeFrom))
    return found


def _hash_of(place: Path) -> str | None:
    """Of a file, or of a folder of XML files; None if it is not there."""
    if place.is_dir():
        return xml_hash(place)
    return file_hash(place) if place.is_file() else None


def _changed_split(annotations: Path) -> list[str]:
    """Whether the XML files that ``src.split_data`` copied from have changed since."""
    root = annotations.absolute().parents[1]
    split, source = root / "split.json", root / annotations.name
    if not split.is_file() or not source.is_dir():
        return []
    content = read_json(split)
    try:
        origin = msgspec.convert(content.get(KEY) if isinstance(content, dict) else None, MadeFrom | None)
    except msgspec.ValidationError:
        return []
    known = origin["inputs"].get(annotations.name) if origin else None
    if known is None or known["sha256"] == xml_hash(source):
        return []
    sentence = (
        f"{annotations} was split from {source}, whose content has changed; if that was a fix, split again "
        "(src.split_data --overwrite) and convert again"
    )
    return [sentence]
