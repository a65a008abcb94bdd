"""Batches of images for training and evaluation, as NumPy arrays, prepared ahead by a few threads.

The content of a batch depends on (seed, stream, position) alone, never on the number of workers or on earlier reads, so a
run can be resumed at any step and sharded over devices.

Axes: B images of a batch, G ground-truth rows, H and W of the network input.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import tee
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np

from src.data.annotations import ImageEntry, image_path
from src.data.augment import transforms
from src.data.augment.views import ViewSettings, training_views
from src.data.images import read_image
from src.data.prefetch import prepared_ahead
from src.errors import DataError, UserError

Item = TypeVar("Item")
Stream = Literal["labelled", "unlabelled"]

_STREAMS = {"labelled": 0, "unlabelled": 1}
# The first word of every seed, so that the order of images and their augmentation never share random numbers.
_ORDER, _AUGMENTATION = 1, 2


@dataclass(frozen=True, kw_only=True)
class BatchSettings(ViewSettings):
    """Settings of training batches.

    Attributes:
        seed: of the run; the same on every rank.
        batch_size: B, images per batch on one rank.
        workers: threads that prepare images.
        rank, rank_size: this rank takes rows [rank * B, rank * B + B) of a global batch of rank_size * B.
    """

    seed: int
    batch_size: int
    workers: int
    rank: int = 0
    rank_size: int = 1


class Stored(Protocol):
    """A cache of image files, such as a ``RecordCache``."""

    def read(self, paths: Iterable[Path]) -> Iterator[bytes]:
        """The bytes of the image files ``paths``, in their order."""


def training_batches(
    entries: Sequence[ImageEntry],
    img_dir: str | Path,
    settings: BatchSettings,
    stream: Stream,
    start_step: int,
    stop_step: int,
    stored: Stored | None = None,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches of the steps start_step .. stop_step - 1; every image appears once per epoch, in a new order each epoch.

    Args:
        entries: the images of this stream.
        img_dir: folder of the images without a folder of their own.
        settings: see ``BatchSettings``.
        stream: "labelled" or "unlabelled"; each has its own order and augmentation.
        start_step, stop_step: steps of the run.
        stored: a cache of the image files; None: they are read one by one. The batches are the same.

    Returns:
        An iterator of (strong uint8 [B, 3, H, W] RGB, weak uint8 [B, 3, H, W] RGB, image_sizes float32 [B, 2], height and
        width that the image of both views takes up in the input, counted from its upper left corner) and for the labelled
        stream also gt_boxes float32 [B, G, 4] in pixels of the input, gt_labels int32 [B, G] (0 = none), gt_valid bool [B, G],
        gt_crowd bool [B, G]; with `mask_size` also gt_masks uint8 [B, G, M, M], 0 or 1 for each cell of the object's box
        (``outlines.rasterise``), 0 for crowds and empty rows. Close it to stop its threads before its end.

    Raises:
        UserError: no entries; while iterating: an image is missing, broken or not of the size its entry says.
        DataError: images with more than G objects, or that are larger than the input when resized.
        ValueError: `mask_size` asks for masks, but the entries were read without them.
    """
    if not entries:
        raise UserError(f"there are no {stream} images to train on")
    labelled = stream == "labelled"
    if labelled and settings.mask_size and any(entry.outlines is None for entry in entries):
        raise ValueError(f"mask_size {settings.mask_size}: the entries have no outlines; read them with masks=True")
    check_sizes(entries, settings.height, settings.width, settings.resize_sides)
    if labelled:
        check_counts(entries, settings.max_gts)
    order = partial(_place, settings.seed, _STREAMS[stream], len(entries))
    prepare = partial(_training_rows, entries, img_dir, settings, stream)
    batches = (
        [
            order((step * settings.rank_size + settings.rank) * settings.batch_size + row)
            for row in range(settings.batch_size)
        ]
        for step in range(start_step, stop_step)
    )
    batches = _with_bytes(batches, lambda place: image_path(entries[place[1]], img_dir), stored)
    return prepared_ahead(prepare, batches, settings.workers, _stack)


class InputSettings(Protocol):
    """Settings of evaluation batches; the configuration of a run has them.

    Attributes:
        img_height, img_width: network input in pixels.
        keep_ratio: pad instead of stretch.
        resize_sides: shorter and longer side of a resized image, as ``transforms.resize_to_fit`` says.
        test_batch_size: B, images per batch.
        num_parallel_workers: threads that prepare images.
    """

    img_height: int
    img_width: int
    keep_ratio: bool
    resize_sides: tuple[int, int] | None
    test_batch_size: int
    num_parallel_workers: int


def evaluation_batches(
    entries: Sequence[ImageEntry],
    img_dir: str | Path,
    settings: InputSettings,
    stored: Stored | None = None,
    unreadable: dict[str, str] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, list[tuple[ImageEntry, tuple[float, float]]]]]:
    """All images once, in the given order.

    Args:
        stored: as in ``training_batches``.
        unreadable: gets the reason of each image that cannot be read, by name; black pixels take its place in the batch.

    Returns:
        An iterator of (images uint8 [B, 3, H, W] RGB, image_sizes float32 [B, 2], [(entry, scale), ...]); a size is height
        and width of the resized image, the rest is padding; ``scale`` (x, y) took original pixels to pixels of the input.
        The last batch is padded with copies of its last image, and its list is shorter than B.

    Raises:
        UserError: while iterating, without ``unreadable``: an image is missing, broken or not of the size its entry says.
        DataError: images that are larger than the input when resized.
    """
    check_sizes(entries, settings.img_height, settings.img_width, settings.resize_sides)
    height, width = settings.img_height, settings.img_width

    def prepare(
        item: tuple[ImageEntry, bytes | None],
    ) -> tuple[np.ndarray, np.ndarray, ImageEntry, tuple[float, float]]:
        entry, data = item
        try:
            image = _read(entry, img_dir, data)
        except UserError as error:
            if unreadable is None:
                raise
            unreadable[entry.file_name] = str(error)
            image = np.zeros((height, width, 3), np.uint8)
            return transforms.channels_first(image), np.array([height, width], np.float32), entry, (1.0, 1.0)
        image, scale = transforms.resize_to_fit(image, height, width, settings.keep_ratio, settings.resize_sides)
        size = np.array(image.shape[:2], np.float32)
        return transforms.channels_first(transforms.pad_to_input(image, height, width)), size, entry, scale

    def collect(rows: list) -> tuple[np.ndarray, np.ndarray, list[tuple[ImageEntry, tuple[float, float]]]]:
        filled = rows + rows[-1:] * (settings.test_batch_size - len(rows))
        images, sizes = (np.stack([row[column] for row in filled]) for column in (0, 1))
        return images, sizes, [(entry, scale) for _, _, entry, scale in rows]

    size = settings.test_batch_size
    batches = (entries[start : start + size] for start in range(0, len(entries), size))
    batches = _with_bytes(batches, lambda entry: image_path(entry, img_dir), stored)
    return prepared_ahead(prepare, batches, settings.num_parallel_workers, collect)


def check_counts(entries: Iterable[ImageEntry], max_gts: int) -> None:
    """Raise a DataError that lists the images with more than ``max_gts`` boxes; crowds take a row, too."""
    crowded = [(entry.file_name, len(entry.boxes)) for entry in entries if len(entry.boxes) > max_gts]
    if crowded:
        most = max(count for _, count in crowded)
        title = f"images with more boxes than --num_gts {max_gts}; pass --num_gts {most}"
        raise DataError(title, [f"{name}: {count} boxes" for name, count in crowded])


def check_sizes(entries: Iterable[ImageEntry], height: int, width: int, sides: tuple[int, int] | None) -> None:
    """Raise a DataError that lists the images that would be larger than the input when resized by ``sides``."""
    if sides is None:
        return
    sizes = [(entry.file_name, *transforms.size_by_sides((entry.width, entry.height), sides)) for entry in entries]
    faults = [f"{name}: becomes {w}x{h}" for name, w, h in sizes if w > width or h > height]
    if faults:
        remedy = "pass a larger --img_width and --img_height, or other --resize_sides"
        raise DataError(
            f"images larger than the input of {width}x{height} by resize_sides {list(sides)}; {remedy}", faults
        )


def _with_bytes(
    batches: Iterable[Sequence[Item]], path_of: Callable[[Item], Path], stored: Stored | None
) -> Iterator[list[tuple[Item, bytes | None]]]:
    """Each item of each batch with the bytes of its image file; None: to be read from the file."""
    if stored is None:
        yield from ([(item, None) for item in batch] for batch in batches)
        return
    ahead, batches = tee(batches)
    data = stored.read(path_of(item) for batch in ahead for item in batch)
    for batch in batches:
        yield [(item, next(data)) for item in batch]


def _place(seed: int, stream: int, count: int, position: int) -> tuple[int, int]:
    """(epoch, index of the entry) of a position of a stream."""
    epoch, offset = divmod(position, count)
    return epoch, int(_permutation(seed, stream, count, epoch)[offset])


@lru_cache(maxsize=4)
def _permutation(seed: int, stream: int, count: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([_ORDER, seed, stream, epoch]).permutation(count)


def _training_rows(
    entries: Sequence[ImageEntry],
    img_dir: str | Path,
    settings: BatchSettings,
    stream: Stream,
    item: tuple[tuple[int, int], bytes | None],
) -> tuple[np.ndarray, ...]:
    """One image's rows of a training batch."""
    (epoch, index), data = item
    rng = np.random.default_rng([_AUGMENTATION, settings.seed, _STREAMS[stream], epoch, index])
    image = _read(entries[index], img_dir, data)
    return training_views(image, entries[index], stream == "labelled", settings, rng)


def _read(entry: ImageEntry, img_dir: str | Path, data: bytes | None) -> np.ndarray:
    path = image_path(entry, img_dir)
    image = read_image(path, data)
    height, width = image.shape[:2]
    if (width, height) != (entry.width, entry.height):
        raise UserError(
            f"{path}: the image is {width}x{height} but its entry says {entry.width}x{entry.height}; "
            "correct width, height and boxes of the annotation file, or put the right image there"
        )
    return image


def _stack(rows: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    return tuple(np.stack(column) for column in zip(*rows, strict=True))
