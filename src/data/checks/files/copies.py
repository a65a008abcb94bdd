"""Images that lie in two places: in the image folder of a run and in its folder of unlabelled images.

Who labels images of a folder may move them into the image folder, copy them, or leave them where they are. All three work: an
image of the annotation file is found in either folder, and none is labelled and unlabelled at once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from src.data.annotations import Annotations, ImageEntry, image_path
from src.errors import UserError
from src.files import file_hash
from src.wording import SHOWN_NAMES


def find_in_both(annotations: Annotations, img_dir: str | Path, folder: str | Path | None) -> Annotations:
    """The images of an annotation file, those that are in ``folder`` and not in ``img_dir`` with this folder as their place."""
    if folder is None:
        return annotations
    images = tuple(
        replace(entry, path=Path(folder))
        if entry.path is None
        and not (Path(img_dir) / entry.file_name).exists()
        and (Path(folder) / entry.file_name).is_file()
        else entry
        for entry in annotations.images
    )
    return replace(annotations, images=images)


def without_copies(
    entries: Sequence[ImageEntry], known: Annotations, img_dir: str | Path
) -> tuple[tuple[ImageEntry, ...], list[str]]:
    """The images of a folder of unlabelled ones that are not images of the annotation file.

    Left out are files that are the same file as one of the annotation file, and copies: equal base name and equal bytes. A picture
    under two names is a matter of the pick, see ``src.active.picking.near_duplicates``.

    Args:
        entries: of the folder; known: of the annotation file, see ``find_in_both``.

    Returns:
        The images, and a sentence about the copies that are left out; none if there are none.
    """
    files: dict[tuple[int, int], Path] = {}
    by_name: dict[str, list[Path]] = defaultdict(list)
    for entry in known.images:
        path = image_path(entry, img_dir)
        if path.is_file():
            files[_identity(path)] = path
            by_name[path.name].append(path)
    kept, dropped = [], []
    for entry in entries:
        path = image_path(entry, img_dir)
        copies = (other for other in by_name[path.name] if _is_copy(path, other))
        original = files.get(_identity(path)) or next(copies, None)
        if original is None:
            kept.append(entry)
        elif original != path:  # one that was labelled where it is, is no copy
            dropped.append(f"{entry.file_name} (the same as {original})")
    if not dropped:
        return tuple(kept), []
    shown = ", ".join(dropped[:SHOWN_NAMES])
    more = f" and {len(dropped) - SHOWN_NAMES} more" if len(dropped) > SHOWN_NAMES else ""
    text = f"images of {entries[0].path} that are also images of the annotation file are left out of this folder, {len(dropped)} in all: "
    return tuple(kept), [text + shown + more]


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode, which are the same for two names of one file."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_copy(path: Path, other: Path) -> bool:
    """Whether two files have equal bytes; one that cannot be read is reported elsewhere."""
    try:
        return path.stat().st_size == other.stat().st_size and file_hash(path) == file_hash(other)
    except UserError:
        return False
