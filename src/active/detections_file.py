"""Read infer_results.json of any size into a few numbers per image.

The file holds {file_name: [detection, ...]}. At 100,000 images it has hundreds of megabytes, so the text is mapped
instead of loaded, its images are decoded one by one, and only sums are kept.
"""

import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from src.errors import DataError, UserError

_BLOCK = 1024  # images summed at a time

# A probability in single precision may come out a rounding above 1.
_Probability = Annotated[float, msgspec.Meta(ge=0, le=1.0001)]


class Detection(
    msgspec.Struct, rename={"confidence": "confidence score", "scores": "pred score", "label": "pred class"}
):
    """The fields of a detection that matter here; others are skipped without being decoded."""

    confidence: _Probability
    scores: list[_Probability]  # background first
    label: int


@dataclass(frozen=True)
class ImageSums:
    """Sums over the detections of each image, from which acquisition scores are computed; N images.

    Attributes:
        names: file names, N of them.
        detections: int64 [N], how many detections.
        entropy: float64 [N], sum over the detections of the entropy of their class probabilities, in bits.
        confidence: float64 [N], sum of the detections' scores.
        classes: int64 [N], how many different classes were detected.
    """

    names: tuple[str, ...]
    detections: np.ndarray
    entropy: np.ndarray
    confidence: np.ndarray
    classes: np.ndarray


def read_sums(path: str | Path) -> ImageSums:
    """Read a file of detections as infer.py writes it.

    Raises:
        UserError: there is no such file, or no image in it.
        DataError: broken JSON, or every image whose detections lack something or have numbers that cannot be scores.
    """
    try:
        with open(path, "rb") as file:
            text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped when nothing points into it any more
        images = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8, mmap of an empty file
        raise DataError(str(path), [f"expected a JSON object {{file_name: [detections]}}: {error}"]) from None
    return _sum_up(images.items(), str(path))


def _sum_up(images: Iterable[tuple[str, msgspec.Raw]], title: str) -> ImageSums:
    decoder = msgspec.json.Decoder(list[Detection])
    names, blocks, block, faults = [], [], [], []
    score_count = None
    for name, text in images:
        try:
            found = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults.append(f"image {name}: {error}")
            continue
        for row in found:
            score_count = score_count or len(row.scores)
            if len(row.scores) != score_count or not row.scores:
                faults.append(f'image {name}: a "pred score" of {len(row.scores)} entries, others have {score_count}')
                break
        names.append(name)
        block.append(found)
        if len(block) == _BLOCK:
            blocks.append(_block_sums(block) if not faults else None)
            block = []
    if faults:
        raise DataError(title, faults)
    if not names:
        raise UserError(f"{title}: no images in it")
    detections, entropy, confidence, classes = np.concatenate([*blocks, _block_sums(block)], axis=1)
    return ImageSums(tuple(names), detections.astype(np.int64), entropy, confidence, classes.astype(np.int64))


def _block_sums(block: list[list[Detection]]) -> np.ndarray:
    """Rows detections, entropy, confidence, classes of each image; float64 [4, images]."""
    counts = np.array([len(found) for found in block], np.int64)
    if not counts.any():
        return np.zeros((4, len(block)))
    owner = np.repeat(np.arange(len(block)), counts)
    probabilities = np.array([row.scores for found in block for row in found], np.float64)
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))  # 0 log 0 = 0
    entropy = np.bincount(owner, -(probabilities * logarithms).sum(axis=1), minlength=len(block))
    confidence = np.bincount(owner, [row.confidence for found in block for row in found], minlength=len(block))
    classes = [len({row.label for row in found}) for found in block]
    return np.stack([counts, entropy, confidence, classes])
