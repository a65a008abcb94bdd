"""Ground truth and detections of all images as flat arrays, and the IoU of those that overlap.

Boxes are (x, y, width, height) in pixels of the image, as in COCO's files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from src.data.annotations import Annotations, ImageEntry, object_areas

MOST_DETECTIONS = 100  # per class and image; COCO's AP counts no more


def detection_arrays(annotations: Annotations, records: Sequence[dict[str, Any]]) -> tuple:
    """The detections that COCO's AP counts, ordered by image and then from the highest score down.

    Returns:
        Image index int [D], label int [D], score [D], box [D, 4], the index of each among the records int [D], and the number
        of those left out, because they come after the first ``MOST_DETECTIONS`` of their class and image.
    """
    index_of = {entry.image_id: index for index, entry in enumerate(annotations.images)}
    label_of = {category: label for label, category in enumerate(annotations.category_ids, start=1)}
    image = np.array([index_of[record["image_id"]] for record in records], np.int64)
    label = np.array([label_of[record["category_id"]] for record in records], np.int64)
    score = np.array([record["score"] for record in records], np.float64)
    box = np.array([record["bbox"] for record in records], np.float64).reshape(-1, 4)
    order = np.lexsort((-score, label, image))  # lexsort keeps the order of equal rows
    group = image[order] * (len(label_of) + 1) + label[order]
    start = np.searchsorted(group, group)
    order = order[np.arange(len(order)) - start < MOST_DETECTIONS]
    order = np.sort(order)
    order = order[np.lexsort((-score[order], image[order]))]
    return image[order], label[order], score[order], box[order], order, len(records) - len(order)


def object_arrays(entries: Sequence[ImageEntry]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All rows of ground truth: image index int [R], label int [R], box [R, 4], area [R], and whether it is a crowd, bool [R]."""
    image = np.repeat(np.arange(len(entries)), [len(entry.labels) for entry in entries])
    label = np.concatenate([np.zeros(0, np.int64), *(entry.labels for entry in entries)]).astype(np.int64)
    box = np.concatenate([np.zeros((0, 4)), *(entry.boxes for entry in entries)]).astype(np.float64)
    box[:, 2:] -= box[:, :2]
    area = np.concatenate([np.zeros(0), *map(object_areas, entries)])
    return image, label, box, area, np.concatenate([np.zeros(0, bool), *(entry.crowd for entry in entries)])


def overlapping_pairs(
    image: np.ndarray, box: np.ndarray, object_image: np.ndarray, object_box: np.ndarray, images: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a detection and a row of ground truth of the same image that overlap.

    Args:
        image [D], box [D, 4]: of the detections, ordered by image; object_image [R], object_box [R, 4]: of the ground truth.
        images: number of images.

    Returns:
        Detection int [P] (ascending), row of ground truth int [P], IoU [P], and the share of the detection that lies inside the
        row's box [P], which is used for crowds.
    """
    of_image = np.searchsorted(image, np.arange(images + 1)), np.searchsorted(object_image, np.arange(images + 1))
    far, object_far = box[:, :2] + box[:, 2:], object_box[:, :2] + object_box[:, 2:]
    rows, columns, areas = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for (low, high), (object_low, object_high) in zip(*(_neighbours(ends) for ends in of_image), strict=True):
        if low == high or object_low == object_high:
            continue
        near = np.maximum(box[low:high, None, :2], object_box[object_low:object_high, :2])
        side = np.minimum(far[low:high, None], object_far[object_low:object_high]) - near
        shared = np.where((side > 0).all(-1), side[..., 0] * side[..., 1], 0.0)
        row, column = np.nonzero(shared)
        rows.append(row + low)
        columns.append(column + object_low)
        areas.append(shared[row, column])
    row, column, shared = np.concatenate(rows), np.concatenate(columns), np.concatenate(areas)
    area, object_area = box[:, 2] * box[:, 3], object_box[:, 2] * object_box[:, 3]
    return row, column, shared / (area[row] + object_area[column] - shared), shared / area[row]


def _neighbours(ends: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
