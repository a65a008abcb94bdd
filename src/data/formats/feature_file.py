"""Pooled features of detections, in a compact file beside infer_results.json (``infer.py --features true``).

The file is an uncompressed NumPy archive (.npz). It holds labelled images as well, so that a selection can start from them.
Axes: N images, D detections of all images, F features.
"""

import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from src.errors import DataError, UserError
from src.files import open_regular, write_atomically

MOST_NUMBERS = 128  # of a feature in the file; longer ones are projected
_LARGEST = float(np.finfo(np.float16).max)  # the type in which features are written
_MOST_CLASSES = 2**16  # more would be a damaged file, and a column for each more than the memory
_BROKEN = (
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
)
_KEYS = ("names", "counts", "labels", "scores", "features")


FeatureRows = tuple[str, np.ndarray, np.ndarray, np.ndarray]  # name, labels [n] from 0, scores [n], features [n, F]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The features of all images in the order of the file.

    Attributes:
        names: file names of the N images.
        counts: int64 [N], rows per image.
        labels: int32 [D], predicted class from 0 of each row; all 0 for features of whole images.
        scores: float32 [D], of the detections, 0 to 1; 1 for features of whole images.
        features: float16 [D, F].
    """

    names: tuple[str, ...]
    counts: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    features: np.ndarray

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 [N + 1]: rows of image i are starts[i] to starts[i + 1]."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def owner(self) -> np.ndarray:
        """int64 [D], the image of each row."""
        return np.repeat(np.arange(len(self.names)), self.counts)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """File name -> place among `names`."""
        return {name: index for index, name in enumerate(self.names)}

    def unit(self, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows), F], rows scaled to length 1, so that their dot product is the cosine."""
        chosen = self.features[rows].astype(np.float32)
        return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)


def compact(features: np.ndarray) -> np.ndarray:
    """float16 [D, at most 128]: a random projection of longer features, which keeps their cosines (Achlioptas 2003).

    Args:
        features: float32 [D, F]; equal F are projected alike.
    """
    size = features.shape[1]
    if size > MOST_NUMBERS:
        signs = np.random.default_rng(size).choice(np.array([-1, 1], np.float32), (size, MOST_NUMBERS))
        features = features @ signs / np.float32(np.sqrt(MOST_NUMBERS))
    largest = np.abs(features).max(initial=0)
    return (features / largest if largest > 1e4 else features).astype(np.float16)


def write_features(path: Path, images: Iterable[FeatureRows], overwrite: bool) -> None:
    """Write the features of images."""
    names, labels, scores, features = zip(*images, strict=True)
    table = {
        "names": np.array(names, np.str_),
        "counts": np.array([len(rows) for rows in labels], np.int64),
        "labels": np.concatenate(labels).astype(np.int32),
        "scores": np.concatenate(scores).astype(np.float32),
        "features": np.concatenate(features).astype(np.float16),
    }

    def write(place: Path) -> None:
        with place.open("wb") as file:
            np.savez(file, **table)

    write_atomically(path, write, overwrite)


def read_features(path: Path) -> FeatureTable:
    """Read a file of ``write_features``.

    Raises:
        UserError: there is no such file.
        DataError: it is no such file, or its arrays do not belong together.
    """
    try:
        with open_regular(path) as file:
            if any(item.compress_type != zipfile.ZIP_STORED for item in zipfile.ZipFile(file).infolist()):
                raise ValueError("it is compressed")  # and may become larger than the memory
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                names, counts, labels, scores, features = (archive[key] for key in _KEYS)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; write it with infer.py --features true") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise DataError(str(path), [f"no features of infer.py ({error}); write the file again"]) from None
    if fault := _fault(names, counts, labels, scores, features):
        raise DataError(str(path), [f"{fault}; write the file again"])
    return FeatureTable(tuple(names.tolist()), counts, labels, scores, features)


def _fault(
    names: np.ndarray, counts: np.ndarray, labels: np.ndarray, scores: np.ndarray, features: np.ndarray
) -> str | None:
    """What is wrong with the arrays of a file, if anything."""
    kinds = "".join(part.dtype.kind for part in (names, counts, labels, scores, features))
    if kinds != "Uiiff":
        return f'its arrays are of the kinds {kinds}, expected "Uiiff": texts, whole numbers twice, numbers twice'
    rows = labels.size
    shapes = (names.shape, labels.shape, scores.shape, features.shape[:1], features.ndim)
    fits = counts.ndim == 1 and ((counts >= 0) & (counts <= rows)).all() and counts.sum() == rows
    if not fits or shapes != (counts.shape, (rows,), (rows,), (rows,), 2):
        return "its arrays do not belong together"
    if not (np.abs(features) <= _LARGEST).all():  # NaN is not, either
        return f"features that are no numbers up to {_LARGEST:g}"
    if not ((scores >= 0) & (scores <= 1.0001)).all():  # a probability in single precision may exceed 1 by rounding
        return "scores outside 0 to 1"
    if rows and not 0 <= labels.min() <= labels.max() < _MOST_CLASSES:
        return f"classes outside 0 to {_MOST_CLASSES - 1}"
    values, times = np.unique(names, return_counts=True)
    return f"{values[times.argmax()]!r:.100} is there {times.max()} times" if len(values) < len(names) else None
