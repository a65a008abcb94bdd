"""Checks of a training run's data sets together: labelled objects, known labels, no image in two of them."""

from collections.abc import Sequence
from pathlib import Path

from src.data.annotations import Annotations, ImageEntry, image_path, missing_objects
from src.errors import DataError, UserError


def check_labels(annotations: Annotations, ann_file: str | Path) -> None:
    """Raise a UserError unless there is a labelled object to train on; crowds do not count."""
    if not annotations.labelled:
        raise UserError(
            f"train_ann_file: {ann_file} has no labelled image; training needs at least one: first_pick.py chooses "
            "the images to label first, and import_labels.py takes their labels"
        )
    if reason := missing_objects(annotations):
        raise UserError(f"train_ann_file: {ann_file}: there is nothing to train on: {reason}")


def check_labelled(annotations: Annotations) -> None:
    """Refuse data that cannot be evaluated on.

    Raises:
        UserError: there are no images.
        DataError: images whose labels are not known.
    """
    if not annotations.images:
        raise UserError("the evaluation file has no images")
    unlabelled = [entry.file_name for entry in annotations.images if not entry.labelled]
    if unlabelled:
        title = "the evaluation file has unlabelled images; remove them or evaluate on a fully labelled file"
        raise DataError(title, [f"{name}: unlabelled" for name in unlabelled])


def check_apart(unlabelled: Sequence[ImageEntry], known: Annotations, img_dir: str | Path, name: str) -> None:
    """Raise a DataError if files of the unlabelled folder are images of an annotation file too."""
    known_paths = {image_path(entry, img_dir).resolve() for entry in known.images}
    paths = (image_path(entry, "") for entry in unlabelled)
    faults = [f"{path}: is an image of {name} too" for path in paths if path.resolve() in known_paths]
    if faults:
        raise DataError("unlabelled_img_dir, which must hold other images only", faults)
