"""Images that lie in two places: in the image folder of a run and in its folder of unlabelled images, or twice in the latter, or
among the evaluation images as well.

Who labels images of a folder may move them into the image folder, copy them, or leave them where they are. All three work: an
image of the annotation file is found in either folder, and none is labelled and unlabelled at once.
"""

import contextlib
import functools
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from src.data.annotations import Annotations, ImageEntry, image_path
from src.errors import DataError, UserError
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
    """The images of a folder of unlabelled ones, each once, that are not images of the annotation file.

    Left out are files that are the same file as another one, and copies: equal bytes, whatever their names. Only files of equal size
    are read. A picture that was saved again has other bytes: that is a matter of the pick, see
    ``src.active.picking.near_duplicates``.

    Args:
        entries: of the folder; known: of the annotation file, see ``find_in_both``.

    Returns:
        The images, of copies within the folder the first, and a sentence for each kind of copies that are left out.
    """
    hash_of = functools.cache(_hash)
    folder_of = functools.cache(Path.resolve)  # given twice, it may be spelt in two ways
    labelled, own = _Files(hash_of), _Files(hash_of)
    for entry in known.images:
        labelled.add(image_path(entry, img_dir))
    kept, of_known, of_own = [], [], []
    for entry in entries:
        path = image_path(entry, img_dir)
        if original := labelled.same_as(path):
            if original.name != path.name or folder_of(original.parent) != folder_of(
                path.parent
            ):  # one that was labelled where it is, is no copy
                of_known.append(f"{entry.file_name} (the same as {original})")
        elif original := own.same_as(path):
            of_own.append(f"{entry.file_name} (the same as {original})")
        else:
            own.add(path)
            kept.append(entry)
    if not of_known and not of_own:
        return tuple(kept), []
    folder = entries[0].path
    sentences = {
        f"images of {folder} that are also images of the annotation file are left out of this folder": of_known,
        f"images of {folder} that are copies of other images of it are left out": of_own,
    }
    return tuple(kept), [f"{text}, {len(found)} in all: {_some(found)}" for text, found in sentences.items() if found]


def check_apart(unlabelled: Sequence[ImageEntry], evaluation: Annotations, eval_img_dir: str | Path) -> None:
    """Raise a DataError if images of the unlabelled folder are evaluation images, or copies of some under any name."""
    faults = [
        f"{path}: is an image of eval_ann_file too" + ("" if path.samefile(original) else f", a copy of {original}")
        for path, original in _same_as(unlabelled, "", evaluation, eval_img_dir)
    ]
    if faults:
        title = (
            "unlabelled_img_dir holds evaluation images: the detector would be trained on what it is measured on; move "
            "these out of this folder"
        )
        raise DataError(title, faults)


def shared_images(
    training: Annotations, img_dir: str | Path, evaluation: Annotations, eval_img_dir: str | Path
) -> list[str]:
    """The names of the training images that are evaluation images, or copies of some under any name."""
    return [path.name for path, _ in _same_as(training.images, img_dir, evaluation, eval_img_dir)]


def _same_as(
    entries: Sequence[ImageEntry], folder: str | Path, known: Annotations, img_dir: str | Path
) -> Iterator[tuple[Path, Path]]:
    """Of each image that is one of the known ones, or has its bytes: its path, and that of the known one."""
    files = _Files(functools.cache(_hash))
    for entry in known.images:
        files.add(image_path(entry, img_dir))
    for entry in entries:
        path = image_path(entry, folder)
        if original := files.same_as(path):
            yield path, original


class _Files:
    """Image files by what they hold. A file is read only when another one has its size."""

    def __init__(self, hash_of: Callable[[Path], str | None]) -> None:
        self._hash_of = hash_of
        self._by_identity: dict[tuple[int, int], Path] = {}
        self._by_size: dict[int, list[Path]] = defaultdict(list)
        self._by_hash: dict[tuple[int, str], Path] = {}

    def add(self, path: Path) -> None:
        """Add a file; what is missing is reported elsewhere."""
        with contextlib.suppress(OSError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in self._by_identity:
                self._by_identity[status.st_dev, status.st_ino] = path
                self._by_size[status.st_size].append(path)

    def same_as(self, path: Path) -> Path | None:
        """The added file that is this one under another name (device and inode are equal) or has its bytes, else None; files that
        cannot be read are reported elsewhere."""
        try:
            status = path.stat()
        except OSError:
            return None
        if found := self._by_identity.get((status.st_dev, status.st_ino)):
            return found
        size = status.st_size
        if size not in self._by_size or not (digest := self._hash_of(path)):
            return None
        for other in self._by_size[size]:  # those that were not read yet
            if other_digest := self._hash_of(other):
                self._by_hash.setdefault((size, other_digest), other)
        self._by_size[size].clear()
        return self._by_hash.get((size, digest))


def _hash(path: Path) -> str | None:
    try:
        return file_hash(path)
    except UserError:
        return None


def _some(found: list[str]) -> str:
    more = f" and {len(found) - SHOWN_NAMES} more" if len(found) > SHOWN_NAMES else ""
    return ", ".join(found[:SHOWN_NAMES]) + more
