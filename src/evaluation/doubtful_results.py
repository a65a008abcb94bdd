"""What is suspicious in result records of another program although each is right, one by one: AP alone would not tell why it is low.

Axes: N records.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from src.data.annotations import Annotations
from src.wording import counted

_SOME = 0.05  # share of the records from which on a doubt is told
_BEYOND = 0.05  # of a side of the image, by which boxes of good detectors reach beyond it


def doubts(records: Sequence[dict[str, Any]], annotations: Annotations) -> list[str]:
    """A sentence on each thing that is suspicious.

    Args:
        records: of ``read_results``, all of these images and classes.
    """
    if not records:
        return []
    sizes = {entry.image_id: (entry.width, entry.height) for entry in annotations.images}
    boxes = np.array([record["bbox"] for record in records], np.float64)
    sides = np.array([sizes[record["image_id"]] for record in records], np.float64)
    return [*_misplaced(boxes, sides), *_repeated(records), *_odd_scores(records)]


def _misplaced(boxes: np.ndarray, sides: np.ndarray) -> list[str]:
    """Boxes float64 [N, 4], (x, y, width, height), that are written in another way, or are of other pictures of sizes float64 [N, 2]."""
    if (boxes <= 1).all():
        found = f"all {counted(len(boxes), 'box')} lie within one pixel, such as {boxes[0].tolist()}"
        return [f"{found}: they seem to be fractions of the image; write pixels"]
    margin = _BEYOND * sides + 1
    with np.errstate(over="ignore"):
        ends = boxes[:, :2] + boxes[:, 2:]
    beyond = ((boxes[:, :2] < -margin) | (ends > sides + margin)).any(1)
    if beyond.mean() <= _SOME:
        return []
    number = int(beyond.argmax())
    width, height = sides[number].astype(int)
    found = (
        f"{beyond.sum()} of the {counted(len(boxes), 'box')} reach far beyond their images, such as record {number}, "
        f"{boxes[number].tolist()}, of an image of {width} x {height} pixels: "
    )
    as_corners = (boxes[:, 2:] > boxes[:, :2]).all() and (boxes[:, 2:] <= sides + margin).all()
    if as_corners:
        return [f"{found}they seem to be corners, [x1, y1, x2, y2]; write [x, y, width, height]"]
    return [f"{found}are they of pictures of another size?"]


def _repeated(records: Sequence[dict[str, Any]]) -> list[str]:
    """Records that are there several times."""
    rows = Counter((record["image_id"], record["category_id"], *record["bbox"], record["score"]) for record in records)
    again = len(records) - len(rows)
    if again <= _SOME * len(records):
        return []
    found = f"{again} of the {counted(len(records), 'record')} repeat another one, with the same score"
    return [f"{found}, and count as false detections; were results of several runs joined?"]


def _odd_scores(records: Sequence[dict[str, Any]]) -> list[str]:
    """Scores that are no probabilities."""
    scores = [record["score"] for record in records]
    if 0 <= min(scores) and max(scores) <= 1:
        return []
    return [
        f"scores go from {min(scores):g} to {max(scores):g}, expected 0 to 1; AP needs only their order, but thresholds of scores do not fit"
    ]
