"""Compare the labels of a run's annotation file with those of the file that labels are taken from."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.formats.coco import read_coco_boxes
from src.data.formats.label_states import also_unlabelled_ids, is_blank, unlabelled_ids
from src.data.formats.reading import require_coco
from src.errors import DataError


@dataclass(frozen=True)
class LabelState:
    """Labelled and unlabelled images of a run's annotation file.

    Attributes:
        labelled, unlabelled: file names of its images.
        with_boxes: file names of the labelled ones that have a box.
        reviewed: file names of those that are marked as reviewed.
        classes: in the order of their labels.
        policy: 2 when labelled images join the unlabelled stream as well, else 1 (see random_select.py).
    """

    labelled: set[str]
    unlabelled: set[str]
    with_boxes: set[str]
    reviewed: set[str]
    classes: list[str]
    policy: int


def labelled_names(coco: dict[str, Any]) -> set[str]:
    """File names of the labelled images of a checked COCO file."""
    unlabelled = unlabelled_ids(coco)
    return {image["file_name"] for image in coco["images"] if image["id"] not in unlabelled}


def names_with_boxes(coco: dict[str, Any]) -> set[str]:
    """File names of the images of a checked COCO file that have a box."""
    boxed = {row["image_id"] for row in coco["annotations"] if not is_blank(row)}
    return {image["file_name"] for image in coco["images"] if image["id"] in boxed}


def unconfirmed_empty(coco: dict[str, Any]) -> set[str]:
    """File names of the images that count as labelled, have no box, and are not marked as reviewed.

    "Reviewed, nothing there" and "not labelled yet" look alike in the files of most labelling tools, and training on the
    second as if it were the first treats objects as background. ``"labelled": true`` in the entry distinguishes them.
    """
    return labelled_names(coco) - names_with_boxes(coco) - reviewed_names(coco)


def reviewed_names(coco: dict[str, Any]) -> set[str]:
    """File names of the images that are marked as reviewed ("labelled": true)."""
    return {image["file_name"] for image in coco["images"] if image.get("labelled") is True}


def count_objects(coco: dict[str, Any], names: Collection[str]) -> Counter[str]:
    """Class name -> objects in the images of these file names of a checked COCO file; crowds do not count."""
    chosen = {image["id"] for image in coco["images"] if image["file_name"] in names}
    class_of = {category["id"]: category["name"] for category in coco["categories"]}
    rows = (row for row in coco["annotations"] if row["image_id"] in chosen and not is_blank(row))
    return Counter(class_of[row["category_id"]] for row in rows if not row.get("iscrowd", 0))


def mark_reviewed(coco: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """A copy of a COCO file in which the images of these names are marked as reviewed."""
    images = [image | ({"labelled": True} if image["file_name"] in names else {}) for image in coco["images"]]
    return coco | {"images": images}


def all_unlabelled(coco: dict[str, Any]) -> LabelState:
    """The state of a checked COCO file if all of its images count as unlabelled."""
    names = {image["file_name"] for image in coco["images"]}
    return LabelState(set(), names, set(), set(), class_names(coco), policy=1)


def read_label_state(
    path: Path,
    img_dir: Path | None = None,
    names: Sequence[str] = (),
    unlabelled_img_dir: Path | None = None,
) -> LabelState:
    """Read the annotation file of a run; arguments and errors are those of ``require_coco``, and errors of ``read_coco``."""
    require_coco(path, img_dir, names, unlabelled_img_dir)
    coco = read_coco_boxes(path)
    labelled = labelled_names(coco)
    unlabelled = {image["file_name"] for image in coco["images"]} - labelled
    policy = 2 if also_unlabelled_ids(coco) else 1
    return LabelState(labelled, unlabelled, names_with_boxes(coco), reviewed_names(coco), class_names(coco), policy)


def check_label_state(known: LabelState, path: Path, coco: dict[str, Any], ann_file: Path) -> None:
    """Compare the label state read from ``path`` with the file ``coco`` that labels are taken from.

    Raises:
        DataError: it does not match ``coco``: other images, other classes, labels that ``coco`` lacks.
    """
    names = {image["file_name"] for image in coco["images"]}
    faults = [
        f"image {name} is not in --ann_file {ann_file}" for name in sorted((known.labelled | known.unlabelled) - names)
    ]
    lost = sorted(known.labelled & names - labelled_names(coco))
    faults += [f"image {name} is labelled here, but not in --ann_file {ann_file}" for name in lost]
    if known.classes != (there := class_names(coco)):
        here = ", ".join(known.classes)
        faults.append(f"its categories are {here}; those of --ann_file {ann_file} are {', '.join(there)}")
    if faults:
        raise DataError(str(path), faults)


def class_names(coco: dict[str, Any]) -> list[str]:
    """The classes in the order of their labels."""
    return [category["name"] for category in sorted(coco["categories"], key=lambda category: category["id"])]
