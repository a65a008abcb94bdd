"""Exports a model, and keeps the file only if its detections agree with those of the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mindspore import nn

from src.errors import UserError
from src.exporting.agreement import MASK_TOLERANCE, PIXEL_TOLERANCE, SCORE_TOLERANCE, Agreement, compare
from src.exporting.exported import ExportedDetector, write_model
from src.exporting.model_metadata import Output, output_metadata
from src.exporting.runner import Detector, as_detector, numpy_forward, run_file
from src.files import write_atomically
from src.wording import counted


@dataclass(frozen=True)
class ExportConfig:
    """Format, input and outputs of an exported model.

    Attributes:
        file_format: "MINDIR", "ONNX" or "AIR".
        input_shape: (B, 3, H, W).
        probabilities: as in `ExportedDetector`.
        score_threshold: detections with lower scores are not compared.
    """

    file_format: str
    input_shape: tuple[int, int, int, int]
    probabilities: bool
    score_threshold: float


def export_checked(
    network: nn.Cell, path: Path, config: ExportConfig, images: np.ndarray, overwrite: bool
) -> list[Output]:
    """Export a network, unless the detections of network and model differ.

    Args:
        images: uint8 [N, 3, H, W] to compare detections on; nothing is compared if N is 0.

    Returns:
        Metadata of the model's outputs.

    Raises:
        UserError: see `check_agreement` and `write_atomically`.
    """
    detector = ExportedDetector(network, config.probabilities)
    detector.set_train(False)
    outputs = []

    def write(temporary: Path) -> None:
        write_model(detector, config.input_shape, temporary, config.file_format)
        # No Python package runs AIR files, so the network that was exported is run instead of the file.
        run = numpy_forward(detector) if config.file_format == "AIR" else run_file(temporary)
        outputs.extend(output_metadata(detector.output_names, run(np.zeros(config.input_shape, np.float32))))
        if len(images):
            check_agreement(numpy_forward(network), as_detector(run, detector.output_names), images, config)

    write_atomically(path, write, overwrite)
    return outputs


def check_agreement(
    expected: Callable[[np.ndarray], Sequence[np.ndarray]], exported: Detector, images: np.ndarray, config: ExportConfig
) -> None:
    """Compare the detections of network and exported model, and print the largest differences.

    Raises:
        UserError: they differ, or there are no detections to compare.
    """
    batch_size, *_ = config.input_shape
    found = compare(expected, exported, images, batch_size=batch_size, score_threshold=config.score_threshold)
    summary = f"{counted(len(images), 'image')}, {counted(found.detections, 'detection')}: largest difference {_differences(found)}"
    if not found.holds:
        raise UserError(
            f"check: the exported model differs from the checkpoint and was not kept; {summary}; "
            f"tolerances are {PIXEL_TOLERANCE:g} px, {SCORE_TOLERANCE:g} in score and {MASK_TOLERANCE:g} in masks"
        )
    if not found.detections:
        raise UserError(
            f"check: the checkpoint detects nothing in {counted(len(images), 'image')}, so nothing could be compared and no model was "
            "kept; pass a folder of images with objects as --infer_img_dir, or skip the check with --check 0"
        )
    print(f"check: {summary}")


def _differences(found: Agreement) -> str:
    masks = "" if found.mask is None else f", masks {found.mask:.2g}"
    return f"{found.pixels:.2g} px, score {found.score:.2g}{masks}"
