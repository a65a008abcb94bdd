"""Cache of a data set's encoded images in one MindRecord file, for disks and networks that are slow with many small files.

Its name is a hash of everything it depends on: annotations, the path, size and modification time of every image file, and the
layout version. It stores the encoded files unchanged, so batches are the same with the cache and without, for any network
input and augmentation; labels are in memory already. A checksum of each image is stored beside it.
"""

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import mindspore.dataset as ms_dataset
import numpy as np
from mindspore.mindrecord import FileWriter

from src.data.cache.locked_folder import make_once
from src.errors import DataError, UserError, reason_of
from src.files import read_regular

_LAYOUT = 2  # version of the file layout; a new version makes new caches
_FILE, _ABOUT = "images.mindrecord", "about.json"
_HEADER = 2**24  # bytes at the start of a MindRecord file that hold its metadata
_COLUMNS = {"image": {"type": "bytes"}, "checksum": {"type": "int64"}}
_ROWS_WRITTEN = 64  # images in memory while writing
_ROWS_READ = 1024  # images per reading pipeline, to amortise its start-up time
_PAGES = (2**25, 2**28)  # bytes, the default and the largest page size of a MindRecord file; an image must fit into one
_PAGE_HEAD = 2**12  # bytes of a page that are reserved for the metadata of its rows


@dataclass(frozen=True)
class RecordCache:
    """An intact cache; ``row_of``: image path -> row of its file."""

    folder: Path
    row_of: dict[Path, int]

    def read(self, paths: Iterable[Path]) -> Iterator[bytes]:
        """The bytes of the image files ``paths``, in their order; paths are read about a thousand ahead.

        Raises:
            UserError: while iterating: the cache is damaged.
        """
        for chosen in _without_repeats(paths):
            arriving = self._rows([self.row_of[path] for path in chosen])
            for path in chosen:
                try:
                    image, checksum = next(arriving)
                except (RuntimeError, StopIteration) as error:  # MindSpore raises it for every fault of a file
                    raise UserError(_damaged(self.folder, path)) from error
                data = image.tobytes()
                if zlib.crc32(data) != int(checksum):
                    raise UserError(_damaged(self.folder, path))
                yield data

    def _rows(self, places: list[int]) -> Iterator[list[np.ndarray]]:
        """The columns of some rows of the file; a RuntimeError if MindSpore cannot read them."""
        pipeline = ms_dataset.MindDataset(
            str(self.folder / _FILE),
            columns_list=list(_COLUMNS),
            num_parallel_workers=1,
            sampler=ms_dataset.SubsetSampler(places),
        )
        yield from pipeline.create_tuple_iterator(num_epochs=1, output_numpy=True)


def open_cache(
    parent: str | Path, paths: Sequence[Path], annotations: str, wait: float, say: Callable[[str], None]
) -> RecordCache:
    """The cache of these images under ``parent``, made first if it is missing or incomplete.

    Args:
        paths: the image files; annotations: hash of what is known about them (``content_hash``).
        wait: seconds to wait for another process that makes it; say: logs a sentence.

    Raises:
        UserError: another process takes longer, the disk is full, an image is missing or larger than 256 MB.
    """
    paths = list(dict.fromkeys(paths))
    states = _states(paths)
    text = json.dumps([_LAYOUT, annotations, [[str(path), *state] for path, state in zip(paths, states, strict=True)]])
    folder = Path(parent) / hashlib.sha256(text.encode()).hexdigest()[:16]

    def make(unfinished: Path) -> None:
        others = [path.parent.name for path in Path(parent).glob(f"*/{_ABOUT}") if path.parent != folder]
        if others:
            say(f"{parent} also holds caches of other images, annotations or modification times: {', '.join(others)}")
        _write(unfinished, paths, [size for size, _ in states])

    make_once(folder, partial(_fault, count=len(paths)), make, wait, say)
    return RecordCache(folder, {path: row for row, path in enumerate(paths)})


def _damaged(folder: Path, path: Path) -> str:
    return f"{folder}: the cached copy of {path} is damaged; delete this folder and start again"


def _without_repeats(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """The paths in chunks without repeats: a pipeline cannot deliver more rows than the file has."""
    chosen: dict[Path, None] = {}
    for path in paths:
        if path in chosen or len(chosen) == _ROWS_READ:
            yield list(chosen)
            chosen = {}
        chosen[path] = None
    if chosen:
        yield list(chosen)


def _states(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Size in bytes and modification time of each file; a DataError names all that are missing."""
    states, faults = [], []
    for path in paths:
        try:
            status = os.stat(path)
            states.append((status.st_size, status.st_mtime_ns))
        except OSError as error:
            faults.append(f"{path}: {error.strerror or error}")
    if faults:
        raise DataError("image files", faults)
    return states


def _write(folder: Path, paths: Sequence[Path], sizes: Sequence[int]) -> None:
    page = _PAGES[0]
    while page < max(sizes) + _PAGE_HEAD:
        page *= 2
    if page > _PAGES[1]:
        largest = paths[sizes.index(max(sizes))]
        raise UserError(
            f"{largest}: larger than {_PAGES[1] // 2**20} MB, so it cannot be cached; leave mindrecord_dir out"
        )
    free, needed = shutil.disk_usage(folder).free, sum(sizes) + 2 * page
    if free < needed:
        raise UserError(f"{folder.parent}: {needed / 1e9:.1f} GB are needed for the cache, {free / 1e9:.1f} are free")
    writer = FileWriter(str(folder / _FILE), 1)
    writer.set_page_size(page)
    writer.add_schema(_COLUMNS, "encoded images")
    names = iter(paths)
    while chosen := list(islice(names, _ROWS_WRITTEN)):
        images = [read_regular(path) for path in chosen]
        writer.write_raw_data([{"image": data, "checksum": zlib.crc32(data)} for data in images])
    writer.commit()
    written = {file.name: file.stat().st_size for file in folder.iterdir()}
    about = {"layout": _LAYOUT, "images": len(paths), "bytes": written, "descriptions": _metadata_hash(folder)}
    (folder / _ABOUT).write_text(json.dumps(about))
    for name in written:  # MindSpore lets only the owner read them; a cache on a shared disk is for all users
        shutil.copymode(folder / _ABOUT, folder / name)


def _fault(folder: Path, count: int) -> str | None:
    """Why a cache cannot be used; None if it can."""
    try:
        about = json.loads((folder / _ABOUT).read_text())
        sizes = {name: (folder / name).stat().st_size for name in about["bytes"]}
    except FileNotFoundError:
        return "is incomplete" if folder.exists() else "is not there"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"is damaged ({_ABOUT}: {reason_of(error, folder / _ABOUT)})"
    if about.get("images") != count or sizes != about["bytes"] or _FILE not in sizes:
        return f"is damaged: expected {count} images in {about['bytes']} bytes, found {sizes}"
    if _metadata_hash(folder) != about.get("descriptions"):
        return "is damaged: the checksum of its metadata is wrong"
    return None


def _metadata_hash(folder: Path) -> str:
    """A hash of the metadata that locate rows, in the file and its index: MindSpore aborts the program if they are damaged."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob(f"{_FILE}*")):
        with path.open("rb") as file:
            digest.update(file.read(_HEADER) if path.name == _FILE else file.read())
    return digest.hexdigest()
