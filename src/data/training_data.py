"""The data of a training run: labelled, unlabelled and evaluation images, read and checked before a network is built."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from src.data.annotations import Annotations, ImageEntry, count_boxes, image_path, missing_objects, unlabelled_folder
from src.data.checks.changed_inputs import changed_inputs
from src.data.checks.consistency import check_labelled, check_labels
from src.data.checks.files.copies import check_apart, find_in_both, shared_images, without_copies
from src.data.checks.files.few_bits import few_bits
from src.data.checks.image_files import ImageCheck, check_header, check_images, without_broken
from src.data.checks.left_out import LeftOut
from src.data.checks.suspicious_labels import suspicions
from src.data.class_shares import boxes_by_class, other_order
from src.data.classes import in_class_order
from src.data.dataset import Stored, check_counts
from src.data.formats.coco_annotations import from_coco, images_despite_faults, read_annotations, with_real_sizes
from src.data.formats.reading import is_coco, read_as_coco, read_data
from src.data.formats.tools.tool_data import images_despite_faults as tool_images_despite_faults
from src.data.formats.tools.tool_place import tool_place
from src.data.formats.voc_folder import images_despite_faults as voc_images_despite_faults
from src.data.formats.voc_folder import voc_place
from src.data.image_listing import passed_over
from src.errors import Faults, UserError
from src.wording import counted


@dataclass(frozen=True)
class Sources:
    """The files and folders of a run's data.

    Attributes:
        ann_file: annotations of the images in `img_dir`, labelled and unlabelled ones, in any form of ``read_data``.
        unlabelled_img_dir: folder of further unlabelled images, or None.
        eval_ann_file, eval_img_dir: evaluation images, or None.
        max_gts: most objects a labelled image may have; None: any number.
        class_names: classes in the order of their labels, see ``read_data``; empty: those of `ann_file`.
        masks: whether the detector has masks, so that outlines are read and every labelled object must have one.
        faulty_at_most: what cannot be used is left out, up to so many percent of the images and of the boxes; None: it is a fault.
    """

    ann_file: str | Path
    img_dir: str | Path
    unlabelled_img_dir: str | Path | None = None
    eval_ann_file: str | Path | None = None
    eval_img_dir: str | Path | None = None
    max_gts: int | None = None
    class_names: Sequence[str] = ()
    masks: bool = False
    faulty_at_most: float | None = None


@dataclass(frozen=True)
class TrainingData:
    """Images of a run.

    Attributes:
        annotations: the training file, for its classes.
        labelled, unlabelled: the two streams; `unlabelled` may be empty.
        evaluation: None when there is nothing to evaluate on.
        held_out: labelled images that count as unlabelled in training; pseudo-labels are measured on them.
        suspicions: one sentence per finding that is valid but usually a mistake.
        left_out: what was left out of the training images, the folder of unlabelled ones, and the evaluation images.
        stored, stored_evaluation: caches of the image files, see ``src.data.dataset``.
    """

    annotations: Annotations
    labelled: tuple[ImageEntry, ...]
    unlabelled: tuple[ImageEntry, ...]
    evaluation: Annotations | None
    suspicions: tuple[str, ...] = ()
    held_out: tuple[ImageEntry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    stored: Stored | None = None
    stored_evaluation: Stored | None = None


def read_training_data(sources: Sources) -> TrainingData:
    """Read the annotation files and folders of a run.

    Raises:
        UserError: with all faults: a file, folder or image is missing or broken, there is no labelled object, an
            image has more objects than `max_gts`, a class of the evaluation images is not a training class, or
            the unlabelled folder holds evaluation images or copies of them.
    """
    data, faults = examine(sources)
    faults.report()
    return data


def examine(sources: Sources, check: ImageCheck = check_header) -> tuple[TrainingData | None, Faults]:
    """The data of a run, None if the annotation file cannot be read, and all faults.

    Args:
        check: the check of image files, see ``src.data.checks.image_files``.
    """
    faults, left_out = Faults(), []
    folder = sources.unlabelled_img_dir
    annotations = _read(sources, sources.ann_file, (sources.img_dir, folder), check, faults, left_out)
    evaluation = None
    if sources.eval_ann_file and sources.eval_img_dir is None:
        faults.errors.append(
            UserError(f"eval_img_dir: missing; give the folder of the images of {sources.eval_ann_file}")
        )
    elif sources.eval_ann_file:
        evaluation = _read(sources, sources.eval_ann_file, (sources.eval_img_dir, None), check, faults, left_out)
    unlabelled = _read_folder(sources, faults, left_out) if folder else None
    if annotations:
        faults.attempt(check_labels, annotations, sources.ann_file)
        if sources.max_gts is not None:
            faults.attempt(check_counts, annotations.labelled, sources.max_gts)
    if evaluation:
        faults.attempt(check_labelled, evaluation)
    if annotations and evaluation:
        names = annotations.class_names
        evaluation = faults.attempt(in_class_order, evaluation, names, sources.eval_ann_file) or evaluation
    if evaluation and unlabelled:
        faults.attempt(check_apart, unlabelled, evaluation, sources.eval_img_dir)
    if annotations is None:
        return None, faults
    unlabelled, twice = without_copies(unlabelled or (), annotations, sources.img_dir)
    first_id = max((entry.image_id for entry in annotations.images), default=0) + 1
    more = tuple(replace(entry, image_id=first_id + number) for number, entry in enumerate(unlabelled))
    doubts = twice + suspicions(annotations) + (passed_over(folder) if folder else [])
    doubts += few_bits([image_path(entry, sources.img_dir) for entry in (*annotations.images, *more)])
    doubts += _evaluation_suspicions(annotations, evaluation, sources)
    for path in (sources.ann_file, *([sources.eval_ann_file] if evaluation else [])):
        if Path(path).suffix == ".json" or Path(path).is_dir():
            doubts += changed_inputs(path)
    data = TrainingData(
        annotations,
        annotations.labelled,
        annotations.unlabelled + more,
        evaluation,
        tuple(doubts),
        left_out=tuple(left_out),
    )
    return data, faults


def _read(
    sources: Sources,
    path: str | Path,
    folders: tuple[str | Path, str | Path | None],
    check: ImageCheck,
    faults: Faults,
    left_out: list[LeftOut],
) -> Annotations | None:
    """An annotation file and its image files, which lie in one of two folders, without what is left out; None if it cannot be read."""
    if sources.faulty_at_most is None:
        return read_with_images(path, folders, sources.class_names, sources.masks, check, faults)
    one = LeftOut(str(path), sources.faulty_at_most)
    annotations = faults.attempt(read_usable, path, folders, sources.class_names, sources.masks, one)
    left_out.append(one)
    return annotations


def read_with_images(
    path: str | Path,
    folders: tuple[str | Path, str | Path | None],
    class_names: Sequence[str],
    masks: bool,
    check: ImageCheck,
    faults: Faults,
) -> Annotations | None:
    """An annotation file, of images in the first folder or else in the second; None if it cannot be read.

    Args:
        faults: takes all faults, of the annotations and of the image files: the ones must not hide the others, or fixing them would
            take one start more.
    """
    own, sizes, img_dir = Faults(), Faults(), folders[0]
    annotations = own.attempt(read_data, path, img_dir, class_names, masks, None, folders[1])
    placed = find_in_both(annotations or _despite_faults(Path(path), Path(img_dir), class_names), *folders)
    sizes.attempt(check_images, placed, img_dir, check)
    if own.errors and sizes.errors and is_coco(path):  # boxes are not to be blamed for wrong sizes of their images
        own = Faults()
        own.attempt(read_annotations, path, masks, partial(with_real_sizes, img_dir=Path(img_dir)))
    own.add_new(sizes.errors)
    faults.errors += own.errors
    return placed if annotations else None


def _despite_faults(path: Path, img_dir: Path, class_names: Sequence[str]) -> Annotations:
    """The images of annotations with faults, as far as they are known."""
    if is_coco(path):
        return images_despite_faults(path)
    with contextlib.suppress(UserError):
        if tool := tool_place(path):
            return tool_images_despite_faults(tool, img_dir)
        if place := voc_place(path):
            return voc_images_despite_faults(place, img_dir)
        if path.suffix.lower() == ".txt":
            return read_data(path, img_dir, class_names, left_out=LeftOut(""))
    return Annotations((), (), ())


def read_usable(
    path: str | Path,
    folders: tuple[str | Path, str | Path | None],
    class_names: Sequence[str],
    masks: bool,
    left_out: LeftOut,
) -> Annotations:
    """An annotation file, of images in the first folder or else in the second, without the images and boxes that cannot be used, every image file being decoded.

    Raises:
        UserError: more cannot be used than `left_out` allows, or the file cannot be read at all.
    """
    annotations = read_data(path, folders[0], class_names, masks, left_out, folders[1])
    annotations = without_broken(find_in_both(annotations, *folders), folders[0], left_out)
    left_out.check(len(annotations.images), sum(count_boxes(annotations.images)))
    return annotations


def usable_coco(
    path: str | Path,
    img_dir: str | Path | None,
    class_names: Sequence[str],
    left_out: LeftOut,
    unlabelled_img_dir: str | Path | None = None,
) -> dict[str, Any]:
    """As ``read_as_coco``, without the images and boxes that cannot be used; image files are decoded where their folder is given.

    Raises:
        UserError: as ``read_usable``.
    """
    coco = read_as_coco(path, img_dir, class_names, left_out, unlabelled_img_dir)
    if img_dir is not None:
        kept = {entry.image_id for entry in without_broken(from_coco(coco), img_dir, left_out).images}
        images = [image for image in coco["images"] if image["id"] in kept]
        coco |= {"images": images, "annotations": [row for row in coco["annotations"] if row["image_id"] in kept]}
    left_out.check(len(coco["images"]), len(coco["annotations"]))
    return coco


def _read_folder(sources: Sources, faults: Faults, left_out: list[LeftOut]) -> tuple[ImageEntry, ...] | None:
    """The images of the folder of unlabelled ones."""
    folder = sources.unlabelled_img_dir
    if sources.faulty_at_most is None:
        return faults.attempt(unlabelled_folder, folder, 1)
    one = LeftOut(str(folder), sources.faulty_at_most)
    left_out.append(one)
    return faults.attempt(usable_folder, folder, 1, one)


def usable_folder(folder: str | Path, first_id: int, left_out: LeftOut) -> tuple[ImageEntry, ...]:
    """The images of a folder that can be decoded, as ``unlabelled_folder``.

    Raises:
        UserError: more cannot be decoded than `left_out` allows.
    """
    entries = without_broken(
        Annotations((), (), unlabelled_folder(folder, first_id, left_out)), folder, left_out
    ).images
    left_out.check(len(entries), 0)
    return entries


def _evaluation_suspicions(annotations: Annotations, evaluation: Annotations | None, sources: Sources) -> list[str]:
    """Suspicious findings in the evaluation set, and in the two sets together."""
    if evaluation is None:
        return []
    paths = [image_path(entry, sources.eval_img_dir) for entry in evaluation.images]
    names = annotations.class_names
    counts = boxes_by_class(annotations.labelled, len(names))
    trained = [name for name, count in zip(names, counts, strict=True) if count]
    doubts = [*suspicions(evaluation, trained), *few_bits(paths)]
    if names == evaluation.class_names:
        doubts += other_order(names, counts, boxes_by_class(evaluation.labelled, len(names)))
    found = [f"evaluation set: {sentence}" for sentence in doubts]
    if reason := missing_objects(evaluation):
        found.append(
            f"evaluation set: AP cannot be measured, so no best checkpoint can be chosen: {reason}; evaluate on "
            "images with labelled objects"
        )
    if shared := shared_images(annotations, sources.img_dir, evaluation, sources.eval_img_dir):
        found.append(
            f"{counted(len(shared), 'training image', 'are')} among the {len(evaluation.images)} evaluation images, themselves or as "
            f"copies, such as {shared[0]}; AP on them does not measure generalisation: remove them from one of the two files"
        )
    return found
