"""The detectors of infer.py: of checkpoints, or an exported model."""

from dataclasses import dataclass

from mindspore import nn

from src.checkpoint.detector_file import DetectorMetadata
from src.checkpoint.restore import restore_detector
from src.config.load import Config
from src.data.classes import in_class_order
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import Device
from src.engine.inference.exported_model import open_exported
from src.engine.inference.images_to_detect import read_training_annotations
from src.errors import UserError
from src.exporting.runner import Detector, numpy_forward
from src.network_define import WithFeatures
from src.systems import build_network


@dataclass(frozen=True, eq=False)
class Detectors:
    """One or two detectors of the same classes.

    Attributes:
        first: with features as its last output if the settings ask for them; second: None unless a second one is given.
        class_names: without the background, in the order of the labels.
    """

    first: Detector
    second: Detector | None
    class_names: list[str]


def open_detectors(config: Config, device: Device) -> Detectors:
    """Open the detectors that the settings name.

    Raises:
        UserError: a file cannot be read, or the detectors, or the first one and the annotations, have different classes.
    """
    detectors = _exported(config) if config.model is not None else _restored(config, device)
    if config.infer_img_dir is None:
        in_class_order(read_training_annotations(config), detectors.class_names, config.train_ann_file)
    return detectors


def _exported(config: Config) -> Detectors:
    model = open_exported(config)
    return Detectors(model.detector, None, model.class_names)


def _restored(config: Config, device: Device) -> Detectors:
    def restore(checkpoint: str) -> tuple[nn.Cell, DetectorMetadata]:
        return restore_detector(checkpoint, lambda count: build_network(config, count, device.mixed_precision))

    network, metadata = restore(config.checkpoint_path)
    second, second_metadata = restore(config.second_checkpoint) if config.second_checkpoint else (None, metadata)
    if second_metadata.class_names != metadata.class_names:
        raise UserError(f"second_checkpoint: {config.second_checkpoint} has other classes than checkpoint_path")
    if config.features:
        network = WithFeatures(network).set_train(False)
    return Detectors(
        numpy_forward(cached_detector(network, config)),
        second and numpy_forward(cached_detector(second, config)),
        list(metadata.class_names),
    )
