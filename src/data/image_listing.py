"""The image files of a folder, recognised by their suffixes, and their names."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from src.errors import DataError, UserError
from src.files import near_path
from src.wording import counted

# Of the kinds that every build of OpenCV decodes; those of ascend310_infer/src/image_list.cc.
IMAGE_SUFFIXES = frozenset(
    (
        ".bmp",
        ".dib",
        ".jfif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    )
)
# Files that lie beside images by right. All other files without the suffix of an image are counted (``passed_over``).
_COMPANIONS = frozenset(
    (".cache", ".csv", ".data", ".db", ".ini", ".json", ".md", ".names", ".txt", ".xml", ".yaml", ".yml")
)


def list_images(folder: str | Path) -> list[str]:
    """Names of all image files under ``folder``, relative to it with forward slashes, sorted.

    Sub-folders and linked folders are followed; hidden files and folders are left out.

    Raises:
        DataError: names that are not UTF-8, or of several lines: no list or JSON file could hold them.
    """
    names = [name for name in all_files(folder) if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    unusable = [name for name in names if "\n" in name or not _is_utf8(name)]
    if unusable:
        raise DataError(
            f"file names in {folder} that are not UTF-8 text of one line; rename them",
            [repr(name) for name in unusable],
        )
    return sorted(names)


def check_is_folder(path: Path, of: str = "images") -> None:
    """Raise a UserError if there is no such folder of images, or a file in its place."""
    if not path.is_dir():
        raise UserError(
            f"{path}: is a file, not a folder of {of}"
            if path.exists()
            else f"{path}: no such folder of {of}{near_path(path)}"
        )


def without_suffix(name: str) -> str:
    """The name without the suffix of an image, if it has one."""
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in IMAGE_SUFFIXES else name


def passed_over(folder: str | Path) -> list[str]:
    """A sentence on files under ``folder`` that ``list_images`` passes over and that may be pictures; none without them."""
    suffixes = Counter(Path(name).suffix.lower() for name in all_files(folder))
    others = {key: count for key, count in sorted(suffixes.items()) if key not in IMAGE_SUFFIXES | _COMPANIONS}
    if not others:
        return []
    listed = ", ".join(f"{count} {key or 'without suffix'}" for key, count in others.items())
    known = " ".join(sorted(IMAGE_SUFFIXES))
    sentence = f"{folder}: {counted(sum(others.values()), 'file', 'are')} passed over ({listed}), because images are recognised by their suffixes "
    return [f"{sentence}({known}); save pictures among them as PNG or JPEG"]


def lies_in(folder: str | Path, other: str | Path | None) -> bool:
    """Whether a folder is another one, or lies below it; False if there is no other one."""
    return other is not None and Path(folder).resolve().is_relative_to(Path(other).resolve())


def check_outside(pictures: Path, folders: Mapping[str, str | Path | None]) -> None:
    """Check that a folder for pictures that a program writes is not among the images that it or the next one reads.

    Args:
        folders: option -> folder whose images are listed; None where it was not given.

    Raises:
        UserError: it is one of them or lies below one.
    """
    place = Path(os.path.realpath(pictures))
    for option, folder in folders.items():
        if folder and place.is_relative_to(os.path.realpath(folder)):
            raise UserError(
                f"{pictures}: lies in the folder of --{option}, {folder}, and pictures there would count as its images; choose "
                "another place"
            )


def check_is_no_root(folder: str | Path) -> None:
    """Raise a UserError for the root of the file system, whose search would take very long; it is a slip of the keyboard."""
    if os.path.realpath(folder) == Path(folder).absolute().anchor:
        raise UserError(f"{folder}: is the root of the file system, expected the folder of a data set")


def all_files(folder: str | Path) -> Iterator[str]:
    """Names of all files under a folder but hidden ones, relative to it with forward slashes.

    Raises:
        UserError: it is the root of the file system.
    """
    for place, _, files in _walk(folder):
        yield from ((place / name).as_posix() for name in files)


def files_with_suffix(folder: str | Path, *suffixes: str) -> list[str]:
    """Names of the files under a folder with one of some suffixes, as ``all_files``, sorted.

    A folder of such a name is one of them: it stands where a file is expected, which whoever opens it will say.
    """
    return sorted(
        (place / name).as_posix()
        for place, folders, files in _walk(folder)
        for name in (*folders, *files)
        if Path(name).suffix.lower() in suffixes
    )


def _walk(folder: str | Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder below one, relative to it, its folders and its files, without hidden ones. Links to folders are followed, once."""
    check_is_no_root(folder)
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        if real not in seen:
            yield Path(place).relative_to(folder), list(folders), [name for name in files if not name.startswith(".")]
        seen.add(real)


def _is_utf8(name: str) -> bool:
    """Whether a name from the system is text; undecodable bytes become lone surrogates (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
