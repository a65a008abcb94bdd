"""Detection in a pool of images of any size: resumed where it was stopped, shared by processes, and past unreadable images."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from src import __version__
from src.config.load import Config
from src.data.annotations import ImageEntry
from src.data.formats.feature_file import compact
from src.engine.device import Device, broadcast_from_rank_0
from src.engine.inference.detect_images import detect_images
from src.engine.inference.journal import Journal, journal_key
from src.errors import DataError, UserError, printable
from src.evaluation.records import Detections
from src.exporting.runner import Detector
from src.files import file_hash, write_json
from src.wording import counted

NOT_READ = "not_read.json"  # beside the results
_SHOWN = 5


class Pool:
    """The unfinished detections of one start of infer.py, in journals beside the results.

    Args:
        folder: of the results.
        config: all settings but `overwrite` belong to the key of the journals.
        images: all images, those of which only features are wanted included, in their order.
        files: hashes of their files.
        unreadable: reasons by name of images that are known to be broken; the others that cannot be read join them.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        images: Sequence[ImageEntry],
        files: Sequence[str],
        unreadable: dict[str, str],
    ) -> None:
        self.folder, self.config, self.images = folder, config, images
        settings = {name: value for name, value in config.as_dict().items() if name != "overwrite"}
        weights = [config.checkpoint_path or config.model or config.pre_trained, config.second_checkpoint]
        hashes = [path and file_hash(path) for path in weights]
        names = [entry.file_name for entry in images]
        self.key = journal_key([__version__, settings, hashes, list(files), names])
        self.unreadable = unreadable
        self._written: list[Journal] = []

    def resumes(self) -> bool:
        """Whether there are unfinished detections of this run.

        Raises:
            UserError: there are those of another run, and they may not be overwritten.
        """
        journals = [Journal(path, self.key) for path in self._journals()]
        own = [journal for journal in journals if journal.matches()]
        others = [journal.path for journal in journals if journal not in own and not journal.is_empty()]
        if others and not self.config.overwrite:
            raise UserError(
                f"{others[0]}: the unfinished detections of another run (other images, checkpoint, settings or number of "
                "processes); repeat its command to finish it, or pass --overwrite to discard them"
            )
        return bool(own)

    def detect(
        self,
        name: str,
        detector: Detector,
        images: Sequence[ImageEntry],
        device: Device,
        *,
        progress: str | None = None,
        has_features: bool = False,
    ) -> Iterator[tuple[ImageEntry, Detections]]:
        """Yield each readable image with its detections, in order; other ranks than 0 yield nothing, but do their share.

        Args:
            name: of the journals, one for each detector.
            detector, progress, has_features: as in `detect_images`; features are compact.

        Raises:
            DataError: no image can be read.
        """
        size, count = self.config.test_batch_size, device.count
        share = (
            -(-len(images) // (size * count)) * size
        )  # whole batches, so that any number of processes detects the same
        entries = [images[rank * share : (rank + 1) * share] for rank in range(count)]
        journals = [
            Journal(self.folder / f"{name}.unfinished_{rank}_of_{count}.jsonl", self.key) for rank in range(count)
        ]
        own = journals[device.rank]
        self._written.append(own)
        done = own.open(size)
        broadcast_from_rank_0(0.0, device)  # until now another rank may have replaced its journal
        try:
            for entry, found in self._share(own, entries[device.rank], done, detector, progress, has_features):
                if device.rank == 0 and not isinstance(found, str):
                    yield entry, found
        except BaseException:  # who starts again in this process must find it free
            own.release()
            raise
        own.finish()
        if device.rank > 0:
            return
        for journal, others in zip(journals[1:], entries[1:], strict=True):
            for entry, (_, found) in zip(others, journal.read(), strict=True):
                if self._is_readable(entry, found):
                    yield entry, found
        if not self.count_read(images):
            self._discard()
            raise DataError(
                f"{self.folder}: nothing is written, because no image can be read", list(self.unreadable.values())
            )

    def _share(
        self,
        journal: Journal,
        entries: Sequence[ImageEntry],
        done: int,
        detector: Detector,
        progress: str | None,
        has_features: bool,
    ) -> Iterator[tuple[ImageEntry, Detections | str]]:
        """The images of this process: those of before, then the others, which are added to the journal."""
        for entry, (_, found) in zip(entries[:done], journal.read(done), strict=True):
            self._is_readable(entry, found)
            yield entry, found
        if done == len(entries):
            return
        reasons: dict[str, str] = {}
        for entry, detections in detect_images(
            detector,
            entries[done:],
            self.config.train_img_dir,
            self.config,
            progress=progress,
            has_features=has_features,
            unreadable=reasons,
        ):
            if has_features:
                detections = replace(detections, features=compact(detections.features))
            found = reasons.get(entry.file_name, detections)
            journal.add(entry.file_name, found)
            self._is_readable(entry, found)
            yield entry, found

    def _is_readable(self, entry: ImageEntry, found: Detections | str) -> bool:
        if isinstance(found, str):
            self.unreadable[entry.file_name] = found
        return not isinstance(found, str)

    def count_read(self, images: Sequence[ImageEntry]) -> int:
        """How many of the images were read."""
        return sum(entry.file_name not in self.unreadable for entry in images)

    def finish(self, device: Device, overwrite: bool) -> None:
        """Remove the journals, after the results are written, and list what could not be read; all ranks must call this.

        Raises:
            SystemExit: with status 1 and the number of images that could not be read.
        """
        path = self.folder / NOT_READ
        if device.rank == 0:
            path.unlink(missing_ok=True)  # of an earlier run
            if self.unreadable:
                write_json(path, self.unreadable, overwrite, indent=1)
            self._discard()
        broadcast_from_rank_0(0.0, device)  # a rank that exits while others compute would be taken for dead
        if device.rank == 0 and self.unreadable:
            remedy = f"correct or remove them, or pass {self._options_to_leave_out()}"
            lines = [
                f"error: {counted(len(self.unreadable), 'image')} cannot be read: passed over ({remedy}), see {path}:"
            ]
            lines += [f"  - {reason}" for reason in list(self.unreadable.values())[:_SHOWN]]
            rest = len(self.unreadable) - _SHOWN
            lines += [f"  ... and {rest} more"] if rest > 0 else []
            raise SystemExit("\n".join(map(printable, lines)))

    def _options_to_leave_out(self) -> str:
        """The options with which the same command leaves out what cannot be read: as many percent of the folder or of the annotation
        file as that takes."""
        names = {entry.file_name for entry in self.images}
        of_file = [entry.file_name in self.unreadable for entry in self.images if entry.path is None]
        of_folder = [entry.file_name in self.unreadable for entry in self.images if entry.path is not None]
        of_folder += [
            True for name in self.unreadable if name not in names
        ]  # their headers are broken: they have no entry
        percent = max(math.ceil(100 * sum(broken) / max(len(broken), 1)) for broken in (of_file, of_folder))
        allowed = f" --faulty_at_most {percent}" if percent > self.config.faulty_at_most else ""
        return f"--leave_out_faulty true{allowed} --overwrite"

    def _discard(self) -> None:
        for path in self._journals():
            path.unlink()
        for journal in self._written:  # their locks end now: nobody finds them any more
            journal.release()

    def _journals(self) -> list[Path]:
        return sorted(self.folder.glob("infer_*.unfinished_*_of_*.jsonl"))
