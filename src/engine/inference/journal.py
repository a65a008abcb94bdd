"""What was detected in each image, a line per image as it is found: a run that was stopped continues, and processes share a pool."""

import base64
import fcntl
import hashlib
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from src.errors import UserError
from src.evaluation.records import Detections
from src.files import cannot_write, open_regular

_POLL_SECONDS = 0.2
_CHECKSUM = 8  # hexadecimal digits at the start of a line, then a space
_LONGEST_HEADER = 1000  # bytes; a foreign file may be one endless line


def journal_key(inputs: Any) -> str:
    """A hash of what detections depend on, JSON values: lines of another key are of another run."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


class Journal:
    """A file with a header, a line per image in the order of the images, and a last line when all are done.

    A line is a checksum and a JSON object. The checksum goes on from that of the line before, so a line that was damaged, doubled
    or lost ends what is taken from the file. A process locks the file that it writes, until it ends or calls `release`.

    Args:
        path: of the file.
        key: see `journal_key`.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.header = json.dumps({"key": key}).encode() + b"\n"
        self.file = None
        self.checksum = 0  # of the last line that was written

    def matches(self) -> bool:
        """Whether the file is there, and of the same key."""
        try:
            with open_regular(self.path) as file:
                return file.read(len(self.header)) == self.header  # no more: a foreign file may be one endless line
        except OSError:
            return False

    def is_empty(self) -> bool:
        """Whether no image was finished, as of a detector that failed in its first batch: nothing is lost with the file."""
        try:
            with open_regular(self.path) as file:
                return len(file.readline(_LONGEST_HEADER)) < _LONGEST_HEADER and not file.read(1)
        except OSError:
            return False

    def open(self, batch: int) -> int:
        """Open the file for writing; a file of another key is replaced, and a line that was cut off is removed.

        Args:
            batch: images per batch; a batch of which a line is missing goes whole, so that batches are the same as before.

        Returns:
            The number of images whose lines stay.

        Raises:
            UserError: the file cannot be written, or another process writes it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                open_regular(self.path).close()  # to open a FIFO for writing would wait for a reader
            self.file = self.path.open("ab")
            self._lock()
            kept, end = self._kept(batch) if self.matches() else (0, 0)
            if self.file.tell() > end:
                self.file.truncate(end)
            if not end:
                self.file.write(self.header)
                self.file.flush()
        except OSError as error:
            raise self._failure(error) from error
        return kept

    def _lock(self) -> None:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another process detects into this folder; wait until it is done, or choose another --eval_output_dir"
            ) from None
        except OSError:
            pass  # some network mounts have no locks

    def release(self) -> None:
        """Close the file, so that another process may write it."""
        if self.file is not None:
            self.file.close()

    def _kept(self, batch: int) -> tuple[int, int]:
        """The number of images in complete batches, and where their lines end; sets `checksum` to that of the last of them."""
        count = kept = before = 0
        with self.path.open("rb") as file:
            end = place = len(file.readline())
            for line in file:
                checksum = _checksum(line, before)
                if not line.startswith(checksum) or not line.endswith(b"\n"):
                    break
                if _is_end(line):  # the last batch may be shorter
                    kept, end, self.checksum = count, place, before
                    break
                place, count, before = place + len(line), count + 1, int(checksum, 16)
                if count % batch == 0:
                    kept, end, self.checksum = count, place, before
        return kept, end

    def add(self, name: str, found: Detections | str) -> None:
        """Write the line of an image: its detections, or the reason why it cannot be read."""
        self._write({"name": name} | ({"unreadable": found} if isinstance(found, str) else _as_json(found)))

    def finish(self) -> None:
        """Write the last line."""
        self._write({"end": True})

    def _write(self, row: dict) -> None:
        content = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        self.checksum = zlib.crc32(content, self.checksum)
        try:
            self.file.write(b"%08x %s" % (self.checksum, content))
            self.file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> UserError:
        return UserError(f"{cannot_write(self.path, error)}; correct that, then the same command continues")

    def read(self, count: int | None = None) -> Iterator[tuple[str, Detections | str]]:
        """Yield name and detections, or reason, of the first `count` images; None: of all, waiting for another process."""
        while not self.matches():
            time.sleep(_POLL_SECONDS)
        with self.path.open("rb") as file:
            file.readline()
            number = 0
            while count is None or number < count:
                place, line = file.tell(), file.readline()
                if not line.endswith(b"\n"):
                    file.seek(place)
                    time.sleep(_POLL_SECONDS)
                    continue
                row = json.loads(line[_CHECKSUM:])
                if "end" in row:
                    return
                number += 1
                yield row["name"], row["unreadable"] if "unreadable" in row else _from_json(row)


def _checksum(line: bytes, before: int) -> bytes:
    """The checksum that a line must begin with after one with the checksum `before`."""
    return b"%08x " % zlib.crc32(line[_CHECKSUM + 1 :], before)


def _is_end(line: bytes) -> bool:
    return line[_CHECKSUM + 1 :].startswith(b'{"end"')


def _as_json(found: Detections) -> dict[str, Any]:
    arrays = (found.boxes, found.scores, found.labels, found.probabilities, found.features)
    return {"arrays": [None if array is None else _array_as_json(array) for array in arrays], "masks": found.masks}


def _from_json(row: dict[str, Any]) -> Detections:
    boxes, scores, labels, probabilities, features = (array and _array(*array) for array in row["arrays"])
    masks = None if row["masks"] is None else tuple(row["masks"])
    return Detections(boxes, scores, labels, probabilities, masks, features)


def _array_as_json(array: np.ndarray) -> list:
    """Type, shape and bytes; float64 numbers that came from float32 take half of the place."""
    stored = array.astype(np.float32) if array.dtype == np.float64 else array
    stored = stored if (stored == array).all() else array
    return [str(array.dtype), str(stored.dtype), array.shape, base64.b64encode(stored.tobytes()).decode()]


def _array(dtype: str, stored: str, shape: list[int], data: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), stored).reshape(shape).astype(dtype)
