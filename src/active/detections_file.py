"""Read infer_results.json of any size into arrays of detections.

The file holds {file_name: [detection, ...]}. At 100,000 images it has hundreds of megabytes, so its images are
decoded one by one, and only a few numbers per detection are kept. The text is read, not mapped: a mapped file that is truncated
meanwhile ends its reader by SIGBUS.

Axes: N images, D detections of all images, C classes with the background first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from src.errors import DataError, UserError
from src.files import read_regular

_BLOCK = 1024  # images converted at a time

# A probability in single precision may exceed 1 by a rounding error.
_Probability = Annotated[float, msgspec.Meta(ge=0, le=1.0001)]
_Pixels = Annotated[float, msgspec.Meta(ge=-(2**21), le=2**21)]  # twice the longest side of a picture


class Detection(
    msgspec.Struct, rename={"confidence": "confidence score", "scores": "pred score", "label": "pred class"}
):
    """The fields of a detection that every strategy reads; others are skipped without being decoded."""

    confidence: _Probability
    scores: list[_Probability]  # background first
    label: Annotated[int, msgspec.Meta(ge=0)]


class PlacedDetection(Detection, rename={"box": "pred box"}):
    """A detection with its box (x, y, width, height) in pixels."""

    box: tuple[_Pixels, _Pixels, _Pixels, _Pixels]


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """The detections of all images in the order of the file.

    Attributes:
        names: file names of the N images.
        counts: int64 [N], detections per image.
        confidence: float64 [D], scores, 0 to 1.
        entropy: float64 [D], of the class probabilities, in bits.
        labels: int64 [D], predicted classes from 0.
        boxes: float32 [D, 4], (x, y, width, height) in pixels of the image; None unless they were asked for.
        probabilities: float32 [D, C]; None unless the boxes were asked for.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @cached_property
    def owner(self) -> np.ndarray:
        """int64 [D], the image of each detection."""
        return np.repeat(np.arange(len(self.names)), self.counts)

    def sum_per_image(self, values: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """float64 [N], the sum of ``values`` [D] over each image's detections, or over those where ``of`` [D] is true."""
        owner, values = (self.owner, values) if of is None else (self.owner[of], values[of])
        return np.bincount(owner, values, minlength=len(self.names)) if len(owner) else np.zeros(len(self.names))

    def count_per_class(self, above: float) -> np.ndarray:
        """int64 [N, classes], the detections per image and predicted class with a score above ``above``."""
        width = int(self.labels.max()) + 1 if len(self.labels) else 0
        kept = self.confidence > above
        places = self.owner[kept] * width + self.labels[kept]
        return np.bincount(places, minlength=len(self.names) * width).reshape(len(self.names), width)


def read_detections(path: str | Path, boxes: bool = False) -> DetectionTable:
    """Read a file of detections as infer.py writes it.

    Args:
        boxes: keep boxes and class probabilities, too.

    Raises:
        UserError: there is no such file, or no image in it.
        DataError: broken JSON, or every image whose detections lack a field or have invalid scores.
    """
    try:
        images = msgspec.json.decode(read_regular(path), type=dict[str, msgspec.Raw])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8
        raise DataError(str(path), [f"expected a JSON object {{file_name: [detections]}}: {error}"]) from None
    return _collect(images.items(), str(path), PlacedDetection if boxes else Detection)


def _collect(images: Iterable[tuple[str, msgspec.Raw]], title: str, kind: type[Detection]) -> DetectionTable:
    decoder = msgspec.json.Decoder(list[kind])
    names, blocks, block, faults = [], [], [], []
    class_count = None
    for name, text in images:
        try:
            found = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"image {name}: {error}")
            continue
        for row in found:
            class_count = class_count or len(row.scores)
            if len(row.scores) != class_count or not row.scores:
                faults.append(f'image {name}: a "pred score" of {len(row.scores)} entries, others have {class_count}')
                break
            if row.label > max(class_count - 2, 0):
                faults.append(
                    f'image {name}: a "pred class" of {row.label}, but there are {class_count - 1} classes from 0 on'
                )
                break
        names.append(name)
        block.append(found)
        if len(block) == _BLOCK:
            blocks.append(_columns(block, class_count or 1, kind) if not faults else None)
            block = []
    if faults:
        raise DataError(title, faults)
    if not names:
        raise UserError(f"{title}: no images in it")
    blocks.append(_columns(block, class_count or 1, kind))
    # Blocks without a detection have the wrong number of columns.
    filled = ([part for part in column if len(part)] or column[:1] for column in zip(*blocks, strict=True))
    return DetectionTable(tuple(names), *map(np.concatenate, filled))


def _columns(block: list[list[Detection]], class_count: int, kind: type[Detection]) -> list[np.ndarray]:
    """The fields of a ``DetectionTable`` after its names, of some images."""
    counts = np.array([len(found) for found in block], np.int64)
    rows = [row for found in block for row in found]
    probabilities = np.array([row.scores for row in rows], np.float64).reshape(-1, class_count)
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))  # 0 log 0 = 0
    confidence = np.array([row.confidence for row in rows], np.float64)
    labels = np.array([row.label for row in rows], np.int64)
    columns = [counts, confidence, -(probabilities * logarithms).sum(axis=1), labels]
    if kind is PlacedDetection:
        columns += [np.array([row.box for row in rows], np.float32).reshape(-1, 4), probabilities.astype(np.float32)]
    return columns
