"""Random crops that overlap an object, for SSD (Liu et al. 2016, section 2.2).

Axes: N objects, C candidates for the crop. A region is (x1, y1, x2, y2) in whole pixels of the image.
"""

import numpy as np

_MIN_IOUS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # of the region and one of its objects; 0: any region
_TRIES = 50
_MIN_SIDE = 0.3  # as a fraction of the side of the image
_MAX_ASPECT_RATIO = 2.0  # longer side / shorter side of the region


def draw_region(width: int, height: int, objects: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random region that holds the centre of an object whose IoU with the region reaches a random minimum.

    Args:
        width, height: of the image, pixels.
        objects: float32 [N, 4], boxes in pixels of the image, without crowds. Without objects any region is accepted.
        rng: source of every random choice.

    Returns:
        The region; the whole image if none of 50 candidates is accepted.
    """
    min_iou = rng.choice(_MIN_IOUS)
    sizes = np.stack([rng.integers(np.ceil(_MIN_SIDE * side), side, _TRIES, endpoint=True) for side in (width, height)])
    corners = rng.integers(0, np.array([[width], [height]]) - sizes, endpoint=True)
    regions_C4 = np.concatenate([corners, corners + sizes]).T
    valid_C = sizes.max(0) <= _MAX_ASPECT_RATIO * sizes.min(0)
    if len(objects):
        valid_C &= (has_centre(regions_C4, objects) & (_iou(regions_C4, objects) >= min_iou)).any(1)
    if not valid_C.any():
        return 0, 0, width, height
    x1, y1, x2, y2 = regions_C4[valid_C.argmax()].tolist()
    return x1, y1, x2, y2


def cut_boxes(boxes: np.ndarray, crowd: np.ndarray, region: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Crop boxes with their image.

    An object is kept if its centre lies in the region, a crowd if it overlaps the region; kept boxes are clipped.

    Args:
        boxes: float32 [N, 4] in pixels of the image.
        crowd: bool [N].
        region: (x1, y1, x2, y2) in pixels of the image.

    Returns:
        The kept boxes, float32 [M, 4], still in pixels of the whole image, and bool [N], whether each box is kept.
    """
    clipped = np.clip(boxes, region[:2] * 2, region[2:] * 2).astype(np.float32)
    overlaps = (clipped[:, 2:] > clipped[:, :2]).all(1)
    kept = overlaps & (crowd | has_centre(np.array([region]), boxes)[0])
    return clipped[kept], kept


def has_centre(regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """bool [C, N]: whether the centre of each of N boxes lies inside each of C regions, not on its border."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centres > regions[:, None, :2]) & (centres < regions[:, None, 2:])).all(2)


def _iou(regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """float [C, N]."""
    corner = np.maximum(regions[:, None, :2], boxes[:, :2])
    overlap = np.clip(np.minimum(regions[:, None, 2:], boxes[:, 2:]) - corner, 0, None).prod(2)
    areas = [(of[:, 2:] - of[:, :2]).prod(1) for of in (regions, boxes)]
    return overlap / (areas[0][:, None] + areas[1] - overlap)
