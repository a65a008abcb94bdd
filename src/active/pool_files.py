"""Read the files that a strategy chooses from: detections, features, labels so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.active.acquisition import STRATEGIES
from src.active.detections_file import DetectionTable, read_detections
from src.active.labelled_so_far import LabelledSoFar, read_labelled
from src.active.selection import pick_count
from src.active.strategies.pool import Pool
from src.data.formats.feature_file import FeatureTable, read_features
from src.data.provenance import read_side_file
from src.errors import UserError


@dataclass(frozen=True)
class PoolFiles:
    """The files that were given, else None.

    Attributes:
        results: infer_results.json; features: infer_features.npz; second: infer_results.json of a second network.
        labelled: COCO file that says which images are labelled so far.
    """

    results: Path | None
    features: Path | None = None
    second: Path | None = None
    labelled: Path | None = None

    def used_by(self, strategy: str) -> "PoolFiles":
        """Without the files that a strategy does not read."""
        reads = STRATEGIES[strategy]
        return replace(
            self,
            features=self.features if reads.has_features else None,
            second=self.second if reads.has_second else None,
        )

    @property
    def inputs(self) -> dict[str, Path | None]:
        """Option -> file, for the provenance."""
        return {
            "infer_json": self.results,
            "features_file": self.features,
            "second_infer_json": self.second,
            "combine_ann_file": self.labelled,
        }

    @property
    def detections(self) -> Mapping[str, Path]:
        """Option -> file, of those that a network wrote."""
        return {option: path for option, path in self.inputs.items() if path and option != "combine_ann_file"}


def read_pool(files: PoolFiles, strategy: str, pick_ratio: float | None) -> tuple[Pool, int | None]:
    """The pool, and the number of images to pick for ``pick_ratio``; None if that is not given.

    Raises:
        UserError: a file is missing, or they do not belong together. DataError: a broken file.
    """
    features = read_features(files.features) if files.features else None
    table = (
        read_detections(files.results, STRATEGIES[strategy].has_second) if files.results else as_detections(features)
    )
    known = read_labelled(files.labelled) if files.labelled else LabelledSoFar()
    second = _same_order(read_detections(files.second, True), table, files.second) if files.second else None
    objects = None
    if known.objects is not None:
        names = class_names_of(files) or tuple(known.objects)
        objects = tuple(known.objects.get(name, 0) for name in names)
    if features is not None and not files.results:
        table = _without(table, known.labelled)
    budget = None
    if pick_ratio is not None:
        image_count = len(known.images.union(table.names))
        budget = pick_count(pick_ratio, len(known.labelled), image_count)
    return Pool(table, known.labelled, objects, features, second), budget


def class_names_of(files: PoolFiles) -> tuple[str, ...]:
    """The names of the predicted classes, from the provenance of the detections or else from the labelled file."""
    for path in files.detections.values():
        origin = read_side_file(path)
        if origin and (names := origin["settings"].get("class_names")):
            return tuple(names)
    return tuple(read_labelled(files.labelled).objects) if files.labelled else ()


def as_detections(features: FeatureTable) -> DetectionTable:
    """The detections that features belong to; their entropy is not known and set to 0."""
    scores = features.scores.astype(np.float64)
    return DetectionTable(
        features.names, features.counts, scores, np.zeros_like(scores), features.labels.astype(np.int64)
    )


def _without(table: DetectionTable, labelled: frozenset[str]) -> DetectionTable:
    """A table without the labelled images, which features hold, too."""
    kept = np.array([name not in labelled for name in table.names], bool)
    rows = kept[table.owner]
    names = tuple(name for name in table.names if name not in labelled)
    if not names:
        raise UserError("all images with features are labelled already")
    return DetectionTable(names, table.counts[kept], table.confidence[rows], table.entropy[rows], table.labels[rows])


def _same_order(second: DetectionTable, first: DetectionTable, path: Path) -> DetectionTable:
    """The second network's detections with its images in the order of the first one's."""
    if second.names == first.names:
        return second
    place = {name: index for index, name in enumerate(second.names)}
    if place.keys() != set(first.names):
        odd = min(place.keys() ^ set(first.names))
        raise UserError(
            f"{path}: detections in other images than those of --infer_json, such as {odd}; infer both on the same"
        )
    order = np.array([place[name] for name in first.names])
    starts = np.cumsum(second.counts) - second.counts
    rows = np.concatenate([np.arange(starts[i], starts[i] + second.counts[i]) for i in order] or [np.zeros(0, int)])
    columns = ("confidence", "entropy", "labels", "boxes", "probabilities")
    moved = {column: getattr(second, column)[rows] for column in columns}
    return replace(second, names=first.names, counts=second.counts[order], **moved)
