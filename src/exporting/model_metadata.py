"""The metadata of an exported model: NAME.json next to NAME.mindir, NAME.onnx or NAME.air.

Programs that run the model read input size, resize rule and classes from it, so that none of them is hard-coded.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np

# Keep in sync with src/data/augment/transforms.resize_to_fit, which implements this rule.
_RATIO_RULE = (
    "scale = min(W / w, H / h) in double precision for an image of w x h pixels; new width = int(w * scale + 0.5) and new "
    "height = int(h * scale + 0.5), truncated, then limited to 1..W and 1..H. "
)
_SIDES_RULE = (
    "scale = min({shorter} / min(w, h), {longer} / max(w, h)) in double precision for an image of w x h pixels; new width = "
    "int(w * scale) and new height = int(h * scale), truncated, at least 1; an image that becomes larger than W x H is an error. "
)
_STRETCH_RULE = "new width = W, new height = H, whatever the image's ratio. "
_COMMON_RULE = (
    "W and H are the last and the second to last dimension of the input. The image is 8-bit RGB, with its EXIF "
    "orientation applied. "
    "It is resized once by OpenCV's INTER_LINEAR, or left unchanged if it has the new size, and padded at right and "
    "bottom. "
    "Boxes are mapped back by x * w / new width and y * h / new height, then are clipped to 0..w and 0..h."
)

# Keep in sync with src/parts/pixels.lit_sizes, which implements this rule.
_PADDING_GUESS = (
    " The model takes black rows at the bottom and black columns at the right of its input for padding and clips "
    "boxes to the "
    "rest, also if the black edge belongs to the image."
)

# Keep in sync with src/evaluation/masks.paste, which implements this rule. Extent of the padded mask in x, by
# `mask_pasting`.
_MASK_SPANS = {
    "exact": "begin = x1 - (x2 - x1) / M to end = x2 + (x2 - x1) / M",
    "torchvision": "begin = trunc(x1 - (x2 - x1) / M) to end = trunc(x2 + (x2 - x1) / M) + 1, truncated towards 0",
}
_MASK_RULE = (
    "A mask is M x M cells over its box (x1, y1, x2, y2), which is mapped back to the image like boxes, but not "
    "clipped. It "
    "is padded with one cell of 0 on each side to N x N, N = M + 2. In x they are stretched from {span}: pixel c of "
    "the "
    "image, floor(begin) <= c < ceil(end), reads the cells at u = (c + 0.5 - begin) * N / (end - begin) - 0.5, limited to 0..N - 1, "
    "where cell j has its centre at u = j; in y likewise. A pixel belongs to the object if the bilinear value there is greater than "
    "the threshold; pixels outside this range do not."
)

_Size = Annotated[int, msgspec.Meta(ge=1)]
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**20)]  # pixels of a resized image, as OpenCV's limit of a picture
_Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]  # JSON of other programs holds whole numbers up to here


class Input(msgspec.Struct, forbid_unknown_fields=True):
    """The only input: raw pixels, which the model normalises."""

    name: str
    shape: tuple[_Size, Literal[3], _Size, _Size]
    dtype: Literal["float32"]
    layout: Literal["NCHW"]
    colour: Literal["RGB"]
    range: tuple[Literal[0], Literal[255]]


class Resize(msgspec.Struct, forbid_unknown_fields=True):
    """How an image is resized and padded to the input size."""

    keep_ratio: bool
    sides: tuple[_Side, _Side] | None
    interpolation: Literal["linear"]
    pad_value: Literal[0]
    pad: Literal["right and bottom"]
    rule: str


class Output(msgspec.Struct, forbid_unknown_fields=True):
    """One output; outputs are listed in the order of the model file."""

    name: str
    shape: tuple[_Size, ...]
    dtype: str


class Masks(msgspec.Struct, forbid_unknown_fields=True):
    """How the output "masks" is pasted into the image."""

    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)]
    pasting: Literal["exact", "torchvision"]
    rule: str


class Class(msgspec.Struct, forbid_unknown_fields=True):
    """A class; label k of the model is the k-th class, counted from 1. `id` is its category id in COCO files."""

    id: _Id
    name: str


class Origin(msgspec.Struct, forbid_unknown_fields=True):
    """The checkpoint the model was exported from."""

    file: str
    sha256: str
    step: int


class ModelMetadata(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The content of NAME.json. `masks` is omitted for models without masks, as in older versions."""

    format: Literal["MINDIR", "ONNX", "AIR"]
    file: str
    sha256: str
    system: str
    input: Input
    resize: Resize
    outputs: list[Output]
    classes: list[Class]
    checkpoint: Origin
    masks: Masks | None = None


def raw_rgb_input(batch: int, height: int, width: int) -> Input:
    """The input of every exported model: float32 RGB from 0 to 255, [B, 3, H, W]."""
    return Input("images", (batch, 3, height, width), "float32", "NCHW", "RGB", (0, 255))


def resize_rule(keep_ratio: bool, sides: tuple[int, int] | None = None, black_is_padding: bool = False) -> Resize:
    """The resize rule, in prose that is precise enough to implement it.

    Args:
        keep_ratio, sides: as in ``transforms.resize_to_fit``.
        black_is_padding: as in ``pixels.network_input``.
    """
    rule = _RATIO_RULE if keep_ratio else _STRETCH_RULE
    if sides:
        rule = _SIDES_RULE.format(shorter=sides[0], longer=sides[1])
    return Resize(
        keep_ratio,
        sides,
        "linear",
        0,
        "right and bottom",
        rule + _COMMON_RULE + (_PADDING_GUESS if black_is_padding else ""),
    )


def mask_rule(threshold: float, pasting: str) -> Masks:
    """The rule for pasting masks, in prose that is precise enough to implement it; see ``evaluation.masks.Pasting``."""
    return Masks(threshold, pasting, _MASK_RULE.format(span=_MASK_SPANS[pasting]))


def output_metadata(names: Sequence[str], outputs: Sequence[np.ndarray]) -> list[Output]:
    """Names, shapes and dtypes of outputs."""
    return [Output(name, array.shape, str(array.dtype)) for name, array in zip(names, outputs, strict=True)]
