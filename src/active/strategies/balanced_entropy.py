"""``balanced_entropy``: uncertainty of detections, rare classes weighted more, normalised by the expected boxes.

Binary entropy of scores with class weights as in PPAL (Yang et al. 2024, Plug and Play Active Learning, section 3.2). The
class weights come from the labels so far: the repeat factor of LVIS (Gupta et al. 2019, section 5) in place of the quality
that PPAL measures during training.
"""

import math

import numpy as np

from src.active.detections_file import DetectionTable
from src.active.strategies.pool import Acquisition, Options, Pool, per_expected_box, require_detections

LARGEST_WEIGHT = 5.0  # of a class with almost no labels


def balanced_entropy(pool: Pool, options: Options) -> Acquisition:
    """Sum over detections of binary entropy x class weight, divided by (expected boxes + 1)^box_exponent."""
    table = pool.detections
    require_detections(table)
    weights = class_weights(pool)
    uncertainty = table.sum_per_image(binary_entropy(table.confidence) * weights[table.labels])
    expected = table.sum_per_image(table.confidence)
    scores = per_expected_box(uncertainty, expected, options.box_exponent)
    return Acquisition(scores, {"uncertainty": uncertainty, "expected_boxes": expected})


def binary_entropy(scores: np.ndarray) -> np.ndarray:
    """-p log2 p - (1 - p) log2 (1 - p), in bits."""
    p = np.clip(scores, 1e-12, 1 - 1e-12)
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


def class_weights(pool: Pool) -> np.ndarray:
    """float64 [classes]: sqrt(objects of the most frequent class / objects of the class), 1 to 5.

    Objects are the labelled ones so far or, if these are not known, the sum of the detection scores.
    """
    table: DetectionTable = pool.detections
    width = max(int(table.labels.max()) + 1 if len(table.labels) else 0, len(pool.objects or ()))
    if pool.objects is None:
        objects = np.bincount(table.labels, table.confidence, minlength=width)
    else:
        objects = np.zeros(width)
        objects[: len(pool.objects)] = pool.objects
    largest = max(float(objects.max()), 1.0)
    return np.array([min(math.sqrt(largest / max(count, 1e-9)), LARGEST_WEIGHT) for count in objects.tolist()])
