"""What the rules look at in a data set.

Axes: I training images, N labelled objects, C classes.
"""

from dataclasses import dataclass

import numpy as np

from src.data.annotations import ImageEntry
from src.data.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class DataSummary:
    """Counts and sizes of the images and objects of a training run.

    Attributes:
        labelled, unlabelled, evaluation: numbers of images.
        class_names: without background.
        image_sizes: float64 [I, 2], (width, height) of labelled and unlabelled images, pixels.
        boxes: float64 [N, 4], (x1, y1, x2, y2) in original pixels; crowds are no objects.
        labels: int [N], 1..C.
        box_image_sizes: float64 [N, 2], the size of the image of each object.
        most_rows: rows of ground truth of the image that has most, crowds included.
    """

    labelled: int
    unlabelled: int
    evaluation: int
    class_names: tuple[str, ...]
    image_sizes: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    box_image_sizes: np.ndarray
    most_rows: int

    def boxes_at(self, width: int, height: int) -> np.ndarray:
        """The objects in an input of this size that keeps the aspect ratio: float64 [N, 4], pixels of the input."""
        scale_N = (np.array([width, height]) / self.box_image_sizes).min(1) if len(self.boxes) else np.zeros(0)
        return self.boxes * scale_N[:, None]

    def sides_at(self, width: int, height: int) -> np.ndarray:
        """Square roots of the areas of the objects in an input of this size: float64 [N], pixels of the input."""
        return side_lengths(self.boxes_at(width, height))

    def share_under(self, pixels: float, width: int, height: int) -> float:
        """Share of the objects whose side is under so many pixels in an input of this size."""
        return float((self.sides_at(width, height) < pixels).mean())


def side_lengths(boxes: np.ndarray) -> np.ndarray:
    """Square roots of the areas of boxes [N, 4]."""
    return np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def summarise(data: TrainingData) -> DataSummary:
    """Summarise the data of a run."""
    seen = {id(entry): entry for entry in (*data.labelled, *data.unlabelled)}.values()
    sizes = {(entry.file_name, entry.path): (entry.width, entry.height) for entry in seen}  # some are in both streams
    return DataSummary(
        labelled=len(data.labelled),
        unlabelled=len(data.unlabelled),
        evaluation=len(data.evaluation.images) if data.evaluation else 0,
        class_names=data.annotations.class_names,
        image_sizes=np.array(list(sizes.values()), np.float64).reshape(-1, 2),
        boxes=np.concatenate([np.zeros((0, 4)), *(entry.boxes[~entry.crowd] for entry in data.labelled)]),
        labels=np.concatenate([np.zeros(0, int), *(entry.labels[~entry.crowd] for entry in data.labelled)]),
        box_image_sizes=np.concatenate([np.zeros((0, 2)), *map(_repeated_size, data.labelled)]),
        most_rows=max((len(entry.boxes) for entry in data.labelled), default=0),
    )


def _repeated_size(entry: ImageEntry) -> np.ndarray:
    return np.tile((float(entry.width), float(entry.height)), (int((~entry.crowd).sum()), 1))
