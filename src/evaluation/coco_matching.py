"""Which detection is which object, by COCO's rules, for all images at once.

Axes: D detections, G objects (crowds are none), P pairs of a detection and an object of one image that touch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.annotations import Annotations
from src.evaluation.box_arrays import detections_of, objects_of, touching_pairs

FOUND_IOU = 0.5  # from here on a box counts as found: in AP50, in the counts of a report, and for pseudo-labels
NEAR_IOU = 0.1  # below it a detection has nothing to do with an object (Bolya et al. 2020, section 2.2)


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections and objects as flat arrays, and how they belong together.

    Detections are ordered by image, then from the highest score down; objects by image. Boxes are (x, y, width, height)
    in pixels of the image, as in COCO's files.

    Attributes:
        class_names: of labels 1..K.
        images: int, their number; image indices count the images of the annotation file.
        image [D], label [D], score [D], box [D, 4]: of the detections; record [D]: their places among the result records.
        object_image [G], object_label [G], object_box [G, 4], object_area [G]: of the objects; see ``object_areas``.
        pair_detection [P], pair_object [P], pair_iou [P]: pairs with an IoU from ``NEAR_IOU`` on, by rising detection.
        matched: int [D], the object that a detection has found, -1 for none.
        ignored: bool [D], detections inside a crowd of their class, neither right nor wrong.
        found_by: int [G], the detection that has found an object, -1 for none.
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
    matched: np.ndarray
    ignored: np.ndarray
    found_by: np.ndarray
    left_out: int

    @property
    def right(self) -> np.ndarray:
        """bool [D], detections that have found an object."""
        return self.matched >= 0

    @property
    def objects(self) -> np.ndarray:
        """int [K], the number of objects of each class."""
        return np.bincount(self.object_label, minlength=len(self.class_names) + 1)[1:]


def match(annotations: Annotations, records: Sequence[dict[str, Any]]) -> Matches:
    """Match detections to the objects of their class at an IoU of .5.

    As in COCO, detections choose from the highest score down, each the free object that it overlaps most; what finds
    none and lies in a crowd of its class is ignored.

    Args:
        annotations: ground truth; all of its images are labelled.
        records: COCO result records of these images and classes.
    """
    image, label, score, box, record, left_out = detections_of(annotations, records)
    object_image, object_label, object_box, object_area, crowd = objects_of(annotations.images)
    detection, other, iou, inside = touching_pairs(image, box, object_image, object_box, len(annotations.images))

    same = label[detection] == object_label[other]
    ignored = np.zeros(len(label), bool)
    ignored[detection[same & crowd[other] & (inside >= FOUND_IOU)]] = True
    near = ~crowd[other] & (iou >= NEAR_IOU)
    number = np.cumsum(~crowd) - 1  # of each object when crowds are not counted
    detection, other, iou, same = detection[near], number[other[near]], iou[near], same[near]
    fits = same & (iou >= FOUND_IOU)
    matched, found_by = assign(detection[fits], other[fits], iou[fits], len(label), int((~crowd).sum()))
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
        matched=matched,
        ignored=ignored & (matched < 0),
        found_by=found_by,
        left_out=left_out,
    )


def assign(
    detection: np.ndarray, other: np.ndarray, iou: np.ndarray, detections: int, objects: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let each detection in turn take the free object of its pairs with the highest IoU.

    Args:
        detection, other, iou: [P], pairs by rising detection; of equal IoUs the last is taken, as in COCO's program.
        detections, objects: their numbers, D and G.

    Returns:
        int [D], the object of each detection, and int [G], the detection of each object; -1 for none.
    """
    matched, found_by = [-1] * detections, [-1] * objects
    current, best, chosen = -1, 0.0, -1
    for row, column, value in [*zip(detection.tolist(), other.tolist(), iou.tolist(), strict=True), (-1, -1, 0.0)]:
        if row != current:
            if chosen >= 0:
                matched[current], found_by[chosen] = chosen, current
            current, best, chosen = row, 0.0, -1
        if value >= best and column >= 0 and found_by[column] < 0:
            best, chosen = value, column
    return np.array(matched, np.int64), np.array(found_by, np.int64)
