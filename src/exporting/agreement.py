"""Compares the detections of an exported model with those of its checkpoint.

Axes: K detections per image. Detections with equal scores may have any order, so they are matched by class and box, not
by row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from src.data.augment.transforms import fit_to_input
from src.data.drawn_faces import make_picture

PIXEL_TOLERANCE = 0.01  # of a box corner, in pixels of the network input
SCORE_TOLERANCE = 1e-4
MASK_TOLERANCE = 1e-3  # of the mask probability of a cell, which changes by about 0.1 per pixel that its box moves
PICTURE_SIZE = (128, 96)  # width and height of synthetic pictures before they are resized


@dataclass(frozen=True)
class Agreement:
    """The largest differences between two detectors; infinite if a detection of one has no match in the other.

    Attributes:
        detections: number of compared detections.
        pixels: difference of box corners.
        score: difference of scores, and of class probabilities if they were exported.
        mask: difference of mask probabilities, None if the detectors have no masks.
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
    """Images of faces, textures and shapes at input size: uint8 [count, 3, height, width]."""
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
    """Compare the detections of two detectors on the same images.

    Args:
        expected, found: map images uint8 [B, 3, H, W] to boxes, scores, labels, class probabilities, valid and,
            optionally, masks.
        images: uint8 [N, 3, H, W]; the last batch is padded by repeating its last image.
        batch_size: B.
        score_threshold: detections with lower scores are not compared.
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
    # Rounding of scores decides whether detections at the threshold or at the last rank are kept, so they need no
    # match.
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
    """The outputs per image without padding rows and without `valid`."""
    return [output[valid.astype(bool)] for output in (boxes, scores, labels, probabilities, *masks)]


def _pairs(
    distance: np.ndarray, a_counts: np.ndarray, b_counts: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Match each counted detection of both detectors to the nearest one of the other; None if one has no match."""
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
