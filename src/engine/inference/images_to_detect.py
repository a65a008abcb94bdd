"""The input images of infer.py: those of a folder, or the unlabelled ones of an annotation file."""

from collections import Counter
from collections.abc import Sequence

from src.config.load import Config, require
from src.data.annotations import Annotations, ImageEntry, image_path, unlabelled_folder
from src.data.checks.files.copies import find_in_both, without_copies
from src.data.checks.image_files import files_hash
from src.data.checks.left_out import LeftOut
from src.data.formats.reading import read_data
from src.data.training_data import read_usable, usable_folder
from src.errors import DataError, UserError
from src.wording import counted


def images_to_detect(
    config: Config, left_out: list[LeftOut] | None = None, unreadable: dict[str, str] | None = None
) -> tuple[ImageEntry, ...]:
    """The images to run the detector on, after checking that they exist and have different names.

    Args:
        left_out: gets what leave_out_faulty leaves out.
        unreadable: gets the reason of each image of a folder whose header is broken, by name; None: they are refused.

    Raises:
        UserError: there are no images, image files are missing, or two images have the same name.
    """
    if config.infer_img_dir is not None:
        entries = _read_folder(config, config.infer_img_dir, 1, left_out, unreadable)
        _tell_copies(entries)
        return entries
    if config.train_ann_file is None:
        raise UserError("missing: --infer_img_dir, or --train_ann_file and --train_img_dir")
    require(config, "train_img_dir")
    annotations = read_training_annotations(config, left_out)
    images = annotations.images
    entries = tuple(entry for entry in images if not entry.labelled)
    if config.unlabelled_img_dir is not None:
        first_id = max((entry.image_id for entry in images), default=0) + 1
        more = _read_folder(config, config.unlabelled_img_dir, first_id, left_out, unreadable)
        more, twice = without_copies(more, annotations, config.train_img_dir)
        print("\n".join(twice), end="\n" if twice else "")
        entries += more
    if not entries:
        raise UserError(f"{config.train_ann_file} has no unlabelled images; pass a folder of images as --infer_img_dir")
    _check_existence(entries, config)
    duplicates = [name for name, count in Counter(entry.file_name for entry in entries).items() if count > 1]
    if duplicates:
        title = f"different images of one name in {config.train_ann_file} and {config.unlabelled_img_dir}; rename one of each"
        raise DataError(title, duplicates)
    return entries


def labelled_images(config: Config, others: tuple[ImageEntry, ...]) -> tuple[ImageEntry, ...]:
    """The labelled images of the annotation file, except those with a name in ``others``; empty if a folder is given.

    Raises:
        DataError: image files are missing.
    """
    if config.infer_img_dir is not None:
        return ()
    names = {entry.file_name for entry in others}
    entries = tuple(entry for entry in read_training_annotations(config).labelled if entry.file_name not in names)
    _check_existence(entries, config)
    return entries


def hash_of_images(config: Config, images: Sequence[ImageEntry]) -> str:
    """A hash of the files of images, whatever their order; see `files_hash`."""
    return files_hash(sorted((entry.file_name, image_path(entry, config.train_img_dir or "")) for entry in images))


def _tell_copies(entries: Sequence[ImageEntry]) -> None:
    """Say which images of a folder have the bytes of another one: each name gets its detections, and a pick holds one of them."""
    single, _ = without_copies(entries, Annotations((), (), ()), "")
    if copies := sorted({entry.file_name for entry in entries} - {entry.file_name for entry in single}):
        print(
            f"suspicious: {counted(len(copies), 'image', 'are')} in the folder under another name as well, such as {copies[0]}; each name "
            "gets its detections, and pick_select.py, if it is given the folder, picks one of them"
        )


def _check_existence(entries: tuple[ImageEntry, ...], config: Config) -> None:
    missing = [str(path) for entry in entries if not (path := image_path(entry, config.train_img_dir)).is_file()]
    if missing:
        raise DataError(config.train_ann_file, [f"{path}: no such image file" for path in missing])


def read_training_annotations(config: Config, left_out: list[LeftOut] | None = None) -> Annotations:
    """The annotations of the training images; ``left_out`` as in ``images_to_detect``."""
    folders = (config.train_img_dir, config.unlabelled_img_dir)
    if not config.leave_out_faulty:
        return find_in_both(
            read_data(config.train_ann_file, folders[0], config.class_names, unlabelled_img_dir=folders[1]), *folders
        )
    one = _new(config, config.train_ann_file, left_out)
    return read_usable(config.train_ann_file, folders, config.class_names, False, one)


def _read_folder(
    config: Config, folder: str, first_id: int, left_out: list[LeftOut] | None, unreadable: dict[str, str] | None
) -> tuple[ImageEntry, ...]:
    if not config.leave_out_faulty:
        broken = None if unreadable is None else LeftOut(folder)
        entries = unlabelled_folder(folder, first_id, broken)
        if broken is not None:
            unreadable |= {row["image"]: row["reason"] for row in broken.images}
        return entries
    return usable_folder(folder, first_id, _new(config, folder, left_out))


def _new(config: Config, source: str, left_out: list[LeftOut] | None) -> LeftOut:
    one = LeftOut(source, config.faulty_at_most)
    if left_out is not None:
        left_out.append(one)
    return one
