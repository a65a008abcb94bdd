"""All images of a training run: labelled, unlabelled, and those to evaluate on; checked together before anything is built."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src.data.annotations import (
    Annotations,
    ImageEntry,
    check_images,
    image_path,
    read_annotations,
    unlabelled_folder,
)
from src.data.dataset import check_counts
from src.errors import DataError, Faults, UserError


@dataclass(frozen=True)
class TrainingData:
    """Images of a run.

    Attributes:
        annotations: the training file, for its classes.
        labelled, unlabelled: the two streams; `unlabelled` may be empty.
        evaluation: None when there is nothing to evaluate on.
    """

    annotations: Annotations
    labelled: tuple[ImageEntry, ...]
    unlabelled: tuple[ImageEntry, ...]
    evaluation: Annotations | None


def read_training_data(
    ann_file: str | Path,
    img_dir: str | Path,
    unlabelled_img_dir: str | Path | None,
    eval_ann_file: str | Path | None,
    eval_img_dir: str | Path | None,
    max_gts: int,
) -> TrainingData:
    """Read the annotation files and folders of a run.

    Args:
        ann_file: COCO JSON of the images in `img_dir`, labelled and unlabelled ones.
        unlabelled_img_dir: folder of further unlabelled images.
        eval_ann_file, eval_img_dir: evaluation images.
        max_gts: most objects a labelled image may have.

    Raises:
        UserError: with all that is wrong: a file, folder or image is missing or broken, there is no labelled object, an
            image has more objects than `max_gts`, the two files have other classes, or the folder holds images of theirs.
    """
    faults = Faults()
    annotations = faults.attempt(read_annotations, ann_file)
    evaluation = faults.attempt(read_annotations, eval_ann_file) if eval_ann_file else None
    unlabelled = faults.attempt(unlabelled_folder, unlabelled_img_dir, 1) if unlabelled_img_dir else None
    if annotations:
        faults.attempt(check_images, annotations, img_dir)
        faults.attempt(check_labels, annotations, ann_file)
        faults.attempt(check_counts, annotations.labelled, max_gts)
    if evaluation:
        faults.attempt(check_images, evaluation, eval_img_dir)
    if annotations and evaluation:
        faults.attempt(check_classes, annotations, evaluation)
    for known, folder, name in ((annotations, img_dir, "train_ann_file"), (evaluation, eval_img_dir, "eval_ann_file")):
        if known and unlabelled:
            faults.attempt(check_apart, unlabelled, known, folder, name)
    faults.report()
    first_id = max(entry.image_id for entry in annotations.images) + 1
    more = tuple(replace(entry, image_id=first_id + number) for number, entry in enumerate(unlabelled or ()))
    return TrainingData(annotations, annotations.labelled, annotations.unlabelled + more, evaluation)


def check_labels(annotations: Annotations, ann_file: str | Path) -> None:
    """Raise a UserError unless there is a labelled object to learn from."""
    if not annotations.labelled:
        raise UserError(f"train_ann_file: {ann_file} has no labelled image; training needs at least one")
    if not any(len(entry.boxes) for entry in annotations.labelled):
        raise UserError(f"train_ann_file: no labelled image of {ann_file} has an object; there is nothing to learn")


def check_classes(annotations: Annotations, evaluation: Annotations) -> None:
    """Raise a UserError if training and evaluation have other classes, or the same in another order."""
    if evaluation.class_names != annotations.class_names:
        raise UserError(
            f"eval_ann_file: its classes are {', '.join(evaluation.class_names)}, those of train_ann_file are "
            f"{', '.join(annotations.class_names)}; use one list of categories in one order for both"
        )


def check_apart(unlabelled: Sequence[ImageEntry], known: Annotations, img_dir: str | Path, name: str) -> None:
    """Raise a DataError if files of the plain folder are images of an annotation file too."""
    told = {image_path(entry, img_dir).resolve() for entry in known.images}
    paths = (image_path(entry, "") for entry in unlabelled)
    faults = [f"{path}: is an image of {name} too" for path in paths if path.resolve() in told]
    if faults:
        raise DataError("unlabelled_img_dir, which must hold other images only", faults)
