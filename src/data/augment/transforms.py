"""Image geometry and augmentation in NumPy and OpenCV.

Images are uint8 [H, W, 3] RGB. Boxes are float32 [N, 4], (x1, y1, x2, y2) in pixels of the image, width = x2 - x1.
Random functions take an explicit ``numpy.random.Generator``; only ``erase_rectangle`` changes its input.
"""

import math

import cv2
import numpy as np

from src.errors import UserError

# Unbiased Teacher (Liu et al. 2021), appendix table of strong augmentations.
_JITTER_PROBABILITY = 0.8
_BRIGHTNESS = _CONTRAST = _SATURATION = 0.4  # factors are drawn from 1 - x to 1 + x
_HUE = 0.1  # shift, as a fraction of the colour circle
_GREY_PROBABILITY = 0.2
_BLUR_PROBABILITY = 0.5
_BLUR_SIGMA = (0.1, 2.0)  # pixels
_ERASINGS = (  # probability, area as a fraction of the image, height / width
    (0.7, (0.05, 0.2), (0.3, 3.3)),
    (0.5, (0.02, 0.2), (0.1, 6.0)),
    (0.3, (0.02, 0.2), (0.05, 8.0)),
)
_ERASING_TRIES = 10  # a long thin rectangle may not fit; after so many tries nothing is erased

_HUES = 180  # OpenCV keeps hue in half degrees, so that it fits into a byte
_LEVELS = np.arange(256, dtype=np.float32)


def resized_size(
    old: tuple[int, int], height: int, width: int, keep_ratio: bool, sides: tuple[float, float] | None = None
) -> tuple[int, int]:
    """The size (width, height) that an image of the size `old` (width, height) is resized to; see ``resize_to_fit``.

    Raises:
        UserError: by `sides` it would be larger than the input.
    """
    if not keep_ratio:
        return width, height
    if sides is None:
        scale = min(width / old[0], height / old[1])
        new_width, new_height = (min(max(int(side * scale + 0.5), 1), most) for side, most in zip(old, (width, height)))
        return new_width, new_height
    new_width, new_height = size_by_sides(old, sides)
    if new_width > width or new_height > height:
        raise UserError(
            f"an image of {old[0]}x{old[1]} becomes {new_width}x{new_height} by resize_sides {list(sides)} and does not fit into "
            f"the network input of {width}x{height}; pass a larger --img_width and --img_height, or other --resize_sides"
        )
    return new_width, new_height


def size_by_sides(old: tuple[int, int], sides: tuple[float, float]) -> tuple[int, int]:
    """The size (width, height) that an image of the size `old` is resized to by `sides`; see ``resize_to_fit``."""
    scale = min(sides[0] / min(old), sides[1] / max(old))
    new_width, new_height = (max(int(side * scale), 1) for side in old)
    return new_width, new_height


def resize_to_fit(
    image: np.ndarray, height: int, width: int, keep_ratio: bool, sides: tuple[float, float] | None = None
) -> tuple[np.ndarray, tuple[float, float]]:
    """Resize an image, bilinearly and once, to the largest size that fits the network input, or by ``sides``.

    Args:
        image: uint8 [h, w, 3] of any size.
        height: input height in pixels.
        width: input width in pixels.
        keep_ratio: scale both sides by min(width / w, height / h); otherwise stretch to exactly height x width.
        sides: with keep_ratio, make the shorter side sides[0] pixels, or less if the longer one would exceed sides[1]
            (torchvision's rule, rounded down).

    Returns:
        The resized image uint8 [h', w', 3] with h' <= height and w' <= width, and the scale (x, y): resized size / size.
    """
    old_height, old_width = image.shape[:2]
    new_width, new_height = resized_size((old_width, old_height), height, width, keep_ratio, sides)
    if (new_height, new_width) != (old_height, old_width):
        image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    return image, (new_width / old_width, new_height / old_height)


def pad_to_input(image: np.ndarray, height: int, width: int, corner: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Copy an image into a black uint8 [height, width, 3] one, with its upper left corner at `corner` (x, y)."""
    padded = np.zeros((height, width, 3), np.uint8)
    x, y = corner
    padded[y : y + image.shape[0], x : x + image.shape[1]] = image
    return padded


def fit_to_input(
    image: np.ndarray, height: int, width: int, keep_ratio: bool, sides: tuple[float, float] | None = None
) -> tuple[np.ndarray, tuple[float, float]]:
    """Bring an image to the network input: ``resize_to_fit``, then ``pad_to_input``.

    Returns:
        uint8 [height, width, 3], and the scale (x, y) that takes original pixels to pixels of the network input.
    """
    resized, scale = resize_to_fit(image, height, width, keep_ratio, sides)
    return pad_to_input(resized, height, width), scale


def channels_first(image: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [3, H, W], contiguous."""
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def scale_boxes(boxes: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Multiply boxes [N, 4] by the scale (x, y)."""
    return boxes * np.array([*scale, *scale], np.float32)


def flip_horizontal(image: np.ndarray, boxes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Mirror an image and its boxes from left to right.

    Args:
        image: uint8 [H, W, 3].
        boxes: float32 [N, 4].
        width: pixels of the image (without padding) that is mirrored; the padding to its right does not change.

    Returns:
        The mirrored copy and its boxes; a pixel of column x moves to width - 1 - x, a box edge at x to width - x.
    """
    flipped = image.copy()
    flipped[:, :width] = image[:, :width][:, ::-1]
    boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return flipped, boxes.astype(np.float32)


def strong_view(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the colours and erase parts of an image; its geometry and its boxes do not change.

    In this order: colour jitter, grey, Gaussian blur, three random erasings (Unbiased Teacher, Liu et al. 2021).

    Args:
        image: uint8 [H, W, 3] RGB without padding.
        rng: source of every random choice.

    Returns:
        A new uint8 [H, W, 3] image.
    """
    image = image.copy()
    if rng.random() < _JITTER_PROBABILITY:
        image = colour_jitter(image, rng)
    if rng.random() < _GREY_PROBABILITY:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < _BLUR_PROBABILITY:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(*_BLUR_SIGMA))
    for probability, area, ratio in _ERASINGS:
        if rng.random() < probability:
            erase_rectangle(image, area, ratio, rng)
    return image


def colour_jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation and hue of a uint8 RGB image by random amounts, in random order."""
    amounts = (
        (_brightness, rng.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS)),
        (_contrast, rng.uniform(1 - _CONTRAST, 1 + _CONTRAST)),
        (_saturation, rng.uniform(1 - _SATURATION, 1 + _SATURATION)),
        (_hue, rng.uniform(-_HUE, _HUE)),
    )
    for index in rng.permutation(len(amounts)):
        change, amount = amounts[index]
        image = change(image, amount)
    return image


def _brightness(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.LUT(image, _as_bytes(_LEVELS * factor))


def _contrast(image: np.ndarray, factor: float) -> np.ndarray:
    middle = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0]
    return cv2.LUT(image, _as_bytes(middle + (_LEVELS - middle) * factor))


def _saturation(image: np.ndarray, factor: float) -> np.ndarray:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0)


def _hue(image: np.ndarray, shift: float) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    turned = ((np.arange(256) + round(shift * _HUES)) % _HUES).astype(np.uint8)
    hsv[..., 0] = cv2.LUT(hsv[..., 0], turned)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def erase_rectangle(
    image: np.ndarray, area: tuple[float, float], ratio: tuple[float, float], rng: np.random.Generator
) -> None:
    """Fill a random rectangle of a uint8 [H, W, 3] image, in place, with uniform noise (Zhong et al. 2020).

    Args:
        image: the image; the only input of this module that is changed.
        area: smallest and largest area, as a fraction of the image.
        ratio: smallest and largest height / width; drawn uniformly in its logarithm.
        rng: source of every random choice.
    """
    height, width = image.shape[:2]
    for _ in range(_ERASING_TRIES):
        pixels = rng.uniform(*area) * height * width
        proportion = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        h, w = round(math.sqrt(pixels * proportion)), round(math.sqrt(pixels / proportion))
        if 0 < h < height and 0 < w < width:
            y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
            image[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
            return
