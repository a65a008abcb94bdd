"""Runs an exported model in place of a checkpoint: its metadata take the place of the settings that a checkpoint brings along."""

from dataclasses import dataclass, replace
from pathlib import Path

from src.config.load import Config
from src.errors import UserError
from src.exporting.model_metadata import ModelMetadata
from src.exporting.runner import Detector, check_runnable, open_model


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """An exported model that is ready to run.

    Attributes:
        detector: takes images uint8 [B, 3, H, W]; see `src.exporting.runner.Detector`.
        config: with the input size, batch size, resize rule and mask pasting of the model.
        class_names: without the background, in the order of the labels.
        metadata: of its JSON file.
    """

    detector: Detector
    config: Config
    class_names: list[str]
    metadata: ModelMetadata


def check_device(config: Config) -> None:
    """Check, before anything is read, that the model can be run here.

    Raises:
        UserError: another device than the CPU is asked for, the suffix is of another kind of file, or a package is missing.
    """
    if config.device_target != "CPU":
        raise UserError(f"device_target: exported models run on the CPU, not on {config.device_target}")
    check_runnable(Path(config.model).suffix)


def open_exported(config: Config) -> ExportedModel:
    """Open the model of ``config.model``.

    Raises:
        UserError: see `open_model`.
    """
    metadata, detector = open_model(config.model)
    batch, _, height, width = metadata.input.shape
    config = replace(
        config,
        img_height=height,
        img_width=width,
        keep_ratio=metadata.resize.keep_ratio,
        resize_sides=metadata.resize.sides,
        test_batch_size=batch,
    )
    if metadata.masks is not None:
        config = replace(config, mask_thr_binary=metadata.masks.threshold, mask_pasting=metadata.masks.pasting)
    return ExportedModel(detector, config, [item.name for item in metadata.classes], metadata)
