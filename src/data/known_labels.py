"""Whose labels are known: compare the annotation file of a run with the one that labels are taken from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.annotations import also_unlabelled_ids, unlabelled_ids
from src.data.coco_file import read_coco
from src.errors import DataError


@dataclass(frozen=True)
class KnownSoFar:
    """What the annotation file of a run says.

    Attributes:
        labelled, unlabelled: file names of its images.
        policy: 2 when labelled images join the unlabelled stream as well, else 1 (see random_select.py).
    """

    labelled: set[str]
    unlabelled: set[str]
    policy: int


def told_names(coco: dict[str, Any]) -> set[str]:
    """File names of the images whose content is known in a checked COCO file."""
    bare = unlabelled_ids(coco)
    return {image["file_name"] for image in coco["images"] if image["id"] not in bare}


def known_so_far(path: Path | None, coco: dict[str, Any], ann_file: Path) -> KnownSoFar:
    """Read the annotation file of a run; without one all images of ``coco`` are unlabelled.

    Raises:
        DataError: the file does not go with ``coco``: other images, other classes, labels that ``coco`` lacks.
    """
    names = {image["file_name"] for image in coco["images"]}
    if path is None:
        return KnownSoFar(set(), names, policy=1)
    so_far = read_coco(path)
    labelled = told_names(so_far)
    unlabelled = {image["file_name"] for image in so_far["images"]} - labelled
    faults = [f"image {name} is not in --ann_file {ann_file}" for name in sorted((labelled | unlabelled) - names)]
    lost = sorted(labelled & names - told_names(coco))
    faults += [f"image {name} is labelled here, but not in --ann_file {ann_file}" for name in lost]
    if (here := class_names(so_far)) != (there := class_names(coco)):
        faults.append(f"its categories are {', '.join(here)}; those of --ann_file {ann_file} are {', '.join(there)}")
    if faults:
        raise DataError(str(path), faults)
    return KnownSoFar(labelled, unlabelled, policy=2 if also_unlabelled_ids(so_far) else 1)


def class_names(coco: dict[str, Any]) -> list[str]:
    """The classes in the order of their labels."""
    return [category["name"] for category in sorted(coco["categories"], key=lambda category: category["id"])]
