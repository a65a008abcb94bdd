"""Whether an exported model detects what its checkpoint detects.

Axes: K detections of an image. Equal scores may come in any order, so detections are paired by class and place, not by row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from src.data.synthetic import make_picture
from src.data.transforms import fit_to_input

PIXEL_TOLERANCE = 0.01  # of a box corner, in pixels of the network input
SCORE_TOLERANCE = 1e-4
PICTURE_SIZE = (128, 96)  # width and height of synthetic pictures before they are resized


@dataclass(frozen=True)
class Agreement:
    """How many detections were compared, and the largest differences; infinite where one side misses a detection.

    Attributes:
        detections: compared; pixels: of box corners; score: of scores, and of class probabilities if they were exported.
    """

    detections: int
    pixels: float
    score: float

    @property
    def holds(self) -> bool:
        """Whether both differences are within tolerance."""
        return self.pixels <= PIXEL_TOLERANCE and self.score <= SCORE_TOLERANCE


def synthetic_images(
    count: int, height: int, width: int, keep_ratio: bool, sides: tuple[int, int] | None = None
) -> np.ndarray:
    """Pictures with faces, textures and shapes, as a network sees them: uint8 [count, 3, height, width]."""
    pictures = (make_picture(np.random.default_rng(number), *PICTURE_SIZE)[0] for number in range(count))
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
        expected, found: from images uint8 [B, 3, H, W] to boxes, scores, labels, class probabilities and valid.
        images: uint8 [N, 3, H, W]; the last batch is filled up by repeating its last image.
        batch_size: B; score_threshold: the least score of a detection of both.
    """
    results = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), axis=0)])
        sides = [[np.asarray(output) for output in detector(filled)] for detector in (expected, found)]
        for index in range(len(batch)):
            results.append(_of_image(*([output[index] for output in side] for side in sides), score_threshold))
    return Agreement(
        sum(result.detections for result in results),
        max(result.pixels for result in results),
        max(result.score for result in results),
    )


def _of_image(expected: list[np.ndarray], found: list[np.ndarray], score_threshold: float) -> Agreement:
    # What lies at the cut, be it the threshold or the last place, may be in or out by the last digit of its score.
    cut = score_threshold
    for _, scores, _, _, valid in (expected, found):
        if valid.all():
            cut = max(cut, scores.min())
    (a_boxes, a_scores, a_labels, a_shares, _), (b_boxes, b_scores, b_labels, b_shares, _) = (
        [output[side[4].astype(bool)] for output in side] for side in (expected, found)
    )
    distance = np.abs(a_boxes[:, None] - b_boxes[None]).max(-1, initial=0)
    distance = np.where(a_labels[:, None] == b_labels[None], distance, np.inf)
    difference = np.abs(a_scores[:, None] - b_scores[None])
    if b_shares.shape[1]:  # class probabilities were exported too
        difference = np.maximum(difference, np.abs(a_shares[:, None] - b_shares[None]).max(-1, initial=0))
    pixels, score, count = 0.0, 0.0, 0
    for table, scores, differences in ((distance, a_scores, difference), (distance.T, b_scores, difference.T)):
        for row in np.flatnonzero(scores > cut + SCORE_TOLERANCE):
            nearest = np.argmin(table[row]) if table.shape[1] else None
            if nearest is None or np.isinf(table[row, nearest]):
                return Agreement(len(a_scores), np.inf, np.inf)
            pixels = max(pixels, float(table[row, nearest]))
            score = max(score, float(differences[row, nearest]))
            count += 1
    return Agreement(count // 2, pixels, score)
