"""Random crops that overlap an object, for SSD (Liu et al. 2016, section 2.2).

Axes: N objects, C candidates for the crop. A region is (x1, y1, x2, y2) in whole pixels of the image.
"""

import numpy as np

_LEAST_IOUS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # of the region and one of its objects; 0: any will do
_TRIES = 50
_LEAST_SIDE = 0.3  # in sides of the image
_LARGEST_RATIO = 2.0  # of the longer side of the region to the shorter one, in pixels


def draw_region(width: int, height: int, objects: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random region that holds the centre of an object whose IoU with the region reaches a random minimum.

    Args:
        width, height: of the image, pixels.
        objects: float32 [N, 4], boxes in pixels of the image; crowds are no objects. Without any, every region will do.
        rng: source of every random choice.

    Returns:
        The region; the whole image where none of 50 candidates will do.
    """
    least = rng.choice(_LEAST_IOUS)
    sizes = np.stack(
        [rng.integers(np.ceil(_LEAST_SIDE * side), side, _TRIES, endpoint=True) for side in (width, height)]
    )
    corners = rng.integers(0, np.array([[width], [height]]) - sizes, endpoint=True)
    regions_C4 = np.concatenate([corners, corners + sizes]).T
    good_C = sizes.max(0) <= _LARGEST_RATIO * sizes.min(0)
    if len(objects):
        good_C &= (has_centre(regions_C4, objects) & (_iou(regions_C4, objects) >= least)).any(1)
    if not good_C.any():
        return 0, 0, width, height
    x1, y1, x2, y2 = regions_C4[good_C.argmax()].tolist()
    return x1, y1, x2, y2


def cut_boxes(boxes: np.ndarray, crowd: np.ndarray, region: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Crop boxes with their image.

    An object stays when its centre lies in the region, a crowd when any of it does; what stays is clipped.

    Args:
        boxes: float32 [N, 4] in pixels of the image.
        crowd: bool [N].
        region: of the image.

    Returns:
        The boxes that stay, float32 [M, 4], still in pixels of the image, and bool [N], which they are.
    """
    clipped = np.clip(boxes, region[:2] * 2, region[2:] * 2).astype(np.float32)
    overlaps = (clipped[:, 2:] > clipped[:, :2]).all(1)
    stays = overlaps & (crowd | has_centre(np.array([region]), boxes)[0])
    return clipped[stays], stays


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
