"""Match detections to ground-truth objects by COCO's rules, for all images at once.

Axes: D detections, G objects (without crowds), P pairs of a detection and an object of one image that overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.annotations import Annotations
from src.evaluation.box_arrays import detection_arrays, object_arrays, overlapping_pairs

FOREGROUND_IOU = 0.5  # minimum IoU of a match: in AP50, in a report, and for pseudo-labels
BACKGROUND_IOU = 0.1  # below it a detection counts as background (Bolya et al. 2020, section 2.2)


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections and objects as flat arrays, and which of them match.

    Detections are ordered by image, then from the highest score down; objects by image. Boxes are (x, y, width, height)
    in pixels of the image, as in COCO's files.

    Attributes:
        class_names: of labels 1..K.
        images: int, their number; image indices count the images of the annotation file.
        image [D], label [D], score [D], box [D, 4]: of the detections; record [D]: their indices among the result records.
        object_image [G], object_label [G], object_box [G, 4], object_area [G]: of the objects; see ``object_areas``.
        pair_detection [P], pair_object [P], pair_iou [P]: those with ``BACKGROUND_IOU`` or more, by ascending detection.
        matched_object: int [D], the object that a detection is matched to, -1 for none.
        ignored: bool [D], detections inside a crowd of their class, neither true nor false positives.
        matched_detection: int [G], the detection that is matched to an object, -1 for none.
        left_out: int, detections beyond ``src.evaluation.box_arrays.MOST_DETECTIONS``, which are in none of the arrays.
    """

    class_names: tuple[str, ...]
    images: int
    image: np.ndarray
    label: np.ndarray
    score: np.ndarray
    box: np.ndarray
    record: np.ndarray
    object_image: np.ndarray
    object_label: np.ndarray
    object_box: np.ndarray
    object_area: np.ndarray
    pair_detection: np.ndarray
    pair_object: np.ndarray
    pair_iou: np.ndarray
    matched_object: np.ndarray
    ignored: np.ndarray
    matched_detection: np.ndarray
    left_out: int

    @property
    def true_positive(self) -> np.ndarray:
        """bool [D], detections that are matched to an object."""
        return self.matched_object >= 0

    @property
    def objects(self) -> np.ndarray:
        """int [K], the number of objects of each class."""
        return np.bincount(self.object_label, minlength=len(self.class_names) + 1)[1:]


def match(annotations: Annotations, records: Sequence[dict[str, Any]]) -> Matches:
    """Match detections to the objects of their class at an IoU of .5.

    As in COCO, each detection, from the highest score down, is matched to the unmatched object with the highest IoU; an unmatched
    detection inside a crowd of its class is ignored.

    Args:
        annotations: ground truth; all of its images are labelled.
        records: COCO result records of these images and classes.
    """
    image, label, score, box, record, left_out = detection_arrays(annotations, records)
    object_image, object_label, object_box, object_area, crowd = object_arrays(annotations.images)
    detection, other, iou, inside = overlapping_pairs(image, box, object_image, object_box, len(annotations.images))

    same = label[detection] == object_label[other]
    ignored = np.zeros(len(label), bool)
    ignored[detection[same & crowd[other] & (inside >= FOREGROUND_IOU)]] = True
    near = ~crowd[other] & (iou >= BACKGROUND_IOU)
    object_index = np.cumsum(~crowd) - 1  # crowds are not counted
    detection, other, iou, same = detection[near], object_index[other[near]], iou[near], same[near]
    candidate = same & (iou >= FOREGROUND_IOU)
    matched_object, matched_detection = assign(
        detection[candidate], other[candidate], iou[candidate], len(label), int((~crowd).sum())
    )
    return Matches(
        class_names=annotations.class_names,
        images=len(annotations.images),
        image=image,
        label=label,
        score=score,
        box=box,
        record=record,
        object_image=object_image[~crowd],
        object_label=object_label[~crowd],
        object_box=object_box[~crowd],
        object_area=object_area[~crowd],
        pair_detection=detection,
        pair_object=other,
        pair_iou=iou,
        matched_object=matched_object,
        ignored=ignored & (matched_object < 0),
        matched_detection=matched_detection,
        left_out=left_out,
    )


def assign(
    detection: np.ndarray, other: np.ndarray, iou: np.ndarray, detections: int, objects: int
) -> tuple[np.ndarray, np.ndarray]:
    """Match each detection in turn to the unmatched object of its pairs with the highest IoU.

    Args:
        detection, other, iou: [P], pairs by ascending detection; of equal IoUs the last is matched, as in pycocotools.
        detections, objects: their numbers, D and G.

    Returns:
        int [D], the object of each detection, and int [G], the detection of each object; -1 for none.
    """
    matched_object, matched_detection = [-1] * detections, [-1] * objects
    current, best, chosen = -1, 0.0, -1
    for row, column, value in [*zip(detection.tolist(), other.tolist(), iou.tolist(), strict=True), (-1, -1, 0.0)]:
        if row != current:
            if chosen >= 0:
                matched_object[current], matched_detection[chosen] = chosen, current
            current, best, chosen = row, 0.0, -1
        if value >= best and column >= 0 and matched_detection[column] < 0:
            best, chosen = value, column
    return np.array(matched_object, np.int64), np.array(matched_detection, np.int64)
