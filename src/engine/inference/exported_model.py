"""Runs an exported model in place of a checkpoint: its metadata take the place of the settings that a checkpoint brings along."""

from dataclasses import dataclass, replace
from pathlib import Path

from src.command_line import to_paste
from src.config.load import Config
from src.errors import UserError
from src.exporting.metadata_file import read_model_metadata
from src.exporting.model_metadata import ModelMetadata
from src.exporting.outputs import PROBABILITIES
from src.exporting.runner import Detector, check_runnable, open_model, runtimes


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


def with_settings_of(metadata: ModelMetadata, config: Config) -> Config:
    """The configuration with the input size, batch size, resize rule and mask pasting of an exported model."""
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
    return config


def open_exported(config: Config) -> ExportedModel:
    """Open the model of ``config.model``, and print what runs it.

    Raises:
        UserError: see `open_model`.
    """
    metadata, detector = open_model(config.model)
    print(f"{config.model}: run by {runtimes(Path(config.model).suffix)[0]}")
    names = [item.name for item in metadata.classes]
    return ExportedModel(detector, with_settings_of(metadata, config), names, metadata)


def for_inference(config: Config) -> Config:
    """The configuration of infer.py for the model of ``config.model``, after a check that the model can do what is asked for.

    Raises:
        UserError: a checkpoint is given too; the model has no class probabilities, which infer_results.json holds; features or
            a second detector are asked for; or the model cannot be run here.
    """
    for key in ("checkpoint_path", "second_checkpoint"):
        if getattr(config, key) is not None:
            raise UserError(f"--model and --{key} are both given; infer.py runs an exported model alone")
    if config.features:
        raise UserError("features: exported models do not output them; pass the checkpoint as --checkpoint_path")
    check_device(config)
    metadata = read_model_metadata(config.model)
    if PROBABILITIES not in [output.name for output in metadata.outputs]:
        raise UserError(
            f"{config.model}: it does not output the probabilities of the classes, by which images are ranked; export it again{_export_command(metadata, config)}"
        )
    return with_settings_of(metadata, config)


def _export_command(metadata: ModelMetadata, config: Config) -> str:
    """The end of a sentence: the command line that exports a model again, of the same size, with the probabilities of its classes."""
    batch, _, height, width = metadata.input.shape
    name = metadata.checkpoint.file
    place = Path(config.model).resolve().parent / name
    settings = {
        "checkpoint_path": place if place.is_file() else f"PATH/TO/{name}",
        "file_format": metadata.format,
        "file_name": Path(config.model).with_suffix(""),
        "batch_size": batch,
        "img_height": height,
        "img_width": width,
        "probabilities": "true",
    }
    words = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    where = "" if place.is_file() else f", the path of its checkpoint in place of PATH/TO/{name},"
    return f"{where} with\n  {to_paste('export.py', *words, '--overwrite')}"
