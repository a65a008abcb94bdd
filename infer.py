"""Detect objects in the images of a folder, or in the unlabelled images of an annotation file.

    python infer.py --checkpoint_path outputs/best_model.ckpt --infer_img_dir photos --eval_output_dir found
    python infer.py --checkpoint_path outputs/best_model.ckpt --train_img_dir train/images --train_ann_file train_25.json \\
        --eval_output_dir found
    python infer.py --model exported/faces.onnx --infer_img_dir photos --eval_output_dir found

It writes infer_results.json, a list of detections by image name (with sub-folder), highest score first, and
infer_results.made_from.json, its inputs and settings. With --unlabelled_img_dir the images of that folder are added to
the unlabelled ones. With --draw_pics true detections are drawn into pictures/. With --leave_out_faulty images that
cannot be decoded are left out and listed in left_out.json; without it they are passed over, listed in not_read.json, and
the exit status is 1. A run that was stopped continues when the same command is started again. Several processes share the
images: msrun --worker_num=4 --local_worker_num=4 infer.py --run_distribute true ...

An exported model (.mindir or .onnx, exported with --probabilities true) detects the same as its checkpoint, on the CPU.

With --features true it also writes infer_features.npz, features of the detections in unlabelled and labelled images,
for the strategies ppal and coverage of sorted_values.py. With --second_checkpoint it also writes
infer_results_second.json, the detections of a second detector such as the student, for the strategy disagreement.

Before a detector is trained, for the first pick by coverage, it writes features of whole images from a pre-trained
backbone:

    python infer.py --features true --pre_trained resnet18.ckpt --backbone resnet18 --infer_img_dir photos --eval_output_dir found
"""

from dataclasses import replace

from src.checkpoint.restore import saved_settings
from src.config.load import load_config, require
from src.data.annotations import ImageEntry, image_path
from src.data.checks.left_out import FILE_NAME as LEFT_OUT_FILE
from src.data.checks.left_out import LeftOut, write_left_out
from src.data.formats.feature_file import FeatureRows, write_features
from src.data.image_listing import passed_over
from src.engine.device import set_up_device
from src.engine.inference.detection_pool import NOT_READ, Pool
from src.engine.inference.detectors import open_detectors
from src.engine.inference.exported_model import for_inference
from src.engine.inference.features import collect_features, write_image_features
from src.engine.inference.images_to_detect import hash_of_images, images_to_detect, labelled_images
from src.engine.inference.output_files import OutputFiles
from src.errors import entry_point
from src.evaluation.records import Detections
from src.files import check_free
from src.report.detection_pictures import picture_of, picture_path, write_picture
from src.wording import counted


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, write."""
    # 1. Settings.
    config = load_config(__doc__, argv, saved_settings)
    outputs = OutputFiles(config)
    if config.checkpoint_path is None and config.features and config.pre_trained:
        write_image_features(outputs.features, config)
        return
    if config.model is not None:
        config = for_inference(config)
    else:
        require(config, "checkpoint_path")
    # 2. Images, and what is there of a run that was stopped.
    left_out: list[LeftOut] = []
    unreadable: dict[str, str] = {}
    images = images_to_detect(config, left_out, unreadable)
    folder = config.infer_img_dir or config.unlabelled_img_dir
    for sentence in passed_over(folder) if folder else []:
        print(f"suspicious: {sentence}")
    labelled = labelled_images(config, images) if config.features else ()
    hashes = [hash_of_images(config, entries) for entries in (images, labelled)]
    pool = Pool(outputs.folder, config, images + labelled, hashes, unreadable)
    if pool.resumes():  # what is there is of this run
        config = replace(config, overwrite=True)
        outputs = OutputFiles(config)
    # 3. Every file that will be written, before anything is detected.
    if config.leave_out_faulty:
        check_free(outputs.folder / LEFT_OUT_FILE, config.overwrite)
    check_free(outputs.folder / NOT_READ, config.overwrite)
    pictures = [picture_path(outputs.pictures, entry) for entry in images if config.draw_pics]
    outputs.check(pictures)
    outputs.check_apart(pictures, [image_path(entry, config.train_img_dir or "") for entry in images + labelled])
    origin = {"name": f"{len(images)} images", "sha256": hashes[0]}
    # 4. Detectors.
    device = set_up_device(config, distribute=config.run_distribute)
    outputs.are_written = device.rank == 0
    outputs.remove_leftovers()
    detectors = open_detectors(config, device)

    def draw_picture(entry: ImageEntry, found: Detections) -> None:
        picture = picture_of(entry, found, detectors.class_names, config.train_img_dir)
        write_picture(picture_path(outputs.pictures, entry), picture, config.overwrite)

    # 5. Detections, and features of them.
    rows: list[FeatureRows] = []
    found = pool.detect(
        "infer_results", detectors.first, images + labelled, device, progress="detecting", has_features=config.features
    )
    if config.features:
        found = collect_features(found, {entry.file_name for entry in images}, rows)
    outputs.write_detections(outputs.results, found, draw_picture if config.draw_pics else None)
    outputs.write_provenance(outputs.results, config.checkpoint_path, detectors.class_names, origin)
    if config.features and outputs.are_written:
        write_features(outputs.features, rows, config.overwrite)
        outputs.write_provenance(outputs.features, config.checkpoint_path, detectors.class_names, origin)
    if detectors.second:
        found = pool.detect("infer_results_second", detectors.second, images, device, progress="second detector")
        outputs.write_detections(outputs.second_results, found)
        outputs.write_provenance(outputs.second_results, config.second_checkpoint, detectors.class_names, origin)
    # 6. What was left out, and what was written.
    if outputs.are_written:
        for sentence in write_left_out(outputs.folder / LEFT_OUT_FILE, left_out, config.overwrite):
            print(sentence)
        print(
            f"{counted(pool.count_read(images), 'image')}, written: {', '.join(str(path) for path in outputs.wanted())}"
        )
    pool.finish(device, config.overwrite)


if __name__ == "__main__":
    main()
