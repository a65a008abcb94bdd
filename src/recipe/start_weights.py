"""What the weights to start from are, read from their names alone: a backbone, or a detector of this project.

MindSpore is not loaded, so a checkpoint is walked through as the protocol buffer that it is (fields 1 to 3 of Checkpoint, Value and
TensorProto in MindSpore's checkpoint.proto); `src.checkpoint` checks everything again when the weights are loaded.
"""

import json
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from src.checkpoint.convert.backbone_names import backbone_of
from src.checkpoint.convert.weight_names import FOREIGN_SUFFIXES
from src.errors import UserError, reason_of
from src.parts.backbones.table import BACKBONES

_METADATA_KEY = "card"
_TEXT = b"str"
_VARINT_BITS = 70  # ten bytes hold 64 bits


_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Settings(msgspec.Struct):
    """Types of the settings that the rules compute with; whoever builds the network checks all of them."""

    system: Literal["faster_rcnn", "mask_rcnn", "ssd"] = "faster_rcnn"
    backbone: Literal[*BACKBONES] | None = None
    fpn_out_channels: _Count = 1
    rcnn_fc_out_channels: _Count = 1
    roi_out_size: _Count = 1
    roi_sample_num: _Count = 1
    roi_finest_scale: Annotated[float, msgspec.Meta(gt=0)] = 1
    rcnn_mask_out_channels: _Count = 1
    mask_out_size: _Count = 1
    anchor_scales: list[float] = []
    anchor_ratios: list[float] = []
    anchor_rule: str = ""
    anchors_inside_only: bool = False
    black_is_padding: bool = False
    ssd_extras_out_channels: list[_Count] = []
    ssd_aspect_ratios: list[list[float]] = []
    ssd_min_scale: float = 1
    ssd_max_scale: float = 1
    ssd_loss: str = ""


class _Metadata(msgspec.Struct):
    recipe: dict[str, Any] = {}


@dataclass(frozen=True)
class Weights:
    """Weights to start from.

    Attributes:
        path: None: there are none.
        backbone: its name in BACKBONES; None where there are no weights or their names tell no ResNet. No name tells v1 from
            v1.5: of a bare bottleneck ResNet, v1.5 is taken, as torchvision's are.
        settings: those that a detector was trained with or converted for; empty for a bare backbone.
    """

    path: str | None = None
    backbone: str | None = None
    settings: dict = field(default_factory=dict)


def read_weight_file(path: str | None) -> Weights:
    """What a file of weights is.

    Raises:
        UserError: there is no such file, it must be converted first, or it is damaged.
    """
    if path is None:
        return Weights()
    file = Path(path)
    if not file.is_file():
        raise UserError(
            f"pre_trained: {path}: there is no such file of weights; to make one of torchvision's weights or others:  "
            "python -m src.convert_checkpoint --ckpt_file WEIGHTS"
        )
    if file.suffix.lower() not in (".npz", ".ckpt", *FOREIGN_SUFFIXES):
        known = ", ".join((".ckpt", ".npz", *FOREIGN_SUFFIXES))
        raise UserError(f"pre_trained: {path}: is no file of weights by its suffix; expected {known}")
    if file.suffix.lower() in FOREIGN_SUFFIXES:
        raise UserError(
            f"pre_trained: convert it first with  python -m src.convert_checkpoint --ckpt_file {shlex.quote(str(path))}"
        )
    try:
        names, metadata = _npz_names(file) if file.suffix.lower() == ".npz" else _ckpt_names(file.read_bytes())
        settings = _settings(metadata) if metadata else {}
    except (ValueError, LookupError, RecursionError, OSError, NotImplementedError, zipfile.BadZipFile) as error:
        raise UserError(
            f"pre_trained: {path}: cannot be read, is it broken or cut off? ({reason_of(error, file)})"
        ) from None
    return Weights(path, settings.get("backbone") or backbone_of(names), settings)


def _settings(metadata: str) -> dict:
    """The settings in the metadata of a detector.

    Raises:
        ValueError: these are no metadata, or their settings are not those of a detector.
    """
    try:
        settings = msgspec.convert(json.loads(metadata), _Metadata).recipe
        msgspec.convert(settings, _Settings)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return settings


def _npz_names(path: Path) -> tuple[list[str], str | None]:
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()], None


def _ckpt_names(content: bytes) -> tuple[list[str], str | None]:
    """Names of the parameters, and the text of the metadata if there is one."""
    names, metadata = [], None
    for number, value in _fields(content, 0, len(content)):
        if number != 1:
            continue
        parts = dict(_fields(content, *value))
        name = content[slice(*parts[1])].decode()
        names.append(name)
        if name == _METADATA_KEY and 2 in parts:
            tensor = dict(_fields(content, *parts[2]))
            if content[slice(*tensor[2])] == _TEXT:
                metadata = content[slice(*tensor[3])].decode("utf-32-le")
    return names, metadata


def _fields(content: bytes, start: int, stop: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """(number, (start, stop)) of every field with a length; numbers are passed over. A checksum at the end of the file ends it."""
    while start < stop and not content.startswith(b"crc_num", start):
        tag, start = _varint(content, start)
        if tag & 7 == 0:
            _, start = _varint(content, start)
        elif tag & 7 == 2:
            length, start = _varint(content, start)
            if start + length > stop:
                raise ValueError("a field is longer than the file")
            yield tag >> 3, (start, start + length)
            start += length
        else:
            raise ValueError(f"no checkpoint: a field of type {tag & 7}")


def _varint(content: bytes, start: int) -> tuple[int, int]:
    """A number of 7 bits per byte, least first, and where it ends."""
    number = shift = 0
    while shift < _VARINT_BITS:
        byte = content[start]
        number |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return number, start
    raise ValueError("no checkpoint: a number is too long")
