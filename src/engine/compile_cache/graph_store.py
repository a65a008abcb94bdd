"""Compiled graphs on disk: a file per graph, named by its key, in a folder of limited size that several processes share.

A file gets its name when it is complete, and ends with a checksum. The graph that was used least recently is removed first.
"""

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from src.checkpoint.checksum import append_checksum, is_intact
from src.errors import UserError
from src.files import TEMPORARY, write_atomically

MOST_BYTES = 512 * 2**20  # a graph of a training step has 2 to 10 MB
_ABANDONED_SECONDS = 3600  # no graph takes that long to write: the process that wrote this file was killed
# Its lines go to the log of a run where there is one, else to the standard error.
LOGGER = logging.getLogger("run.rank0.compile_cache")


class GraphStore:
    """Graphs by key.

    Args:
        folder: is made when the first graph is written; most_bytes: limit of the size of all files in it.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes

    def copy_to(self, key: str, target: Path) -> bool:
        """Copy the graph of a key, checksum included; returns whether there is one. A damaged one is removed."""
        source = self._path(key)
        try:
            shutil.copyfile(source, target)
            os.utime(source)
        except FileNotFoundError:  # never written, or removed by another process
            target.unlink(missing_ok=True)
            return False
        except OSError as error:
            target.unlink(missing_ok=True)
            LOGGER.warning("compile cache: %s cannot be read: %s", source, error.strerror or error)
            return False
        if is_intact(target):
            return True
        target.unlink()
        self.drop(key, "its checksum is wrong")
        return False

    def write(self, key: str, graph: Path) -> None:
        """Keep a copy of a file as the graph of a key; a failure is a warning."""

        def write(temporary: Path) -> None:
            shutil.copyfile(graph, temporary)
            append_checksum(temporary)

        try:
            write_atomically(self._path(key), write, overwrite=True)
            self._limit_size()
        except (UserError, OSError) as error:
            LOGGER.warning("compile cache: %s", error)

    def drop(self, key: str, reason: str) -> None:
        """Remove the graph of a key, with a warning that names the reason."""
        path = self._path(key)
        LOGGER.warning("compile cache: %s is damaged, %s; it is removed and the network compiled anew", path, reason)
        with suppress(OSError):
            path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.mindir"

    def _limit_size(self) -> None:
        """Remove abandoned files, and the graphs used least recently until the others fit."""
        found = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process removes files, too
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = 0
        for used, size, path in sorted(found, reverse=True):
            is_temporary = path.name.startswith(TEMPORARY)
            total += size
            if total > self.most_bytes or (is_temporary and time.time() - used > _ABANDONED_SECONDS):
                total -= size
                path.unlink(missing_ok=True)
