"""Speed-up by a MindRecord cache on a disk: reading images in random order, and loading batches, with and without it.

python benchmarks/record_cache.py --img_dir data/train/images --disk /mnt/slow --height 288 --width 416 --json record_cache.json

The images are copied to --disk, as files and as a cache, and removed afterwards. Cold: they are dropped from the page cache first.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from benchmarks import command, measure
from src.data.annotations import ImageEntry, unlabelled_folder
from src.data.cache.record_cache import RecordCache, open_cache
from src.data.dataset import BatchSettings, training_batches
from src.data.image_listing import list_images
from src.errors import UserError, entry_point


def drop_from_page_cache(files: Iterable[Path]) -> None:
    """Drop these files from the page cache of the system."""
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def workloads(
    entries: Sequence[ImageEntry], folder: Path, cache: RecordCache | None, args: object
) -> dict[str, Callable[[], object]]:
    """The functions to time, by name; ``cache``: read the images from it instead of from their files."""
    paths = [folder / entries[index].file_name for index in np.random.default_rng(0).permutation(len(entries))]
    steps = len(entries) // args.batch_size

    def read() -> None:
        for _ in cache.read(paths) if cache else (path.read_bytes() for path in paths):
            pass

    def batches(strong: bool) -> Callable[[], None]:
        settings = BatchSettings(
            height=args.height,
            width=args.width,
            keep_ratio=True,
            flip_ratio=0.5,
            max_gts=1,
            seed=0,
            batch_size=args.batch_size,
            workers=args.threads,
            strong=strong,
        )

        def run() -> None:
            for _ in training_batches(entries, folder, settings, "unlabelled", 0, steps, cache):
                pass

        return run

    return {"read": read, "weak batches": batches(False), "weak and strong batches": batches(True)}


def seconds(run: Callable[[], object], files: Sequence[Path], args: object) -> dict:
    """Seconds of a run with cold and with warm files."""
    cold, warm = [], []
    for _ in range(args.warmup + args.repeats):
        drop_from_page_cache(files)
        cold.append(measure.timed(run))
        warm.append(measure.timed(run))
    return {"cold": measure.summary(cold[args.warmup :]), "warm": measure.summary(warm[args.warmup :])}


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time every workload, from files and from the cache."""
    parser = command.options(__doc__, "height", "width", "batch_size", "repeats", "warmup", repeats=3, warmup=0)
    parser.add_argument("--img_dir", required=True, help="folder of images")
    parser.add_argument("--disk", default=tempfile.gettempdir(), help="folder on the disk to measure")
    parser.add_argument(
        "--images",
        type=int,
        default=1000,
        help="number of images (default 1000); if the folder has fewer, they are repeated",
    )
    args = command.start(parser, argv)
    names = list_images(Path(args.img_dir))
    if not names:
        raise UserError(f"--img_dir {args.img_dir}: no images in this folder")
    with tempfile.TemporaryDirectory(dir=args.disk) as name:
        folder = Path(name) / "images"
        folder.mkdir()
        for number in range(args.images):
            source = Path(args.img_dir, names[number % len(names)])
            shutil.copyfile(source, folder / f"{number:06d}{source.suffix}")
        entries = unlabelled_folder(folder, first_id=1)
        files = [folder / entry.file_name for entry in entries]
        made: list[RecordCache] = []
        result = {"MB": sum(file.stat().st_size for file in files) / 1e6}
        result["make_cache"] = measure.timed(
            lambda: made.append(open_cache(Path(name) / "caches", files, "", 60, print))
        )
        result["open_cache"] = measure.timed(lambda: open_cache(Path(name) / "caches", files, "", 60, print))
        for source, cache, kept in (("files", None, files), ("cache", made[0], list(made[0].folder.iterdir()))):
            timed = {work: seconds(run, kept, args) for work, run in workloads(entries, folder, cache, args).items()}
            result[source] = timed
    command.finish(args, result)


if __name__ == "__main__":
    main()
