"""Export a trained detector for use outside Python: MINDIR, ONNX or AIR, and its metadata as JSON.

    python export.py --checkpoint_path outputs/best_model.ckpt --file_format ONNX --file_name exported/faces

The network settings come from the checkpoint. The input of the model is raw RGB, float32 from 0 to 255; normalisation
is part of the model. The model is kept only if its detections agree with those of the checkpoint on --check images,
synthetic ones or those of --infer_img_dir.
"""

import shlex
from pathlib import Path

import msgspec
import numpy as np

from src.checkpoint.detector_file import DetectorMetadata
from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import unlabelled_folder
from src.data.dataset import evaluation_batches
from src.engine.device import set_up_device
from src.errors import UserError, entry_point
from src.exporting.agreement import synthetic_images
from src.exporting.checked_export import ExportConfig, export_checked
from src.exporting.exported import check_writable, model_path
from src.exporting.metadata_file import is_model_metadata, metadata_path, other_model
from src.exporting.model_metadata import Class, ModelMetadata, Origin, Output, mask_rule, raw_rgb_input, resize_rule
from src.exporting.offline_model import check_compiler, offline_path, write_offline_model
from src.exporting.outputs import MASKS
from src.exporting.runner import check_runnable
from src.files import check_free, file_hash, is_regular, write_json
from src.systems import build_network


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Check the settings, restore, export, compare, write the metadata."""
    config = load_config(__doc__, argv, saved_settings, defaults={"batch_size": 1})
    path = checked_target(config)
    images = images_to_check(config)
    device = set_up_device(config)
    network, detector = restore_detector(
        config.checkpoint_path,
        lambda class_count: build_network(config, class_count, device.mixed_precision, portable=True),
    )
    export = ExportConfig(
        config.file_format,
        (config.batch_size, 3, config.img_height, config.img_width),
        probabilities=config.probabilities,
        score_threshold=config.test_score_thr,
    )
    outputs = export_checked(network, path, export, images, config.overwrite)
    metadata = model_metadata(path, outputs, detector, config)
    write_json(metadata_path(path), msgspec.to_builtins(metadata), config.overwrite, indent=2)
    print(f"written: {path} and {metadata_path(path)}")
    if config.soc_version:
        print(f"written: {write_offline_model(path, config.file_format, config.soc_version, config.overwrite)}")


def checked_target(config: Config) -> Path:
    """The path of the model to write, after checking that it can be written.

    Raises:
        UserError: a setting or package is missing, or a file may not be overwritten, never one that is no metadata of a model.
    """
    require(config, "checkpoint_path")
    if config.file_name is None:
        near = Path(config.checkpoint_path).with_suffix("")
        raise UserError(
            f"missing: --file_name, the path of the model without its suffix, such as --file_name {shlex.quote(str(near))}"
        )
    path = model_path(config.file_name, config.file_format)
    check_writable(config.file_format, config.device_target)
    if config.file_format != "AIR":
        check_runnable(path.suffix)
    if other := other_model(path):
        raise UserError(
            f"{metadata_path(path)}: is the metadata of {other}, which could not be used without it; choose another --file_name, or "
            f"remove {other}"
        )
    targets = [path, metadata_path(path)]
    if config.soc_version:
        check_compiler(config.file_format)
        targets.append(offline_path(path))
    for target in targets:
        check_free(target, config.overwrite)
    if is_regular(metadata_path(path)) and not is_model_metadata(metadata_path(path)):
        raise UserError(
            f"{metadata_path(path)}: would be replaced by the metadata of the model, but is something else; choose another --file_name"
        )
    return path


def images_to_check(config: Config) -> np.ndarray:
    """The images on which checkpoint and model are compared: uint8 [N, 3, H, W], N at most `check`."""
    if config.infer_img_dir is None:
        size = (config.img_height, config.img_width)
        return synthetic_images(config.check, size, config.keep_ratio, config.resize_sides)
    entries = unlabelled_folder(config.infer_img_dir, first_id=1)[: config.check]
    images = [batch[: len(rows)] for batch, _, rows in evaluation_batches(entries, "", config)]
    return np.concatenate([np.zeros((0, 3, config.img_height, config.img_width), np.uint8), *images])


def model_metadata(path: Path, outputs: list[Output], detector: DetectorMetadata, config: Config) -> ModelMetadata:
    """The metadata of the exported model at `path`."""
    return ModelMetadata(
        format=config.file_format,
        file=path.name,
        sha256=file_hash(path),
        system=config.system,
        input=raw_rgb_input(config.batch_size, config.img_height, config.img_width),
        resize=resize_rule(config.keep_ratio, config.resize_sides, config.black_is_padding),
        outputs=outputs,
        classes=[Class(*pair) for pair in zip(detector.category_ids, detector.class_names, strict=True)],
        checkpoint=Origin(Path(config.checkpoint_path).name, file_hash(config.checkpoint_path), detector.step),
        masks=mask_rule(config.mask_thr_binary, config.mask_pasting)
        if MASKS in [output.name for output in outputs]
        else None,
    )


if __name__ == "__main__":
    main()
