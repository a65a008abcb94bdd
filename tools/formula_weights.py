"""Weights of torchvision's Faster R-CNN and Mask R-CNN R50-FPN, and pictures, that follow from a formula: two programs can make them alone, so
no file is needed to compare what they compute. NumPy only; names, shapes and layouts are torchvision's.
"""

import math
import zlib

import numpy as np

CLASS_COUNT = 91  # background first, as torchvision's COCO detectors have it
SIDES = (224, 320)  # what shorter and longer side of a picture are resized to
# Width and height of three pictures: as large as the input; lower, so that it is padded; to be doubled, and padded.
PICTURE_SIZES = ((320, 224), (320, 150), (120, 112))
_BLOCKS = (3, 4, 6, 3)
_CHANNELS = 256
_BLUR = 24.0  # how much more of the same a kernel of the mask head adds at all its places
# How loud a layer is beside He's rule (He et al. 2015); the last ones so that scores are spread and boxes move a little.
_GAINS = {
    "rpn.head.cls_logits.weight": 0.5,
    "rpn.head.bbox_pred.weight": 0.1,
    "roi_heads.box_predictor.cls_score.weight": 1.6,
    "roi_heads.box_predictor.bbox_pred.weight": 0.5,
    "roi_heads.mask_predictor.conv5_mask.weight": 2.0,  # laid out by inputs; each is heard at four places
    "roi_heads.mask_predictor.mask_fcn_logits.weight": 5.0,
}


def weights(masks: bool = False) -> dict[str, np.ndarray]:
    """The state dict of Faster R-CNN, or of Mask R-CNN, float32; the counters of batch norm are not in it."""
    names = shapes() | (mask_shapes() if masks else {})
    return {name: _values(name, shape) for name, shape in names.items()}


def picture(width: int, height: int) -> np.ndarray:
    """Coloured squares with noise: uint8 [height, width, 3] RGB, multiples of 16, so that doubling the picture needs no rounding."""
    rows, columns = math.ceil(height / 16), math.ceil(width / 16)
    squares = np.kron(hashed("squares", (rows, columns, 3)), np.ones((16, 16, 1)))[:height, :width]
    values = 128 + 90 * squares + 30 * hashed("noise", (height, width, 3))
    return (np.clip(values, 16, 255) // 16 * 16).astype(np.uint8)


def hashed(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 numbers in [-1, 1) without a pattern, from a name and the place alone: an integer hash, the same everywhere."""
    x = np.arange(math.prod(shape), dtype=np.uint32) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    return (x / 2.0**31 - 1.0).astype(np.float32).reshape(shape)


def mask_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights that Mask R-CNN has and Faster R-CNN has not."""
    found = {}
    for number in range(4):
        found |= _with_bias(f"roi_heads.mask_head.{number}.0", _CHANNELS, _CHANNELS, 3, 3)
    found |= _with_bias("roi_heads.mask_predictor.conv5_mask", _CHANNELS, _CHANNELS, 2, 2)
    return found | _with_bias("roi_heads.mask_predictor.mask_fcn_logits", CLASS_COUNT, _CHANNELS, 1, 1)


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of Faster R-CNN."""
    found = _conv("backbone.body.conv1", 64, 3, 7) | _norm("backbone.body.bn1", 64)
    channels = 64
    for stage, count in enumerate(_BLOCKS, 1):
        width = 32 * 2**stage
        for block in range(count):
            name = f"backbone.body.layer{stage}.{block}"
            for number, sizes in enumerate(((width, channels, 1), (width, width, 3), (4 * width, width, 1)), 1):
                found |= _conv(f"{name}.conv{number}", *sizes) | _norm(f"{name}.bn{number}", sizes[0])
            if block == 0:
                found |= _conv(f"{name}.downsample.0", 4 * width, channels, 1) | _norm(
                    f"{name}.downsample.1", 4 * width
                )
            channels = 4 * width
        found |= _with_bias(f"backbone.fpn.inner_blocks.{stage - 1}.0", _CHANNELS, channels, 1, 1)
        found |= _with_bias(f"backbone.fpn.layer_blocks.{stage - 1}.0", _CHANNELS, _CHANNELS, 3, 3)
    found |= _with_bias("rpn.head.conv.0.0", _CHANNELS, _CHANNELS, 3, 3)
    found |= _with_bias("rpn.head.cls_logits", 3, _CHANNELS, 1, 1) | _with_bias(
        "rpn.head.bbox_pred", 12, _CHANNELS, 1, 1
    )
    found |= _with_bias("roi_heads.box_head.fc6", 1024, 49 * _CHANNELS) | _with_bias(
        "roi_heads.box_head.fc7", 1024, 1024
    )
    found |= _with_bias("roi_heads.box_predictor.cls_score", CLASS_COUNT, 1024)
    return found | _with_bias("roi_heads.box_predictor.bbox_pred", 4 * CLASS_COUNT, 1024)


def _conv(name: str, outputs: int, inputs: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel)}


def _with_bias(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def _values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = hashed(name, shape)
    if "mask" in name and len(shape) == 4:  # mostly blurs, so that masks are patches as those of objects are
        values = (values + _BLUR * values.mean((2, 3), keepdims=True)) / _BLUR
    if name.endswith("running_var"):
        return 1 + np.float32(0.3) * values
    if len(shape) > 1:
        # Inputs that went through ReLU have a mean; without one of their own, weights hear what differs from place to place.
        rows = values.reshape(shape[0], -1)
        rows = rows - rows.mean(1, keepdims=True, dtype=np.float64)
        gain = _GAINS.get(name, 0.7 if "fpn" in name else 1.0) * math.sqrt(6 / rows.shape[1])
        return (gain * rows).astype(np.float32).reshape(shape)
    if name.endswith(".weight"):  # of batch norm; the last one of a block is quiet, so that stages do not grow
        return np.float32(0.3 if "bn3" in name else 1.0) * (1 + np.float32(0.2) * values)
    return np.float32(0.1) * values
