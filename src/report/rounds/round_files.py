"""What a round of labelling has left in its folder, as far as it has come: OUTPUT_DIR/round_N of scripts/run_rounds_cpu.sh."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.active.cost.past_rounds import Report, read_report
from src.active.picking.pick_list import read_list, reasons_file
from src.active.terms_file import read_terms, terms_file
from src.data.annotations import Annotations, ImageEntry
from src.data.checks.files.copies import find_in_both
from src.data.formats.reading import read_data
from src.data.formats.tools.annotated import Shape
from src.errors import DataError, UserError
from src.labelling.picked import GUESSED_THRESHOLD, Reason, prelabels, read_detections, read_reasons
from src.labelling.task import MANIFEST, read_manifest
from src.report.stages import read_metrics
from src.yaml_file import read_settings


@dataclass(frozen=True)
class RoundFiles:
    """The files of round ``number``; ``run`` is the folder of all rounds, ``train_ann`` the labels of the first."""

    run: Path
    number: int
    train_ann: Path

    @property
    def folder(self) -> Path:
        """The folder of the round."""
        return self.run / f"round_{self.number}"

    @property
    def ann_file(self) -> Path:
        """The labels that the round was trained on."""
        return self.train_ann if self.number == 1 else self.before.new_ann

    @property
    def new_ann(self) -> Path:
        """The labels after the round; there when they have come back."""
        return self.folder / "new_ann_file.json"

    @property
    def before(self) -> "RoundFiles":
        """The round before this one."""
        return RoundFiles(self.run, self.number - 1, self.train_ann)

    @property
    def report(self) -> Path:
        """The report of import_labels.py; there if the labels came from a labelling tool."""
        return self.folder / "new_ann_file_labelling.json"

    @property
    def _list(self) -> Path:
        return self.folder / "new_ann_file_picked.txt"

    @property
    def _selection(self) -> Path:
        return self.folder / "new_ann_file_selection"

    def metrics(self) -> dict[str, Any] | None:
        """The scores of the round's detector, None without evaluation."""
        return read_metrics(self.folder / "eval" / "metrics.json")

    def ap(self) -> float | None:
        """AP in percent, None if it is not known."""
        value = (self.metrics() or {}).get("AP")
        return None if value is None else 100 * value

    def steps(self) -> int | None:
        """Steps of the round's training by its settings, None if they are not known."""
        file = self.folder / "config.yaml"
        steps = read_settings(file).get("max_iter") if os.path.lexists(file) else None
        return steps if isinstance(steps, int) else None

    def annotations(self, img_dir: Path, more_dir: Path | None, after: bool = False) -> Annotations | None:
        """The labels before or after the round; None if there are none after it yet."""
        path = self.new_ann if after else self.ann_file
        if after and not path.is_file():
            return None
        return find_in_both(read_data(path, img_dir, unlabelled_img_dir=more_dir), img_dir, more_dir)

    def picked(self) -> list[str]:
        """The picked images, in the order of the pick; none in the last round."""
        return read_list(self._list) if os.path.lexists(self._list) else []

    def reasons(self) -> dict[str, Reason]:
        """Why each image was picked."""
        return read_reasons(reasons_file(self._list))

    def terms(self) -> dict[str, dict[str, str]]:
        """What is predicted in each ranked image; empty where it is not known."""
        path = terms_file(self._selection / "top_value_data.json")
        return read_terms(path) if os.path.lexists(path) else {}

    def reports_before(self) -> list[Path]:
        """The reports of earlier rounds, oldest first."""
        rounds = [RoundFiles(self.run, number, self.train_ann) for number in range(1, self.number)]
        return [each.report for each in rounds if each.report.is_file()]

    def sent(self, names: Sequence[str], classes: Sequence[str]) -> dict[str, list[Shape]]:
        """The detector's boxes in picked images: those that a labelling tool got, else those with a score of 0.5 and more."""
        manifest = self.folder / "tasks" / MANIFEST
        if manifest.is_file():
            shapes = {task.file_name: list(task.image.shapes) for task in read_manifest(manifest).tasks}
            _check_sent(shapes, names, classes, manifest)
            return shapes
        found = read_detections(self._selection / "infer_results.json", names, classes)
        least = dict.fromkeys(classes, GUESSED_THRESHOLD)
        return {name: [row.shape for row in prelabels(found[name], classes, least, False)] for name in names}

    def real_cost(self) -> Report | None:
        """The report of the labelling, None without one."""
        return read_report(self.report) if os.path.lexists(self.report) else None


def read_rounds(run: Path, last: int, train_ann: Path) -> list[RoundFiles]:
    """The rounds up to ``last``.

    Raises:
        UserError: the folder of one is missing.
    """
    rounds = []
    for number in range(1, last + 1):
        rounds.append(RoundFiles(run, number, train_ann))
        if not rounds[-1].folder.is_dir():
            raise UserError(f"{rounds[-1].folder}: no such folder; give the OUTPUT_DIR of run_rounds_cpu.sh as --run")
    return rounds


def _check_sent(shapes: dict[str, list[Shape]], names: Sequence[str], classes: Sequence[str], manifest: Path) -> None:
    """Raise a DataError if the boxes that were sent are not those of the picked images, or of other classes."""
    faults = [f"has no task of {name}, which was picked" for name in names if name not in shapes]
    known = set(classes)
    others = sorted({shape.label for found in shapes.values() for shape in found} - known)
    faults += [f"has boxes of the class {name!r}, which the labels do not have" for name in others]
    if faults:
        raise DataError(f"{manifest}: not that of this round, export its tasks again", faults)


def shapes_of(entry: ImageEntry, classes: Sequence[str]) -> list[Shape]:
    """The objects of a labelled image; crowds are none."""
    rows = zip(entry.boxes.tolist(), entry.labels.tolist(), entry.crowd.tolist(), strict=True)
    return [Shape(classes[label - 1], tuple(box)) for box, label, crowd in rows if not crowd]
