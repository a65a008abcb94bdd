"""Two views of a training image and its ground truth: crop, resize, flip, distort, augment strongly, pad.

Axes: G ground-truth rows, H and W of the network input, M cells along each side of a mask.
"""

from dataclasses import dataclass

import numpy as np

from src.data.annotations import ImageEntry
from src.data.augment import transforms
from src.data.augment.cropping import cut_boxes, draw_region
from src.data.augment.framing import draw_frame
from src.data.augment.photometric import distort
from src.data.formats.outlines import rasterise


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """How a training image is brought to the network input, and how it is augmented.

    Attributes:
        height, width: network input in pixels.
        keep_ratio: pad instead of stretch.
        resize_sides: shorter and longer side of a resized image, as ``transforms.resize_to_fit`` says.
        flip_ratio: probability of mirroring an image (both views alike).
        crop_ratio: probability of a crop by `cropping.draw_region` for a labelled image (both views alike), before all else.
        expand_ratio, multi_scale: see `framing.draw_frame` (both views alike).
        photo_ratio: probability of `photometric.distort` for a labelled image (both views alike). Unlabelled images keep
            their colours, so that the teacher sees them as they are.
        strong: whether the strong view is augmented; otherwise both views are the weak one.
        max_gts: G, ground-truth rows of an image.
        mask_size: M, cells along each side of a ground-truth mask; 0: no masks.
    """

    height: int
    width: int
    keep_ratio: bool
    flip_ratio: float
    max_gts: int
    crop_ratio: float = 0.0
    expand_ratio: float = 0.0
    multi_scale: tuple[float, float] = (1.0, 1.0)
    photo_ratio: float = 0.0
    strong: bool = True
    resize_sides: tuple[int, int] | None = None
    mask_size: int = 0


def training_views(
    image: np.ndarray, entry: ImageEntry, labelled: bool, settings: ViewSettings, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """One image's rows of a training batch, as ``training_batches`` gives them.

    Args:
        image: uint8 [entry.height, entry.width, 3] RGB.
        labelled: whether the ground truth of `entry` belongs to the rows.
        rng: source of every random choice.
    """
    height, width = settings.height, settings.width
    frame = draw_frame(height, width, settings.expand_ratio, settings.multi_scale, rng)
    share = min(frame.height / height, frame.width / width)
    sides = tuple(side * share for side in settings.resize_sides) if settings.resize_sides else None
    visible, kept = entry.boxes, np.ones(len(entry.boxes), bool)
    x1, y1, x2, y2 = 0, 0, entry.width, entry.height
    if labelled and settings.crop_ratio > 0 and rng.random() < settings.crop_ratio:
        x1, y1, x2, y2 = draw_region(entry.width, entry.height, entry.boxes[~entry.crowd], rng)
        visible, kept = cut_boxes(entry.boxes, entry.crowd, (x1, y1, x2, y2))
    weak, scale = transforms.resize_to_fit(image[y1:y2, x1:x2], frame.height, frame.width, settings.keep_ratio, sides)
    boxes = transforms.scale_boxes(visible - np.array([x1, y1, x1, y1], np.float32), scale)
    mirrored = rng.random() < settings.flip_ratio
    if mirrored:
        weak, boxes = transforms.flip_horizontal(weak, boxes, weak.shape[1])
    if labelled and settings.photo_ratio > 0 and rng.random() < settings.photo_ratio:
        weak = distort(weak, rng)
    strong = transforms.strong_view(weak, rng) if settings.strong else weak
    corner = x, y = frame.corner(*weak.shape[:2])
    size = np.array([y + weak.shape[0], x + weak.shape[1]], np.float32)
    views = tuple(
        transforms.channels_first(transforms.pad_to_input(view, height, width, corner)) for view in (strong, weak)
    )
    if not labelled:
        return *views, size
    boxes = boxes + np.array([*corner, *corner], np.float32)
    truth = _pad_ground_truth(boxes, entry.labels[kept], entry.crowd[kept], settings.max_gts)
    masks = (_pad_masks(entry, visible, kept, mirrored, settings),) if settings.mask_size else ()
    return *views, size, *truth, *masks


def _pad_ground_truth(boxes: np.ndarray, labels: np.ndarray, crowd: np.ndarray, max_gts: int) -> tuple[np.ndarray, ...]:
    gt_boxes, gt_labels = np.zeros((max_gts, 4), np.float32), np.zeros(max_gts, np.int32)
    gt_valid, gt_crowd = np.zeros(max_gts, bool), np.zeros(max_gts, bool)
    count = len(boxes)
    gt_boxes[:count], gt_labels[:count] = boxes, labels
    gt_valid[:count], gt_crowd[:count] = ~crowd, crowd
    return gt_boxes, gt_labels, gt_valid, gt_crowd


def _pad_masks(
    entry: ImageEntry, visible: np.ndarray, kept: np.ndarray, mirrored: bool, settings: ViewSettings
) -> np.ndarray:
    """uint8 [G, M, M]; a mask is relative to its cropped box, so otherwise only mirroring changes it."""
    cells = settings.mask_size
    gt_masks = np.zeros((settings.max_gts, cells, cells), np.uint8)
    for place, (row, box) in enumerate(zip(np.flatnonzero(kept), visible, strict=True)):
        if not entry.crowd[row]:
            mask = rasterise(entry.outlines[row], box, (entry.width, entry.height), cells)
            gt_masks[place] = mask[:, ::-1] if mirrored else mask
    return gt_masks
