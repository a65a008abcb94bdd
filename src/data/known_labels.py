"""Whose labels are known: compare the annotation file of a run with the one that labels are taken from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.annotations import also_unlabelled_ids, unlabelled_ids
from src.data.coco_file import read_coco_boxes
from src.errors import DataError


@dataclass(frozen=True)
class KnownSoFar:
    """What the annotation file of a run says.

    Attributes:
        labelled, unlabelled: file names of its images.
        classes: in the order of their labels.
        policy: 2 when labelled images join the unlabelled stream as well, else 1 (see random_select.py).
    """

    labelled: set[str]
    unlabelled: set[str]
    classes: list[str]
    policy: int


def told_names(coco: dict[str, Any]) -> set[str]:
    """File names of the images whose content is known in a checked COCO file."""
    bare = unlabelled_ids(coco)
    return {image["file_name"] for image in coco["images"] if image["id"] not in bare}


def nothing_known(coco: dict[str, Any]) -> KnownSoFar:
    """All images of a checked COCO file count as unlabelled."""
    return KnownSoFar(set(), {image["file_name"] for image in coco["images"]}, class_names(coco), policy=1)


def read_known(path: Path) -> KnownSoFar:
    """Read the annotation file of a run; errors are those of ``read_coco``."""
    coco = read_coco_boxes(path)
    labelled = told_names(coco)
    unlabelled = {image["file_name"] for image in coco["images"]} - labelled
    return KnownSoFar(labelled, unlabelled, class_names(coco), policy=2 if also_unlabelled_ids(coco) else 1)


def check_known(known: KnownSoFar, path: Path, coco: dict[str, Any], ann_file: Path) -> None:
    """Compare what is known, read from ``path``, with the file ``coco`` that labels are taken from.

    Raises:
        DataError: it does not go with ``coco``: other images, other classes, labels that ``coco`` lacks.
    """
    names = {image["file_name"] for image in coco["images"]}
    faults = [
        f"image {name} is not in --ann_file {ann_file}" for name in sorted((known.labelled | known.unlabelled) - names)
    ]
    lost = sorted(known.labelled & names - told_names(coco))
    faults += [f"image {name} is labelled here, but not in --ann_file {ann_file}" for name in lost]
    if known.classes != (there := class_names(coco)):
        here = ", ".join(known.classes)
        faults.append(f"its categories are {here}; those of --ann_file {ann_file} are {', '.join(there)}")
    if faults:
        raise DataError(str(path), faults)


def class_names(coco: dict[str, Any]) -> list[str]:
    """The classes in the order of their labels."""
    return [category["name"] for category in sorted(coco["categories"], key=lambda category: category["id"])]
