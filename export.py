"""Export a trained detector for use outside Python: MINDIR, ONNX or AIR, and a JSON file that describes it.

    python export.py --checkpoint_path outputs/best_model.ckpt --file_format ONNX --file_name exported/faces

The network is the one the checkpoint was trained as; its input is raw RGB, float32 of 0 to 255, and everything else happens
inside. Before the model gets its name it must detect in --check images what the checkpoint detects: in synthetic ones, or in
those of --infer_img_dir.
"""

from pathlib import Path

import msgspec
import numpy as np
from mindspore import nn

from src.checkpoint.detector_file import DetectorMetadata
from src.checkpoint.restore import numpy_forward, restore_detector, saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import unlabelled_folder
from src.data.dataset import evaluation_batches
from src.engine.device import set_up_device
from src.errors import UserError, entry_point
from src.exporting.agreement import (
    MASK_TOLERANCE,
    PIXEL_TOLERANCE,
    SCORE_TOLERANCE,
    Agreement,
    compare,
    synthetic_images,
)
from src.exporting.exported import MASKS, ExportedDetector, check_writable, model_path, write_model
from src.exporting.model_metadata import (
    Class,
    ModelMetadata,
    Origin,
    Output,
    mask_rule,
    metadata_path,
    output_metadata,
    raw_rgb_input,
    resize_rule,
)
from src.exporting.offline_model import check_compiler, offline_path, write_offline_model
from src.exporting.runner import Detector, as_detector, check_runnable, run_file
from src.files import check_free, file_hash, write_json, write_whole
from src.systems import build_network


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Check what was asked for, restore, export, compare, describe."""
    config = load_config(__doc__, argv, saved_settings, defaults={"batch_size": 1})
    path = free_target(config)
    images = images_to_check(config)
    device = set_up_device(config.device_target, config.device_id, False, config.mixed_precision, config.global_seed)
    network, metadata = restore_detector(
        config.checkpoint_path,
        lambda class_count: build_network(config, class_count, device.mixed_precision, portable=True),
    )
    outputs = write_checked(path, network, images, config)
    write_json(
        metadata_path(path), msgspec.to_builtins(describe(path, outputs, metadata, config)), config.overwrite, indent=2
    )
    print(f"written: {path} and {metadata_path(path)}")
    if config.soc_version:
        print(f"written: {write_offline_model(path, config.file_format, config.soc_version, config.overwrite)}")


def free_target(config: Config) -> Path:
    """Where the model goes.

    Raises:
        UserError: something is missing, cannot be made here, or may not be overwritten.
    """
    require(config, "checkpoint_path", "file_name")
    path = model_path(config.file_name, config.file_format)
    check_writable(config.file_format, config.device_target)
    if config.file_format != "AIR":
        check_runnable(path.suffix)
    targets = [path, metadata_path(path)]
    if config.soc_version:
        check_compiler(config.file_format)
        targets.append(offline_path(path))
    for target in targets:
        check_free(target, config.overwrite)
    return path


def images_to_check(config: Config) -> np.ndarray:
    """The images that checkpoint and model are compared on: uint8 [N, 3, H, W], N at most `check`."""
    if config.infer_img_dir is None:
        return synthetic_images(
            config.check, config.img_height, config.img_width, config.keep_ratio, config.resize_sides
        )
    entries = unlabelled_folder(config.infer_img_dir, first_id=1)[: config.check]
    images = [batch[: len(rows)] for batch, _, rows in evaluation_batches(entries, "", config)]
    return np.concatenate([np.zeros((0, 3, config.img_height, config.img_width), np.uint8), *images])


def write_checked(path: Path, network: nn.Cell, images: np.ndarray, config: Config) -> list[Output]:
    """Write the model, unless it differs from the network; returns what its outputs are."""
    detector = ExportedDetector(network, config.probabilities)
    detector.set_train(False)
    shape = (config.batch_size, 3, config.img_height, config.img_width)
    outputs = []

    def write(temporary: Path) -> None:
        write_model(detector, shape, temporary, config.file_format)
        # Nothing in Python runs AIR files, so there the very graph that was written stands in for the file.
        run = numpy_forward(detector) if config.file_format == "AIR" else run_file(temporary)
        outputs.extend(output_metadata(detector.output_names, run(np.zeros(shape, np.float32))))
        if len(images):
            check_agreement(network, as_detector(run, detector.output_names), images, config)

    write_whole(path, write, config.overwrite)
    return outputs


def check_agreement(network: nn.Cell, exported: Detector, images: np.ndarray, config: Config) -> None:
    """Compare network and exported model, and tell the differences.

    Raises:
        UserError: they differ, or there was no detection to compare.
    """
    found = compare(numpy_forward(network), exported, images, config.batch_size, config.test_score_thr)
    told = f"{len(images)} images, {found.detections} detections: largest difference {_described(found)}"
    if not found.holds:
        raise UserError(
            f"check: the exported model differs from the checkpoint and was not kept; {told}; "
            f"allowed are {PIXEL_TOLERANCE:g} px, {SCORE_TOLERANCE:g} in score and {MASK_TOLERANCE:g} in masks"
        )
    if not found.detections:
        raise UserError(
            f"check: the checkpoint detects nothing in {len(images)} images, so nothing could be compared and no model was "
            "kept; pass a folder of images with objects as --infer_img_dir, or --check 0"
        )
    print(f"check: {told}")


def _described(found: Agreement) -> str:
    masks = "" if found.mask is None else f", masks {found.mask:.2g}"
    return f"{found.pixels:.2g} px, score {found.score:.2g}{masks}"


def describe(path: Path, outputs: list[Output], metadata: DetectorMetadata, config: Config) -> ModelMetadata:
    """The metadata of the model that lies at `path`."""
    return ModelMetadata(
        format=config.file_format,
        file=path.name,
        sha256=file_hash(path),
        system=config.system,
        input=raw_rgb_input(config.batch_size, config.img_height, config.img_width),
        resize=resize_rule(config.keep_ratio, config.resize_sides, config.black_is_padding),
        outputs=outputs,
        classes=[Class(*pair) for pair in zip(metadata.category_ids, metadata.class_names, strict=True)],
        checkpoint=Origin(Path(config.checkpoint_path).name, file_hash(config.checkpoint_path), metadata.step),
        masks=mask_rule(config.mask_thr_binary, config.mask_pasting)
        if MASKS in [output.name for output in outputs]
        else None,
    )


if __name__ == "__main__":
    main()
