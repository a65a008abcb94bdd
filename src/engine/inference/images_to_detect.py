"""The images that infer.py detects objects in: those of a folder, or the unlabelled ones of an annotation file."""

from collections import Counter

from src.config.load import Config, require
from src.data.annotations import Annotations, ImageEntry, image_path, unlabelled_folder
from src.data.formats.reading import read_data
from src.errors import DataError, UserError


def images_to_detect(config: Config) -> tuple[ImageEntry, ...]:
    """All images, checked to exist and to have different names.

    Raises:
        UserError: no images, missing images, or two of one name.
    """
    if config.infer_img_dir is not None:
        return unlabelled_folder(config.infer_img_dir, first_id=1)
    if config.train_ann_file is None:
        raise UserError("missing: --infer_img_dir, or --train_ann_file and --train_img_dir")
    require(config, "train_img_dir")
    images = read_training_annotations(config).images
    entries = tuple(entry for entry in images if not entry.labelled)
    if config.unlabelled_img_dir is not None:
        first_id = max((entry.image_id for entry in images), default=0) + 1
        entries += unlabelled_folder(config.unlabelled_img_dir, first_id)
    if not entries:
        raise UserError(f"{config.train_ann_file} has no unlabelled images; pass a folder of images as --infer_img_dir")
    _check_existence(entries, config)
    twice = [name for name, count in Counter(entry.file_name for entry in entries).items() if count > 1]
    if twice:
        title = f"images of one name in {config.train_ann_file} and {config.unlabelled_img_dir}; rename one of each"
        raise DataError(title, twice)
    return entries


def labelled_images(config: Config, others: tuple[ImageEntry, ...]) -> tuple[ImageEntry, ...]:
    """The labelled images of the annotation file, checked to exist, but for those with a name of ``others``; none for a folder.

    Raises:
        DataError: missing images.
    """
    if config.infer_img_dir is not None:
        return ()
    names = {entry.file_name for entry in others}
    entries = tuple(entry for entry in read_training_annotations(config).labelled if entry.file_name not in names)
    _check_existence(entries, config)
    return entries


def _check_existence(entries: tuple[ImageEntry, ...], config: Config) -> None:
    missing = [str(path) for entry in entries if not (path := image_path(entry, config.train_img_dir)).is_file()]
    if missing:
        raise DataError(config.train_ann_file, [f"{path}: no such image file" for path in missing])


def read_training_annotations(config: Config) -> Annotations:
    """The annotations whose unlabelled images are detected in."""
    return read_data(config.train_ann_file, config.train_img_dir, config.class_names)
