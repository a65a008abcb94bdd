"""Read a ranking: acquisition scores per image, top_value_data.json of sorted_values.py."""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from src.data.formats.json_file import read_json
from src.errors import DataError


def read_ranking(path: Path) -> dict[str, float]:
    """The ranking {file_name: acquisition score}.

    Raises:
        UserError: there is no such file.
        DataError: it is not such an object, or lists every score that is not a finite number.
    """
    values = read_json(path)
    if not isinstance(values, dict) or not values:
        raise DataError(str(path), ["expected a JSON object {file_name: value} that is not empty"])
    faults = unlistable(values)
    faults += [
        f"the value of {name} must be a finite number" for name, value in values.items() if not _is_finite(value)
    ]
    if faults:
        raise DataError(str(path), faults)
    return values


def unlistable(names: Iterable[str]) -> list[str]:
    """A fault for each name that cannot stand in a list."""
    return [
        f"{name!r} cannot be the name of an image: lists hold one path inside the image folder a line"
        for name in names
        if not is_listable(name)
    ]


def is_listable(name: str) -> bool:
    """Whether a file name can stand in a list of one a line, and does not lead out of the folder of images."""
    path = PurePosixPath(name)
    return bool(name) and not {"\n", "\r", "\0"} & set(name) and not path.is_absolute() and ".." not in path.parts


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # false for NaN and integers beyond float
