"""Compares the detections of an exported model with those of its checkpoint.

Axes: K detections of an image. Equal scores may come in any order, so detections are matched by class and place, not by row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from src.data.augment.transforms import fit_to_input
from src.data.drawn_faces import make_picture

PIXEL_TOLERANCE = 0.01  # of a box corner, in pixels of the network input
SCORE_TOLERANCE = 1e-4
MASK_TOLERANCE = 1e-3  # of the probability in a cell, which changes by about a tenth per pixel where a box moves
PICTURE_SIZE = (128, 96)  # width and height of synthetic pictures before they are resized


@dataclass(frozen=True)
class Agreement:
    """How many detections were compared, and the largest differences; infinite where one side misses a detection.

    Attributes:
        detections: compared; pixels: of box corners; score: of scores, and of class probabilities if they were exported;
        mask: of the probabilities in masks, None if the detectors give no masks.
    """

    detections: int
    pixels: float
    score: float
    mask: float | None = None

    @property
    def holds(self) -> bool:
        """Whether all differences are within tolerance."""
        return (
            self.pixels <= PIXEL_TOLERANCE
            and self.score <= SCORE_TOLERANCE
            and (self.mask is None or self.mask <= MASK_TOLERANCE)
        )


def synthetic_images(
    count: int, size: tuple[int, int], keep_ratio: bool, sides: tuple[int, int] | None = None
) -> np.ndarray:
    """Pictures with faces, textures and shapes, as a network sees them: uint8 [count, 3, height, width]."""
    pictures = (make_picture(np.random.default_rng(number), *PICTURE_SIZE)[0] for number in range(count))
    height, width = size
    inputs = [fit_to_input(picture, height, width, keep_ratio, sides)[0] for picture in pictures]
    return np.array(inputs, np.uint8).reshape(count, height, width, 3).transpose(0, 3, 1, 2)


def compare(
    expected: Callable[[np.ndarray], Sequence[np.ndarray]],
    found: Callable[[np.ndarray], Sequence[np.ndarray]],
    images: np.ndarray,
    batch_size: int,
    score_threshold: float,
) -> Agreement:
    """Run two detectors over the same images.

    Args:
        expected, found: from images uint8 [B, 3, H, W] to boxes, scores, labels, class probabilities, valid and perhaps masks.
        images: uint8 [N, 3, H, W]; the last batch is padded by repeating its last image.
        batch_size: B; score_threshold: of the detections of both.
    """
    results = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), axis=0)])
        sides = [[np.asarray(output) for output in detector(filled)] for detector in (expected, found)]
        for index in range(len(batch)):
            expected_rows, found_rows = ([output[index] for output in side] for side in sides)
            results.append(_of_image(expected_rows, found_rows, score_threshold))
    return Agreement(
        sum(result.detections for result in results),
        float(np.max([result.pixels for result in results])),
        float(np.max([result.score for result in results])),
        None if results[0].mask is None else float(np.max([result.mask for result in results])),
    )


def _of_image(expected: list[np.ndarray], found: list[np.ndarray], score_threshold: float) -> Agreement:
    # Detections at the threshold, or at the last rank, may be in or out by the last digit of their score.
    cut = score_threshold
    for _, scores, _, _, valid, *_ in (expected, found):
        if valid.all():
            cut = max(cut, scores.min())
    a_boxes, a_scores, a_labels, a_probabilities, *a_masks = _detected(*expected)
    b_boxes, b_scores, b_labels, b_probabilities, *b_masks = _detected(*found)
    distance = np.abs(a_boxes[:, None] - b_boxes[None]).max(-1, initial=0)
    distance = np.where(a_labels[:, None] == b_labels[None], distance, np.inf)
    a_rows, b_rows = _pairs(distance, a_scores > cut + SCORE_TOLERANCE, b_scores > cut + SCORE_TOLERANCE)
    if a_rows is None:
        return Agreement(len(a_scores), np.inf, np.inf, np.inf if a_masks else None)
    score = _largest(a_scores[a_rows] - b_scores[b_rows])
    if b_probabilities.shape[1]:  # class probabilities were exported too
        score = max(score, _largest(a_probabilities[a_rows] - b_probabilities[b_rows]))
    masks = [_largest(a[a_rows] - b[b_rows]) for a, b in zip(a_masks, b_masks, strict=True)]
    return Agreement(len(a_rows) // 2, _largest(distance[a_rows, b_rows]), score, *masks)


def _detected(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    valid: np.ndarray,
    *masks: np.ndarray,
) -> list[np.ndarray]:
    """The outputs for an image, without the rows that are no detections and without `valid`."""
    return [output[valid.astype(bool)] for output in (boxes, scores, labels, probabilities, *masks)]


def _pairs(
    distance: np.ndarray, a_counts: np.ndarray, b_counts: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """For each detection that counts, on either side, itself and the nearest of the other side; nothing if one has none."""
    a_rows, b_rows = [], []
    for table, counts, mine, others in ((distance, a_counts, a_rows, b_rows), (distance.T, b_counts, b_rows, a_rows)):
        for row in np.flatnonzero(counts):
            nearest = np.argmin(table[row]) if table.shape[1] else None
            if nearest is None or np.isinf(table[row, nearest]):
                return None, None
            mine.append(row)
            others.append(nearest)
    return np.array(a_rows, int), np.array(b_rows, int)


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max(initial=0))
