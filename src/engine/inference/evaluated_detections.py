"""Detections for eval.py: of a checkpoint, of an exported model, or of a file of COCO result records."""

from collections.abc import Callable
from dataclasses import dataclass

from src.checkpoint.restore import restore_detector
from src.config.load import Config, require
from src.data.annotations import Annotations
from src.data.checks.image_files import check_images
from src.data.classes import in_class_order
from src.engine.batches import cache_of
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import set_up_device
from src.engine.inference.detect_images import detect_records
from src.engine.inference.exported_model import check_device, open_exported
from src.errors import UserError
from src.evaluation.doubtful_results import doubts
from src.evaluation.results_file import have_masks, read_results
from src.exporting.metadata_file import read_model_metadata
from src.exporting.runner import Detector, numpy_forward
from src.systems import build_network


@dataclass(frozen=True)
class EvaluatedDetections:
    """Detections on labelled images.

    Attributes:
        records: COCO result records.
        annotations: ground truth, its classes in the order of the detector.
        origin: source of the detections, as key-value pairs for metrics.json.
    """

    records: list[dict]
    annotations: Annotations
    origin: dict


def detection_source(config: Config) -> Callable[[Config, Annotations], EvaluatedDetections]:
    """Select the function that produces the detections, by the source that the configuration gives.

    Raises:
        UserError: not exactly one source is given, or a setting that it requires is missing.
    """
    sources = {"checkpoint_path": of_checkpoint, "model": of_model, "results": of_results}
    given = [key for key in sources if getattr(config, key) is not None]
    if len(given) != 1:
        what = "is missing" if not given else "are given: " + ", ".join(f"--{key}" for key in given)
        raise UserError(f"what to evaluate {what}; pass one of {', '.join(f'--{key}' for key in sources)}")
    require(config, "eval_ann_file", *(() if given == ["results"] else ("eval_img_dir",)))
    return sources[given[0]]


def will_have_masks(config: Config) -> bool:
    """Whether the detections will have masks, so that the ground truth needs segmentations.

    Raises:
        UserError: the model cannot be run here, or the results file cannot be read.
    """
    if config.model is not None:
        check_device(config)
        return read_model_metadata(config.model).masks is not None
    if config.results is not None:
        return have_masks(config.results)
    return config.has_masks


def of_checkpoint(config: Config, annotations: Annotations) -> EvaluatedDetections:
    """Detections of a checkpoint."""
    check_images(annotations, config.eval_img_dir)
    device = set_up_device(config)
    network, metadata = restore_detector(
        config.checkpoint_path, lambda class_count: build_network(config, class_count, device.mixed_precision)
    )
    annotations = in_class_order(annotations, metadata.class_names, config.eval_ann_file)
    records = _detect(numpy_forward(cached_detector(network, config)), config, annotations)
    origin = {"checkpoint": str(config.checkpoint_path), "step": metadata.step}
    return EvaluatedDetections(records, annotations, origin)


def of_model(config: Config, annotations: Annotations) -> EvaluatedDetections:
    """Detections of an exported model; input size, batch size, resize rule and mask pasting come from its metadata."""
    check_images(annotations, config.eval_img_dir)
    set_up_device(config)
    model = open_exported(config)
    annotations = in_class_order(annotations, model.class_names, config.eval_ann_file)
    records = _detect(model.detector, model.config, annotations)
    source = model.metadata.checkpoint
    origin = {"model": str(config.model), "checkpoint": source.file, "step": source.step}
    return EvaluatedDetections(records, annotations, origin)


def of_results(config: Config, annotations: Annotations) -> EvaluatedDetections:
    """Detections from a COCO result file; images are only needed for the pictures of a report."""
    if config.report is not None and config.eval_img_dir is not None:
        check_images(annotations, config.eval_img_dir)
    records = read_results(config.results, annotations)
    for sentence in doubts(records, annotations):
        print(f"suspicious: {sentence}")
    return EvaluatedDetections(records, annotations, {"results": str(config.results)})


def _detect(detector: Detector, config: Config, annotations: Annotations) -> list[dict]:
    stored = None
    if config.mindrecord_dir is not None:
        stored = cache_of(config, annotations, annotations.images, config.eval_img_dir, print)
    return detect_records(detector, annotations, config.eval_img_dir, config, stored=stored, progress="evaluating")
