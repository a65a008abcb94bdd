"""Photometric distortion for SSD (Liu et al. 2016, section 2.2 and its code); no pixel moves, so boxes do not change."""

import cv2
import numpy as np

_PROBABILITY = 0.5  # of each of the changes
_BRIGHTNESS = 32.0  # grey levels, added or subtracted
_FACTOR = (0.5, 1.5)  # of contrast and saturation
_HUE = 18.0  # degrees, added or subtracted


def distort(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation, hue and the order of the channels, each with a probability of one half.

    The contrast changes before the colours or after them. Between the changes nothing is rounded or cut off.

    Args:
        image: uint8 [H, W, 3] RGB.
        rng: source of every random choice.

    Returns:
        A new uint8 [H, W, 3] image.
    """
    levels = image.astype(np.float32)
    if rng.random() < _PROBABILITY:
        levels += np.float32(rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    contrast_first = rng.random() < 0.5
    if contrast_first:
        levels = _contrast(levels, rng)
    levels = _colours(levels, rng)
    if not contrast_first:
        levels = _contrast(levels, rng)
    if rng.random() < _PROBABILITY:
        levels = levels[..., rng.permutation(3)]
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _contrast(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return levels * np.float32(rng.uniform(*_FACTOR)) if rng.random() < _PROBABILITY else levels


def _colours(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saturation and hue, in OpenCV's HSV of float images: hue in degrees, saturation and value as they come."""
    hsv = cv2.cvtColor(np.clip(levels, 0, None), cv2.COLOR_RGB2HSV)
    if rng.random() < _PROBABILITY:
        hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(rng.uniform(*_FACTOR)), 0, 1)
    if rng.random() < _PROBABILITY:
        hsv[..., 0] = np.mod(hsv[..., 0] + np.float32(rng.uniform(-_HUE, _HUE)), 360)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
