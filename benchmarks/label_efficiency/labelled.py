"""How much is labelled in an annotation file, as a measure of what the labels cost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.formats.json_file import read_json

SECONDS_PER_BOX = (7, 35)  # by extreme clicking, and drawn with care (Papadopoulos et al. 2017)


@dataclass(frozen=True)
class Labelled:
    """Labelled images of a file.

    Attributes:
        names: of the images; boxes: number of objects without crowds; by_class: number of objects per class name.
    """

    names: tuple[str, ...]
    boxes: int
    by_class: dict[str, int]


def labelled_in(path: Path) -> Labelled:
    """The labelled images of a COCO file; an image without the key "labelled" counts as labelled."""
    coco = read_json(path)
    images = {image["id"]: image["file_name"] for image in coco["images"] if image.get("labelled", True)}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    counts = Counter(names[row["category_id"]] for row in coco["annotations"] if _counts(row, images))
    by_class = {name: counts[name] for name in names.values()}
    return Labelled(tuple(sorted(images.values())), counts.total(), by_class)


def images_for_boxes(coco: Mapping[str, Any], known: Labelled, values: Mapping[str, float], boxes: int) -> int:
    """The number of labelled images whose number of boxes comes closest to `boxes`.

    Args:
        coco: with the labels of all images; known: the images that are labelled already.
        values: acquisition score of each other image; they are taken from the highest on. boxes: the number to reach.

    Returns:
        The number of images: all of `known`, and at least one of `values`.
    """
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    counts = Counter(names[row["image_id"]] for row in coco["annotations"] if _counts(row, names))
    total, sums = known.boxes, []
    for name in sorted(values, key=lambda name: (-values[name], name)):
        total += counts[name]
        sums.append(total)
    return len(known.names) + 1 + min(range(len(sums)), key=lambda index: abs(sums[index] - boxes))


def _counts(row: Mapping[str, Any], images: Mapping[int, str]) -> bool:
    return row["image_id"] in images and not row.get("iscrowd", 0)
