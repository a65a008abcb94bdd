"""Map the detections of a network to pixels of the original image, and write them as records of the result files.

Axes: K rows of the network's fixed-size output, N detections, C classes with the background first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.annotations import ImageEntry
from src.evaluation.masks import Pasting, Rle, paste

_PASTING = Pasting()
_PIXEL_DECIMALS = 3  # of box coordinates in result files
_SHARE_DECIMALS = 6  # of scores and probabilities in infer_results.json, which may hold millions

SHOWN_SCORE = 0.5  # detections with a lower score are not drawn


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one image, highest score first.

    Attributes:
        boxes: float64 [N, 4], (x1, y1, x2, y2) in pixels of the original image, inside it.
        scores: float64 [N], 0 to 1.
        labels: int64 [N], 1..K as in ``Annotations``.
        probabilities: float64 [N, C], of the background and of each class.
        masks: the N masks in pixels of the original image, run-length encoded; None if the network has none.
        features: float32 [N, F] of the network; None unless they were asked for.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    masks: tuple[Rle, ...] | None = None
    features: np.ndarray | None = None


def detect(
    network: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]],
    batches: Iterable[tuple[np.ndarray, np.ndarray, list[tuple[ImageEntry, tuple[float, float]]]]],
    pasting: Pasting = _PASTING,
    has_features: bool = False,
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Run a network over evaluation batches.

    Args:
        network: takes images uint8 [B, 3, H, W] and image_sizes float32 [B, 2]; gives boxes [B, K, 4], scores [B, K], labels [B, K],
            class probabilities [B, K, C], valid [B, K] and, if it has masks, their probabilities [B, K, M, M].
        batches: of ``src.data.dataset.evaluation_batches``.
        pasting: how masks become pixels.
        has_features: whether the last output of the network is features of the detections, [B, K, F].

    Yields:
        Each image and its detections.
    """
    for images, image_sizes, rows in batches:
        outputs = [np.asarray(output) for output in network(images, image_sizes)]
        features = outputs.pop() if has_features else None
        for index, (entry, scale) in enumerate(rows):
            row = None if features is None else features[index]
            of_image = (output[index] for output in outputs)
            yield entry, in_original_pixels(entry, scale, *of_image, pasting=pasting, features=row)


def in_original_pixels(
    entry: ImageEntry,
    scale: tuple[float, float],
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    valid: np.ndarray,
    masks: np.ndarray | None = None,
    pasting: Pasting = _PASTING,
    features: np.ndarray | None = None,
) -> Detections:
    """Drop padding rows and map the others to pixels of the original image.

    Args:
        entry: the image.
        scale: (x, y) that took original pixels to pixels of the network input.
        boxes: [K, 4] in pixels of the network input; scores: [K]; labels: [K]; probabilities: [K, C]; valid: [K] bool.
        masks: [K, M, M], the probability of each cell of the box; pasting: how they become pixels; features: [K, F].

    Returns:
        Detections clipped to the image; those that lie entirely in the padding are dropped.
    """
    unclipped = boxes.astype(np.float64) / np.array([*scale, *scale])
    boxes = np.clip(unclipped, 0, (entry.width, entry.height, entry.width, entry.height))
    kept = valid.astype(bool) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    return Detections(
        boxes=boxes[rows],
        scores=scores[rows].astype(np.float64),
        labels=labels[rows].astype(np.int64),
        probabilities=probabilities[rows].astype(np.float64),
        masks=None
        if masks is None
        else tuple(paste(masks[row], unclipped[row], (entry.width, entry.height), pasting) for row in rows),
        features=None if features is None else features[rows],
    )


def coco_records(entry: ImageEntry, detections: Detections, category_ids: Sequence[int]) -> list[dict[str, Any]]:
    """COCO result records of one image: image_id, category_id, bbox (x, y, width, height), score, segmentation if any."""
    return [
        {"image_id": entry.image_id, "category_id": category_ids[label - 1], "bbox": box, "score": score} | mask
        for (box, score, label), mask in zip(_rows(detections), _masks(detections, "segmentation"), strict=True)
    ]


def inference_records(entry: ImageEntry, detections: Detections) -> list[dict[str, Any]]:
    """Rows of infer_results.json of one image; "pred class" counts from 0, "width" and "height" are the image's.

    "pred mask" is there if the network has masks.
    """
    return [
        {
            "pred box": box,
            "confidence score": round(score, _SHARE_DECIMALS),
            "pred score": probabilities,
            "pred class": label - 1,
            "width": entry.width,
            "height": entry.height,
        }
        | mask
        for (box, score, label), probabilities, mask in zip(
            _rows(detections),
            detections.probabilities.round(_SHARE_DECIMALS).tolist(),
            _masks(detections, "pred mask"),
            strict=True,
        )
    ]


def _masks(detections: Detections, key: str) -> list[dict[str, Rle]]:
    """The mask entry of each record; empty without masks."""
    return [{}] * len(detections.boxes) if detections.masks is None else [{key: mask} for mask in detections.masks]


def _rows(detections: Detections) -> Iterator[tuple[list[float], float, int]]:
    """(x, y, width, height), score and label of each detection as plain numbers."""
    boxes = detections.boxes.copy()
    boxes[:, 2:] -= boxes[:, :2]
    boxes = boxes.round(_PIXEL_DECIMALS)
    return zip(boxes.tolist(), detections.scores.tolist(), detections.labels.tolist(), strict=True)
