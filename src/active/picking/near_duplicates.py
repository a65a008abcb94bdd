"""Find images that show the same picture as a labelled or an already picked one, see ``src.data.checks.duplicate_images``.

Axes: A accepted images, B candidates that are compared at a time, D dimensions of a fingerprint.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.data.checks.duplicate_images import SAME_FROM, fingerprint
from src.errors import DataError, UserError

MOST_COMPARED = (
    20_000  # accepted images; with more, only equal pixels are found, because time and memory grow with their number
)
AHEAD = 256  # candidates compared at a time


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Fingerprint of an image, and the most similar one of the first ``compared`` accepted images."""

    pixels: bytes
    edges: np.ndarray
    similarity: float
    most_similar: int
    compared: int


class NearDuplicates:
    """Accepted images, to be searched for near-duplicates of other images."""

    def __init__(self, folders: Sequence[Path], accepted: Sequence[str], more: int):
        """Read the images that are accepted from the start.

        Args:
            folders: searched for images by their names; none: nothing is compared.
            accepted: names of the labelled images; more: how many will be accepted at most.
        """
        self.not_compared = 0
        self._folders = folders
        self._by_edges = len(accepted) + more <= MOST_COMPARED
        self._names: list[str] = []
        self._by_pixels: dict[bytes, str] = {}
        self._edges: np.ndarray | None = None
        self._capacity = len(accepted) + more
        self._candidates: dict[str, _Candidate] = {}
        for start in tqdm(range(0, len(accepted), AHEAD), "labelled images", disable=None, leave=False):
            chunk = accepted[start : start + AHEAD]
            self.look_ahead(chunk)
            for name in chunk:
                self.accept(name)

    def look_ahead(self, names: Iterable[str]) -> None:
        """Read candidates and compare them with all accepted images at once; they replace the earlier candidates.

        Raises:
            DataError: every image that cannot be read.
        """
        self._candidates = {}
        paths = [(name, path) for name in names if (path := self._path(name))]
        if not paths:
            return
        with ThreadPoolExecutor() as pool:
            fingerprints = list(pool.map(fingerprint, (path for _, path in paths)))
        faults = [str(found) for found in fingerprints if isinstance(found, UserError)]
        if faults:
            raise DataError("images", faults)
        count = len(self._names)
        similarity, place = np.full(len(paths), -1.0), np.zeros(len(paths), int)
        if self._by_edges and count:
            similarities = np.stack([edges for _, edges in fingerprints]) @ self._edges[:count].T
            place = similarities.argmax(axis=1)
            similarity = similarities[np.arange(len(paths)), place]
        for row, ((name, _), (pixels, edges)) in enumerate(zip(paths, fingerprints, strict=True)):
            self._candidates[name] = _Candidate(pixels, edges, float(similarity[row]), int(place[row]), count)

    def copy_of(self, name: str) -> str | None:
        """The accepted image that has the pixels of a candidate of ``look_ahead``; None if there is none."""
        candidate = self._candidates.get(name)
        return None if candidate is None else self._by_pixels.get(candidate.pixels)

    def duplicate_of(self, name: str) -> str | None:
        """The accepted image that a candidate of ``look_ahead`` is a near-duplicate of; None if there is none."""
        candidate = self._candidates.get(name)
        if candidate is None:
            return None
        if candidate.pixels in self._by_pixels:
            return self._by_pixels[candidate.pixels]
        if candidate.similarity >= SAME_FROM:
            return self._names[candidate.most_similar]
        if self._by_edges and candidate.compared < len(self._names):
            similarities = self._edges[candidate.compared : len(self._names)] @ candidate.edges
            if similarities.max() >= SAME_FROM:
                return self._names[candidate.compared + int(similarities.argmax())]
        return None

    def accept(self, name: str) -> None:
        """Add a candidate of ``look_ahead`` to the accepted images."""
        candidate = self._candidates.get(name)
        if candidate is None:
            self.not_compared += 1
            return
        if self._by_edges:
            if self._edges is None:
                self._edges = np.zeros((self._capacity, len(candidate.edges)), np.float32)
            self._edges[len(self._names)] = candidate.edges
        self._names.append(name)
        self._by_pixels.setdefault(candidate.pixels, name)

    def _path(self, name: str) -> Path | None:
        return next((folder / name for folder in self._folders if (folder / name).is_file()), None)
