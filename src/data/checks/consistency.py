"""Checks of a training run's data sets together: labelled objects, known labels."""

from pathlib import Path

from src.data.annotations import Annotations, missing_objects
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
