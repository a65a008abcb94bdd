"""The labels that a strategy knows: which images are labelled, and how many objects of each class."""

from dataclasses import dataclass
from pathlib import Path

from src.data.checks.label_sources import class_names, count_objects, labelled_names
from src.data.formats.coco import read_coco_boxes
from src.data.formats.reading import require_coco


@dataclass(frozen=True)
class LabelledSoFar:
    """The labelled images and objects of an annotation file.

    Attributes:
        images: file names of all its images; labelled: of the labelled ones.
        objects: class name -> labelled objects, in the order of the labels; crowds do not count.
    """

    images: frozenset[str] = frozenset()
    labelled: frozenset[str] = frozenset()
    objects: dict[str, int] | None = None


def read_labelled(path: Path) -> LabelledSoFar:
    """Read a COCO file; errors are those of ``require_coco`` and ``read_coco``."""
    require_coco(path)
    coco = read_coco_boxes(path)
    names, labelled = frozenset(image["file_name"] for image in coco["images"]), frozenset(labelled_names(coco))
    counts = count_objects(coco, labelled)
    return LabelledSoFar(names, labelled, {name: counts[name] for name in class_names(coco)})
