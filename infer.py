"""Detect objects in images: those of a folder, or the unlabelled ones of an annotation file.

    python infer.py --checkpoint_path outputs/best_model.ckpt --infer_img_dir photos --eval_output_dir found
    python infer.py --checkpoint_path outputs/best_model.ckpt --train_img_dir train/images --train_ann_file train_25.json \\
        --eval_output_dir found

Written is infer_results.json: for each image name (sub-folders included) a list of detections, best first; beside it,
infer_results.made_from.json says what it was made from. With
--unlabelled_img_dir the images of that folder join the unlabelled ones. With --draw_pics true pictures are drawn into
pictures/. A run that was stopped starts anew with --overwrite.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mindspore import nn
from tqdm import tqdm

from src.checkpoint.restore import numpy_forward, restore_detector, saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import Annotations, ImageEntry, image_path, unlabelled_folder
from src.data.checks.image_files import files_hash
from src.data.classes import in_class_order
from src.data.dataset import evaluation_batches
from src.data.formats.reading import read_data
from src.data.images import read_image
from src.data.provenance import made_from, side_file, write_side_file
from src.engine.device import set_up_device
from src.errors import DataError, UserError, entry_point
from src.evaluation.masks import Pasting
from src.evaluation.records import SHOWN_SCORE, Detections, detect, inference_records
from src.files import check_free, write_whole
from src.report.drawing import draw
from src.systems import build_network


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, write."""
    config = load_config(__doc__, argv, saved_settings)
    require(config, "checkpoint_path")
    entries = find_images(config)
    folder = Path(config.eval_output_dir)
    check_outputs(folder, entries, config)
    places = ((entry.file_name, image_path(entry, config.train_img_dir or "")) for entry in entries)
    files = files_hash(sorted(places))
    device = set_up_device(config.device_target, config.device_id, False, config.mixed_precision, config.global_seed)
    network, metadata = restore_detector(
        config.checkpoint_path, lambda class_count: build_network(config, class_count, device.mixed_precision)
    )
    if config.infer_img_dir is None:
        in_class_order(read_annotations(config), metadata.class_names, config.train_ann_file)

    def write(path: Path) -> None:
        # One image at a time: the detections of 100,000 images do not fit into memory.
        with path.open("w", encoding="utf-8") as file:
            file.write("{")
            for number, (entry, detections) in enumerate(find_objects(network, config, entries)):
                rows = json.dumps(inference_records(entry, detections), ensure_ascii=False)
                file.write(f"{',' if number else ''}\n{json.dumps(entry.file_name, ensure_ascii=False)}: {rows}")
                if config.draw_pics:
                    write_picture(folder, entry, detections, config, metadata.class_names)
            file.write("\n}\n")

    results = folder / "infer_results.json"
    write_whole(results, write, config.overwrite)
    inputs = {"checkpoint_path": config.checkpoint_path}
    if config.infer_img_dir is None and Path(config.train_ann_file).is_file():  # XML files lie in a folder
        inputs["train_ann_file"] = config.train_ann_file
    settings = {key: getattr(config, key) for key in ("test_score_thr", "test_iou_thr", "test_max_per_img")}
    origin = made_from("infer.py", inputs, settings)
    origin["inputs"]["images"] = {"name": f"{len(entries)} images", "sha256": files}
    write_side_file(results, origin, config.overwrite)
    print(f"{len(entries)} images, written: {results}")


def find_images(config: Config) -> tuple[ImageEntry, ...]:
    """The images to look at, checked to be there and to have a name of their own.

    Raises:
        UserError: no images, missing images, or two of one name.
    """
    if config.infer_img_dir is not None:
        return unlabelled_folder(config.infer_img_dir, first_id=1)
    if config.train_ann_file is None:
        raise UserError("missing: --infer_img_dir, or --train_ann_file and --train_img_dir")
    require(config, "train_img_dir")
    images = read_annotations(config).images
    entries = tuple(entry for entry in images if not entry.labelled)
    if config.unlabelled_img_dir is not None:
        first_id = max((entry.image_id for entry in images), default=0) + 1
        entries += unlabelled_folder(config.unlabelled_img_dir, first_id)
    if not entries:
        raise UserError(f"{config.train_ann_file} has no unlabelled images; pass a folder of images as --infer_img_dir")
    missing = [str(path) for entry in entries if not (path := image_path(entry, config.train_img_dir)).is_file()]
    if missing:
        raise DataError(config.train_ann_file, [f"{path}: no such image file" for path in missing])
    twice = [name for name, count in Counter(entry.file_name for entry in entries).items() if count > 1]
    if twice:
        title = f"images of one name in {config.train_ann_file} and {config.unlabelled_img_dir}; rename one of each"
        raise DataError(title, twice)
    return entries


def read_annotations(config: Config) -> Annotations:
    """The images whose unlabelled ones are looked at, and their classes."""
    return read_data(config.train_ann_file, config.train_img_dir, config.class_names)


def check_outputs(folder: Path, entries: tuple[ImageEntry, ...], config: Config) -> None:
    """Raise a UserError if output files exist, also those of a run that was stopped, and may not be overwritten."""
    paths = [folder / "infer_results.json", side_file(folder / "infer_results.json")]
    if config.draw_pics:
        paths += [picture_path(folder, entry) for entry in entries]
    taken = [path for path in paths if path.exists()]
    if taken and not config.overwrite:
        raise UserError(
            f"{folder}: {len(taken)} of the {len(paths)} files to write are there already, such as {taken[0]}; "
            "pass --overwrite to replace them, or choose another --eval_output_dir"
        )
    for path in taken:
        check_free(path, config.overwrite)


def find_objects(
    network: nn.Cell, config: Config, entries: tuple[ImageEntry, ...]
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Each image with what was found in it."""
    batches = evaluation_batches(entries, config.train_img_dir, config)

    # The first batch compiles the network; on a terminal a bar shows that something happens.
    found = detect(numpy_forward(network), batches, Pasting(config.mask_thr_binary, config.mask_pasting))
    yield from tqdm(found, "detecting", len(entries), unit="image", disable=None)


def picture_path(folder: Path, entry: ImageEntry) -> Path:
    """Where the picture of an image goes; the whole name is kept, since a.png and a.jpg may both be there."""
    return folder / "pictures" / f"{entry.file_name}_infer.jpg"


def write_picture(folder: Path, entry: ImageEntry, found: Detections, config: Config, class_names: list[str]) -> None:
    """Draw the detections that are more likely right than wrong."""
    image = read_image(image_path(entry, config.train_img_dir))
    shown = found.scores >= SHOWN_SCORE
    masks = None if found.masks is None else ((), [found.masks[row] for row in np.flatnonzero(shown)])
    picture = draw(image, found.boxes[shown], found.labels[shown], found.scores[shown], class_names, masks=masks)
    _, data = cv2.imencode(".jpg", picture[..., ::-1])
    write_whole(picture_path(folder, entry), lambda path: path.write_bytes(data.tobytes()), config.overwrite)


if __name__ == "__main__":
    main()
