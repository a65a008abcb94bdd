"""Run a detector over images: the one loop behind evaluation, inference and evaluation while training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.annotations import ImageEntry
from src.data.dataset import evaluation_batches

Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class InputSettings:
    """How images become batches: H and W of the network input in pixels, padding or stretching, images at a time, threads."""

    height: int
    width: int
    keep_ratio: bool
    batch_size: int
    workers: int


@dataclass(frozen=True)
class Detections:
    """What was found in one image; boxes [K, 4] float32 (x1, y1, x2, y2) in pixels of the network input, best first.

    Attributes:
        scores: [K] float32; labels: [K] int32 in 1..C-1; probabilities: [K, C] float32, background first.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def detect_all(
    detector: Detector, entries: Sequence[ImageEntry], img_dir: str | Path, settings: InputSettings
) -> Iterator[tuple[ImageEntry, tuple[float, float], Detections]]:
    """Detections of every image, in order, one at a time.

    Args:
        detector: maps uint8 images [B, 3, H, W] to boxes, scores, labels, class probabilities and valid, as NumPy arrays.

    Yields:
        The entry, its scale (sx, sy) from original pixels to the network input, and what was found.
    """
    batches = evaluation_batches(
        entries,
        img_dir,
        settings.height,
        settings.width,
        settings.keep_ratio,
        settings.batch_size,
        settings.workers,
    )
    for images, places in batches:
        boxes, scores, labels, probabilities, valid = detector(images)
        for row, (entry, scale) in enumerate(places):
            kept = valid[row]
            yield (
                entry,
                scale,
                Detections(boxes[row][kept], scores[row][kept], labels[row][kept], probabilities[row][kept]),
            )
