"""Detect objects in the images of a folder, or in the unlabelled images of an annotation file.

    python infer.py --checkpoint_path outputs/best_model.ckpt --infer_img_dir photos --eval_output_dir found
    python infer.py --checkpoint_path outputs/best_model.ckpt --train_img_dir train/images --train_ann_file train_25.json \\
        --eval_output_dir found

It writes infer_results.json, a list of detections by image name (with sub-folder), highest score first, and
infer_results.made_from.json, its inputs and settings. With --unlabelled_img_dir the images of that folder are added to
the unlabelled ones. With --draw_pics true detections are drawn into pictures/. With --leave_out_faulty images that
cannot be decoded are left out and listed in left_out.json. After an interrupted run, start again with --overwrite.

With --features true it also writes infer_features.npz, features of the detections in unlabelled and labelled images,
for the strategies ppal and coverage of sorted_values.py. With --second_checkpoint it also writes
infer_results_second.json, the detections of a second detector such as the student, for the strategy disagreement.

Before a detector is trained, for the first pick by coverage, it writes features of whole images from a pre-trained
backbone:

    python infer.py --features true --pre_trained resnet18.ckpt --backbone resnet18 --infer_img_dir photos --eval_output_dir found
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from mindspore import nn

from src.checkpoint.detector_file import DetectorMetadata
from src.checkpoint.pretrained import load_pretrained
from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import ImageEntry, image_path
from src.data.checks.image_files import files_hash
from src.data.checks.left_out import FILE_NAME as LEFT_OUT_FILE
from src.data.checks.left_out import LeftOut, write_left_out
from src.data.classes import in_class_order
from src.data.formats.feature_file import FeatureRows, compact, write_features
from src.data.images import read_image
from src.data.provenance import made_from, side_file, write_side_file
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import set_up_device
from src.engine.inference.detect_images import detect_images
from src.engine.inference.images_to_detect import images_to_detect, labelled_images, read_training_annotations
from src.errors import UserError, entry_point
from src.evaluation.records import SHOWN_SCORE, Detections, inference_records
from src.exporting.runner import numpy_forward
from src.files import check_free, write_whole
from src.network_define import WithFeatures
from src.report.drawing import draw
from src.systems import build_image_features, build_network


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, write."""
    config = load_config(__doc__, argv, saved_settings)
    results = Path(config.eval_output_dir) / "infer_results.json"
    if config.checkpoint_path is None and config.features and config.pre_trained:
        write_image_features(features_file(results), config)
        return
    require(config, "checkpoint_path")
    left_out: list[LeftOut] = []
    images = images_to_detect(config, left_out)
    if config.leave_out_faulty:
        check_free(results.with_name(LEFT_OUT_FILE), config.overwrite)
    check_outputs(results, images, config)
    files = files_hash(sorted((entry.file_name, image_path(entry, config.train_img_dir or "")) for entry in images))
    labelled = labelled_images(config, images) if config.features else ()
    device = set_up_device(config)

    def restore(checkpoint: str) -> tuple[nn.Cell, DetectorMetadata]:
        return restore_detector(checkpoint, lambda count: build_network(config, count, device.mixed_precision))

    network, metadata = restore(config.checkpoint_path)
    second, second_metadata = restore(config.second_checkpoint) if config.second_checkpoint else (None, metadata)
    if second_metadata.class_names != metadata.class_names:
        raise UserError(f"second_checkpoint: {config.second_checkpoint} has other classes than checkpoint_path")
    if config.infer_img_dir is None:
        in_class_order(read_training_annotations(config), metadata.class_names, config.train_ann_file)
    settings = {key: getattr(config, key) for key in ("test_score_thr", "test_iou_thr", "test_max_per_img")}
    settings |= {"class_names": list(metadata.class_names)}

    def write_provenance(path: Path, checkpoint: str) -> None:
        origin = made_from("infer.py", inputs_of(checkpoint, config), settings)
        origin["inputs"]["images"] = {"name": f"{len(images)} images", "sha256": files}
        write_side_file(path, origin, config.overwrite)

    rows: list[FeatureRows] = []
    detector = numpy_forward(
        cached_detector(WithFeatures(network).set_train(False) if config.features else network, config)
    )
    found = detect_images(
        detector,
        images + labelled,
        config.train_img_dir,
        config,
        progress="detecting",
        has_features=config.features,
    )
    if config.features:
        found = collect_features(found, len(images), rows)
    write_results(results, found, metadata.class_names, config, config.draw_pics)
    write_provenance(results, config.checkpoint_path)
    if config.features:
        write_features(features_file(results), rows, config.overwrite)
        write_provenance(features_file(results), config.checkpoint_path)
    if second:
        found = detect_images(
            numpy_forward(cached_detector(second, config)),
            images,
            config.train_img_dir,
            config,
            progress="second detector",
        )
        write_results(second_results(results), found, metadata.class_names, config, False)
        write_provenance(second_results(results), config.second_checkpoint)
    for sentence in write_left_out(results.with_name(LEFT_OUT_FILE), left_out, config.overwrite):
        print(sentence)
    print(f"{len(images)} images, written: {', '.join(str(path) for path in outputs(results, config))}")


def write_image_features(path: Path, config: Config) -> None:
    """Write features of whole images, computed by the backbone of --pre_trained."""
    images = images_to_detect(config)
    images += labelled_images(config, images)
    for output in (path, side_file(path)):
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
    print(f"{len(images)} images, written: {path}")


def features_file(results: Path) -> Path:
    """Path of the features of detections."""
    return results.with_name("infer_features.npz")


def second_results(results: Path) -> Path:
    """Path of the detections of the second detector."""
    return results.with_name("infer_results_second.json")


def outputs(results: Path, config: Config) -> list[Path]:
    """Paths of the output files, except pictures and provenance."""
    optional = ((config.features, features_file), (config.second_checkpoint, second_results))
    return [results, *(path_of(results) for wanted, path_of in optional if wanted)]


def inputs_of(checkpoint: str, config: Config) -> dict[str, str]:
    """The input files of the detections of a checkpoint, except the images, by option."""
    inputs = {"checkpoint_path": checkpoint}
    if config.infer_img_dir is None and Path(config.train_ann_file).is_file():  # a folder of XML files has no hash
        inputs["train_ann_file"] = config.train_ann_file
    return inputs


def collect_features(
    found: Iterable[tuple[ImageEntry, Detections]], count: int, rows: list[FeatureRows]
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Yield the first ``count`` images of ``found``, and append the features of all images to ``rows``."""
    for number, (entry, detections) in enumerate(found):
        rows.append((entry.file_name, detections.labels - 1, detections.scores, compact(detections.features)))
        if number < count:
            yield entry, detections


def check_outputs(results: Path, images: tuple[ImageEntry, ...], config: Config) -> None:
    """Raise a UserError if output files exist, also of an interrupted run, and may not be overwritten."""
    paths = [path for output in outputs(results, config) for path in (output, side_file(output))]
    if config.draw_pics:
        paths += [picture_path(results, entry) for entry in images]
    existing = [path for path in paths if path.exists()]
    if existing and not config.overwrite:
        raise UserError(
            f"{results.parent}: {len(existing)} of the {len(paths)} output files exist already, such as {existing[0]}; "
            "pass --overwrite to replace them, or choose another --eval_output_dir"
        )
    for path in existing:
        check_free(path, config.overwrite)


def write_results(
    results: Path,
    found: Iterable[tuple[ImageEntry, Detections]],
    class_names: list[str],
    config: Config,
    draw_pictures: bool,
) -> None:
    """Write the detections, and pictures if requested, image by image: those of 100,000 images do not fit into
    memory."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write("{")
            for number, (entry, detections) in enumerate(found):
                rows = json.dumps(inference_records(entry, detections), ensure_ascii=False)
                file.write(f"{',' if number else ''}\n{json.dumps(entry.file_name, ensure_ascii=False)}: {rows}")
                if draw_pictures:
                    picture = picture_of(entry, detections, class_names, config.train_img_dir)
                    write_picture(picture_path(results, entry), picture, config.overwrite)
            file.write("\n}\n")

    write_whole(results, write, config.overwrite)


def picture_path(results: Path, entry: ImageEntry) -> Path:
    """Path of the picture of an image; it keeps the suffix, because a.png and a.jpg may both exist."""
    return results.with_name("pictures") / f"{entry.file_name}_infer.jpg"


def picture_of(entry: ImageEntry, found: Detections, class_names: list[str], img_dir: str | None) -> np.ndarray:
    """The image with its detections of at least SHOWN_SCORE drawn: uint8 [H, W, 3], RGB."""
    image = read_image(image_path(entry, img_dir))
    shown = found.scores >= SHOWN_SCORE
    masks = None if found.masks is None else ((), [found.masks[row] for row in np.flatnonzero(shown)])
    boxes, labels, scores = found.boxes[shown], found.labels[shown], found.scores[shown]
    return draw(image, boxes, labels, scores, class_names, masks=masks)


def write_picture(path: Path, picture: np.ndarray, overwrite: bool) -> None:
    """Write an RGB picture as JPEG."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1])
    write_whole(path, lambda temporary: temporary.write_bytes(data.tobytes()), overwrite)


if __name__ == "__main__":
    main()
