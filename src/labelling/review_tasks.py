"""Tasks of labelled images whose labels may be wrong: the present labels as boxes to correct, the worst images first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.formats.label_states import is_blank
from src.data.formats.outlines import as_outline, whole_mask
from src.labelling.picked import polygons_of
from src.labelling.review import Disagreement, Reviewed, describe
from src.labelling.task import Prelabel, Task

_SHOWN = 3  # disagreements of one image that a labeller is shown


@dataclass(frozen=True, eq=False)
class Detections:
    """Of all images of a file, as flat arrays: image id int [D], class from 1 int [D], score [D], box [D, 4] (x, y, width, height)."""

    image: np.ndarray
    label: np.ndarray
    score: np.ndarray
    box: np.ndarray


def labels_of(coco: dict[str, Any], unlabelled: set[int]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The rows of each labelled image of a checked COCO file, and the labelled images with crowds.

    No labelling tool brings a crowd back as one, so images with crowds are none to review.
    """
    rows = defaultdict(list)
    for row in coco["annotations"]:
        if not is_blank(row):
            rows[row["image_id"]].append(row)
    labelled = [image for image in coco["images"] if image["id"] not in unlabelled]
    crowded = [image["file_name"] for image in labelled if any(row.get("iscrowd") for row in rows[image["id"]])]
    left_out = set(crowded)
    kept = {image["file_name"]: rows[image["id"]] for image in labelled if image["file_name"] not in left_out}
    return kept, crowded


def pair_with_detections(
    coco: dict[str, Any], labels: dict[str, list[dict[str, Any]]], found: Detections
) -> dict[str, Reviewed]:
    """Labels and detections of each image; classes are counted from 0 by their category ids."""
    ids = {image["file_name"]: image["id"] for image in coco["images"]}
    class_of = {identity: place for place, identity in enumerate(sorted(row["id"] for row in coco["categories"]))}
    order = np.argsort(found.image, kind="stable")
    starts, ends = (np.searchsorted(found.image[order], list(ids.values()), side=side) for side in ("left", "right"))
    places = dict(zip(ids, zip(starts, ends, strict=True), strict=True))
    reviewed = {}
    for name, rows in labels.items():
        chosen = order[slice(*places[name])]
        reviewed[name] = Reviewed(
            _corners([row["bbox"] for row in rows]),
            np.array([class_of[row["category_id"]] for row in rows], int),
            _corners(found.box[chosen]),
            found.label[chosen] - 1,
            found.score[chosen],
        )
    return reviewed


def fill_task(
    task: Task, rows: Sequence[dict[str, Any]], found: Sequence[Disagreement], coco: dict[str, Any], polygons: bool
) -> None:
    """Give a task the labels of its image as boxes to correct, and what is suspicious as its reason.

    Args:
        rows: the labels; found: worst first. polygons: run lengths become polygons, which a human can edit.
    """
    categories = sorted(coco["categories"], key=lambda row: row["id"])
    names = {row["id"]: row["name"] for row in categories}
    task.score = found[0].suspicion
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    task.reason = "; ".join(describe(row, list(names.values())) for row in found[:_SHOWN]) + more
    task.prelabels = [
        Prelabel(
            names[row["category_id"]],
            tuple(map(float, row["bbox"])),
            None,
            _outline(row, (task.width, task.height), polygons),
        )
        for row in rows
    ]


def _outline(row: dict[str, Any], size: tuple[int, int], polygons: bool) -> Any:
    segmentation = row.get("segmentation")
    outline = as_outline(segmentation)
    if outline is None or isinstance(segmentation, list):
        return segmentation or None
    rle = whole_mask(outline, size)
    return (polygons_of(rle) if polygons else rle) or None


def _corners(boxes: Any) -> np.ndarray:
    """(x, y, width, height) to (x1, y1, x2, y2), float64 [N, 4]."""
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes
