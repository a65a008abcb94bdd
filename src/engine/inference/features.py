"""Features for the strategies that choose images: of detections, or of whole images before a detector is trained."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from src.checkpoint.pretrained import load_pretrained
from src.config.load import Config
from src.data.annotations import ImageEntry
from src.data.checks.left_out import FILE_NAME, LeftOut, write_left_out
from src.data.formats.feature_file import FeatureRows, write_features
from src.data.provenance import made_from, side_file, write_side_file
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import set_up_device
from src.engine.inference.detection_pool import NOT_READ, Pool
from src.engine.inference.images_to_detect import hash_of_images, images_to_detect, labelled_images
from src.engine.inference.output_files import image_folders
from src.errors import UserError
from src.evaluation.records import Detections
from src.exporting.runner import numpy_forward
from src.files import check_apart, check_free
from src.systems import build_image_features
from src.wording import counted


def collect_features(
    found: Iterable[tuple[ImageEntry, Detections]], names: AbstractSet[str], rows: list[FeatureRows]
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Yield the images of these ``names`` among ``found``, and append the features of all images to ``rows``."""
    for entry, detections in found:
        rows.append((entry.file_name, detections.labels - 1, detections.scores, detections.features))
        if entry.file_name in names:
            yield entry, detections


def write_image_features(path: Path, config: Config) -> None:
    """Write features of whole images, computed by the backbone of --pre_trained.

    Raises:
        UserError: the output exists and may not be overwritten, or the weights are not those of the backbone.
    """
    left_out: list[LeftOut] = []
    unreadable: dict[str, str] = {}
    images = images_to_detect(config, left_out, unreadable)
    images += labelled_images(config, images)
    pool = Pool(path.parent, config, images, [hash_of_images(config, images)], unreadable)
    overwrite = pool.resumes() or config.overwrite
    list_file = path.with_name(FILE_NAME)
    for output in (path, side_file(path), path.with_name(NOT_READ), *([list_file] if config.leave_out_faulty else [])):
        check_free(output, overwrite)
    check_apart([path], {"pre_trained": config.pre_trained})
    device = set_up_device(config, distribute=config.run_distribute)
    network = build_image_features(config).set_train(False)
    report = load_pretrained(network, config.pre_trained)
    if not report.backbone_is_loaded:
        raise UserError(f"pre_trained: it lacks weights of the backbone {config.backbone}\n{report}")
    forward = numpy_forward(cached_detector(network, config))
    found = pool.detect("infer_features", forward, images, device, progress="features", has_features=True)
    rows: list[FeatureRows] = []
    for _ in collect_features(found, frozenset(), rows):
        pass
    if device.rank == 0:
        write_features(path, rows, overwrite)
        origin = made_from("infer.py", {"pre_trained": config.pre_trained}, {"backbone": config.backbone})
        write_side_file(path, origin, overwrite, image_folders(config))
        for sentence in write_left_out(list_file, left_out, overwrite):
            print(sentence)
        print(f"{counted(pool.count_read(images), 'image')}, written: {path}")
    pool.finish(device, overwrite)
