"""Features for the strategies that choose images: of detections, or of whole images before a detector is trained."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from src.checkpoint.pretrained import load_pretrained
from src.config.load import Config
from src.data.annotations import ImageEntry
from src.data.checks.left_out import FILE_NAME, LeftOut, write_left_out
from src.data.formats.feature_file import FeatureRows, compact, write_features
from src.data.provenance import made_from, side_file, write_side_file
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import set_up_device
from src.engine.inference.detect_images import detect_images
from src.engine.inference.images_to_detect import images_to_detect, labelled_images
from src.errors import UserError
from src.evaluation.records import Detections
from src.exporting.runner import numpy_forward
from src.files import check_free
from src.systems import build_image_features


def collect_features(
    found: Iterable[tuple[ImageEntry, Detections]], count: int, rows: list[FeatureRows]
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Yield the first ``count`` images of ``found``, and append the features of all images to ``rows``."""
    for number, (entry, detections) in enumerate(found):
        rows.append((entry.file_name, detections.labels - 1, detections.scores, compact(detections.features)))
        if number < count:
            yield entry, detections


def write_image_features(path: Path, config: Config) -> None:
    """Write features of whole images, computed by the backbone of --pre_trained.

    Raises:
        UserError: the output exists and may not be overwritten, or the weights are not those of the backbone.
    """
    left_out: list[LeftOut] = []
    images = images_to_detect(config, left_out)
    images += labelled_images(config, images)
    list_file = path.with_name(FILE_NAME)
    for output in (path, side_file(path), *([list_file] if config.leave_out_faulty else [])):
        check_free(output, config.overwrite)
    set_up_device(config)
    network = build_image_features(config).set_train(False)
    report = load_pretrained(network, config.pre_trained)
    if not report.backbone_is_loaded:
        raise UserError(f"pre_trained: it lacks weights of the backbone {config.backbone}\n{report}")
    forward = numpy_forward(cached_detector(network, config))
    found = detect_images(forward, images, config.train_img_dir, config, progress="features", has_features=True)
    rows: list[FeatureRows] = []
    for _ in collect_features(found, 0, rows):
        pass
    write_features(path, rows, config.overwrite)
    origin = made_from("infer.py", {"pre_trained": config.pre_trained}, {"backbone": config.backbone})
    write_side_file(path, origin, config.overwrite)
    for sentence in write_left_out(list_file, left_out, config.overwrite):
        print(sentence)
    print(f"{len(images)} images, written: {path}")
