"""Find images that show the same picture, so that a split can keep them in one part.

Two images are the same picture when their decoded pixels are equal, or when the edges of their 32 x 32 grey thumbnails
correlate. Edges are robust to changes of brightness, JPEG quality and size, and to small watermarks. On the 853
face-mask images the 14 known pairs (re-saved, resized, watermarked, brightened) reach 0.947 and more, while the most
alike of all other pairs, two shots of one burst, reaches 0.841.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from src.data.images import read_image
from src.errors import DataError, UserError

SAME_FROM = 0.9  # correlation from which two images count as one picture; between the 0.841 and 0.947 above

_THUMBNAIL = 32  # pixels; at 16 some burst shots come as close as true pairs
_BLOCK = 1024  # images compared at a time, which bounds memory to _BLOCK x N correlations


def group_same_pictures(paths: Sequence[Path], same_from: float = SAME_FROM) -> list[list[int]]:
    """Indices of ``paths`` in groups of the same picture, each and all in ascending order; most groups hold one index.

    "Same" is transitive: if a = b and b = c, the three are one group.

    Args:
        paths: image files.
        same_from: correlation of edges (-1..1) from which two images are the same; above 1 only equal pixels count.

    Raises:
        DataError: every image that cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        progress = tqdm(pool.map(fingerprint, paths), "comparing", len(paths), unit="image", disable=None, leave=False)
        fingerprints = list(progress)
    faults = [str(found) for found in fingerprints if isinstance(found, UserError)]
    if faults:
        raise DataError("images", faults)
    hashes, edges = ([found[part] for found in fingerprints] for part in (0, 1))
    parents = list(range(len(paths)))  # each index points towards the smallest index of its group
    first: dict[bytes, int] = {}
    for index, digest in enumerate(hashes):
        _union(parents, first.setdefault(digest, index), index)
    if same_from <= 1:
        different = list(first.values())  # one of each set of equal pictures
        for a, b in _alike(np.array([edges[index] for index in different], np.float32), same_from):
            _union(parents, different[a], different[b])
    groups: dict[int, list[int]] = {}
    for index in range(len(paths)):
        groups.setdefault(_find(parents, index), []).append(index)
    return list(groups.values())


def fingerprint(path: Path) -> tuple[bytes, np.ndarray] | UserError:
    """Hash of the pixels and the edges of a picture, or why it cannot be read."""
    try:
        image = read_image(path)
    except UserError as error:
        return error
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest(), _edges(image)


def _edges(image: np.ndarray) -> np.ndarray:
    """Vertical and horizontal grey differences of the thumbnail, each of mean 0, together of length 1 (0 if flat)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    parts = []
    for axis in (0, 1):
        difference = np.diff(small, axis=axis).ravel()
        difference -= difference.mean()
        parts.append(difference / max(np.linalg.norm(difference), 1e-6) / np.sqrt(2))
    return np.concatenate(parts)


def _alike(edges: np.ndarray, same_from: float) -> list[tuple[int, int]]:
    """Pairs a < b whose rows of ``edges`` [N, D] have a dot product of ``same_from`` or more."""
    pairs = []
    for start in range(0, len(edges), _BLOCK):
        close = np.argwhere(edges[start : start + _BLOCK] @ edges[start:].T >= same_from) + start
        pairs += [(int(a), int(b)) for a, b in close if a < b]
    return pairs


def _find(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]  # path halving
        index = parents[index]
    return index


def _union(parents: list[int], a: int, b: int) -> None:
    a, b = sorted((_find(parents, a), _find(parents, b)))
    parents[b] = a
