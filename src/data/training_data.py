"""All images of a training run: labelled, unlabelled, and those to evaluate on; checked together before anything is built."""

from dataclasses import dataclass
from pathlib import Path

from src.data.annotations import Annotations, ImageEntry, check_images, read_annotations, unlabelled_folder
from src.data.dataset import check_counts
from src.errors import UserError


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
        UserError, DataError: a file or folder is missing or broken, there is no labelled object, an image has more objects
            than `max_gts`, or the two files have other classes.
    """
    annotations = read_annotations(ann_file)
    check_images(annotations, img_dir)
    if not annotations.labelled:
        raise UserError(f"train_ann_file: {ann_file} has no labelled image; training needs at least one")
    if not any(len(entry.boxes) for entry in annotations.labelled):
        raise UserError(f"train_ann_file: no labelled image of {ann_file} has an object; there is nothing to learn")
    check_counts(annotations.labelled, max_gts)
    unlabelled = annotations.unlabelled
    if unlabelled_img_dir:
        first_id = max(entry.image_id for entry in annotations.images) + 1
        unlabelled = unlabelled + unlabelled_folder(unlabelled_img_dir, first_id)
    evaluation = None
    if eval_ann_file:
        evaluation = read_annotations(eval_ann_file)
        check_images(evaluation, eval_img_dir)
        if evaluation.class_names != annotations.class_names:
            raise UserError(
                f"eval_ann_file: its classes are {', '.join(evaluation.class_names)}, those of train_ann_file are "
                f"{', '.join(annotations.class_names)}; use one list of categories in one order for both"
            )
    return TrainingData(annotations, annotations.labelled, unlabelled, evaluation)
