"""Pseudo-labels: the detections of the teacher as ground truth.

A detection of high confidence becomes an object (Liu et al. 2021, Unbiased Teacher, section 3.2); one of medium confidence may become
an ignore region, so that an object that the teacher is unsure of is not trained as background (after Chen et al. 2022, LabelMatch,
section 3.3).
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts.mask_cells import cell_centres, sample_masks


@dataclass(frozen=True)
class PseudoLabelConfig:
    """From detections to pseudo-labels.

    Attributes:
        threshold: detections with a greater score are objects.
        ignore_threshold: other detections with a greater score are ignore regions; None: there are none. Both are for all classes,
            if the classes have no thresholds of their own.
        max_gts: G, rows of ground truth; at least the detections per image.
        mask_size: M, cells per side of a ground-truth mask; mask_threshold: cells with a greater probability are inside the
            object. Both are only for detectors with masks.
    """

    threshold: float
    ignore_threshold: float | None
    max_gts: int
    mask_size: int
    mask_threshold: float


def score_thresholds(
    labels: Tensor, config: PseudoLabelConfig, of_classes: tuple[Tensor, Tensor] | None
) -> tuple[Tensor | float, Tensor | float]:
    """The two thresholds of detections, of objects and of ignore regions: [B, K] float32 by their labels [B, K], or a number for all.

    Args:
        of_classes: [C] float32 each; None: those of the configuration.
    """
    if of_classes is None:
        return config.threshold, config.threshold if config.ignore_threshold is None else config.ignore_threshold
    of_objects, of_regions = of_classes
    rows = ops.maximum(labels - 1, 0)  # rows that are not valid may have label 0
    return ops.gather(of_objects, rows, 0), ops.gather(of_regions, rows, 0)


def pseudo_labels(
    detections: tuple[Tensor, ...], config: PseudoLabelConfig, of_classes: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, ...]:
    """Detections as ground truth; an image may end up without objects and is then trained as background.

    Args:
        detections: boxes [B, K, 4], scores [B, K], labels [B, K], class probabilities [B, K, C], valid [B, K], best first;
            of a detector with masks also masks [B, K, S, S] float32, probabilities.
        of_classes: thresholds of the classes, see `score_thresholds`.

    Returns:
        gt_boxes [B, G, 4] float32, gt_labels [B, G] int32, gt_valid [B, G] bool, gt_crowd [B, G] bool, and with masks
        gt_masks [B, G, M, M] uint8, 0 for rows without an object; all without gradient.

    Raises:
        ValueError: if there are more than G detections per image.
    """
    boxes, scores, labels, _, valid, *masks = detections
    batch, count = scores.shape
    padding = config.max_gts - count
    if padding < 0:
        raise ValueError(f"{count} detections per image do not fit into {config.max_gts} rows of ground truth")
    threshold, lower = score_thresholds(labels, config, of_classes)
    confident = ops.logical_and(valid, scores > threshold)
    ignored = ops.logical_and(ops.logical_and(valid, scores > lower), ops.logical_not(confident))
    used = ops.logical_or(confident, ignored)
    no_rows = ops.zeros((batch, padding), mstype.bool_)
    gt_boxes = ops.concat(
        (boxes * used[..., None].astype(mstype.float32), ops.zeros((batch, padding, 4), mstype.float32)), 1
    )
    gt_labels = ops.concat((ops.where(confident, labels, 0), ops.zeros((batch, padding), mstype.int32)), 1)
    ground_truth = (
        ops.stop_gradient(gt_boxes),
        gt_labels.astype(mstype.int32),
        ops.concat((confident, no_rows), 1),
        ops.concat((ignored, no_rows), 1),
    )
    for probabilities in masks:
        gt_masks = pseudo_masks(probabilities, confident, config.mask_size, config.mask_threshold)
        no_masks = ops.zeros((batch, padding, config.mask_size, config.mask_size), mstype.uint8)
        ground_truth = ground_truth + (ops.concat((gt_masks, no_masks), 1),)
    return ground_truth


def pseudo_masks(masks: Tensor, confident: Tensor, size: int, threshold: float) -> Tensor:
    """Masks [B, K, S, S] of probabilities as ground truth: uint8 [B, K, M, M], M = size, 1 above the threshold.

    Those of detections that are not confident [B, K] bool are 0.
    """
    batch, count, cells, _ = masks.shape
    places = Tensor(np.repeat(cell_centres(size)[None], batch * count, 0))
    resampled = sample_masks(masks.reshape(-1, cells, cells), places, places).reshape(batch, count, size, size)
    inside = ops.logical_and(resampled > threshold, confident[..., None, None])
    return ops.stop_gradient(inside.astype(mstype.uint8))
