"""The picked images in their order, why each was picked, and the detector's boxes in them."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import msgspec
import numpy as np
from pycocotools import mask as coco_masks

from src.csv_file import cell_text
from src.data.annotations import ImageEntry
from src.data.checks.row_marks import finite_number
from src.data.formats.json_file import read_json
from src.data.formats.outlines import as_outline, outline_fault
from src.data.image_listing import check_is_folder
from src.data.images import image_size
from src.data.provenance import origin_before_edits
from src.errors import DataError, UserError
from src.files import read_regular_text, reading_fault
from src.labelling.task import Prelabel, Task

GUESSED_THRESHOLD = 0.5  # least score of a pre-label without validation images
_NAME_COLUMNS = ("file_name", "image")
_SCORE_COLUMNS = ("acquisition_score", "score")
_REASON_COLUMNS = ("reason", "chosen_by")
_BY = {"score": "by acquisition score", "random": "drawn at random"}  # what pick_select.py writes, in words
_STRATEGY_SPREAD = "spread"  # what first_pick.py writes of a pick without features
_SPREAD = "spread evenly over the sub-folders, in a random order"  # the same, in words
_PREDICTIONS = ("detections", "objects of ")  # columns of what was predicted, which the boxes show
_LEAST_INSIDE = 0.5  # share of a box that lies in its image; a detector may reach over the border
_MOST_TERMS = 6  # other columns that a labeller is shown
_SIMPLER = 0.7  # pixels by which a polygon may leave the border of a mask, so that a human can edit it


_Pixels = Annotated[float, msgspec.Meta(ge=-(2**21), le=2**21)]  # twice the longest side of a picture


class _Detection(msgspec.Struct, rename={"box": "pred box", "score": "confidence score", "label": "pred class"}):
    """One row of infer_results.json; "pred class" counts from 0, the box is (x, y, width, height) in pixels."""

    box: tuple[_Pixels, _Pixels, _Pixels, _Pixels]
    score: Annotated[float, msgspec.Meta(ge=0, le=1.0001)]
    label: int
    mask: dict[str, Any] | None = msgspec.field(default=None, name="pred mask")


@dataclass(frozen=True)
class Reason:
    """Why an image was picked: its acquisition score, if known, and a text; whether the score says something of the image."""

    score: float | None = None
    words: str = ""
    telling: bool = True


def read_reasons(path: Path) -> dict[str, Reason]:
    """The reasons of a CSV file, by image; none where there is no such file.

    Raises:
        DataError: it has no column of image names, or a score that is no number.
    """
    if not os.path.lexists(path):
        return {}
    try:
        with io.StringIO(read_regular_text(path)) as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {reading_fault(error)}") from error
    name, score = (next((key for key in wanted if key in columns), None) for wanted in (_NAME_COLUMNS, _SCORE_COLUMNS))
    if name is None:
        raise DataError(str(path), [f"no column file_name; its columns are {', '.join(columns) or 'none'}"])
    found, faults = {}, []
    for number, row in enumerate(rows, start=2):
        if row[name] is None:
            faults.append(f"line {number}: has no {name}")
            continue
        value = finite_number(row[score]) if score and row[score] else None
        if value is None and score and row[score]:
            faults.append(f"line {number}: {score} must be a finite number, found {row[score]!r:.60}")
            continue
        others = {key: text for key, text in row.items() if key not in (None, name, score) and isinstance(text, str)}
        found[cell_text(row[name])] = Reason(value, _words(others), not _is_spread(others))
    if faults:
        raise DataError(str(path), faults)
    return found


def _words(row: Mapping[str, str]) -> str:
    """The reason, and the terms of the acquisition score that are not 0, in words."""
    if _is_spread(row):
        return _SPREAD
    chosen = [_BY.get(row[key].strip(), row[key].strip()) for key in _REASON_COLUMNS if row.get(key, "").strip()]
    terms = [
        f"{key} {_brief(text.strip())}"
        for key, text in row.items()
        if key not in _REASON_COLUMNS and not key.startswith(_PREDICTIONS) and text.strip() not in ("", "0")
    ]
    return ", ".join([*chosen, *terms[:_MOST_TERMS]])


def _is_spread(row: Mapping[str, str]) -> bool:
    """Whether a first pick without a detector has written this row: its score is a place in the order, and says nothing of the image."""
    return row.get("strategy") == _STRATEGY_SPREAD


def _brief(text: str) -> str:
    """A number with three digits; any other text as it is."""
    try:
        return f"{float(text):.3g}"
    except ValueError:
        return text


def class_names_of(infer_json: Path) -> list[str]:
    """The classes of a detector, as infer.py says beside its detections; none if it does not."""
    origin = origin_before_edits(infer_json)
    names = origin["settings"].get("class_names") if origin else None
    return list(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def read_detections(path: Path, names: Sequence[str], classes: Sequence[str]) -> dict[str, list[_Detection]]:
    """The detections of the images of these names.

    Args:
        classes: of the detector, in the order of its labels.

    Raises:
        UserError: there is no such file. DataError: it is no infer_results.json, lacks images, or has more classes.
    """
    content = read_json(path, msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)
    if not isinstance(content, dict):
        raise DataError(str(path), ["expected a JSON object {file_name: [detections]}, as infer.py writes it"])
    decoder = msgspec.json.Decoder(list[_Detection])
    found, faults = {}, []
    for name in names:
        if name not in content:
            faults.append(f"no detections of {name}; infer on all images of the list")
            continue
        try:
            raw = content[name]
            found[name] = (
                decoder.decode(raw) if isinstance(raw, msgspec.Raw) else msgspec.convert(raw, list[_Detection])
            )
        except msgspec.DecodeError as error:
            faults.append(f"image {name}: {error}")
    if faults:
        raise DataError(str(path), faults)
    labels = {row.label for rows in found.values() for row in rows}
    if labels and not 0 <= min(labels) <= max(labels) < len(classes):
        raise DataError(
            str(path),
            [
                (
                    f"detections of the classes {min(labels)} to {max(labels)}, counted from 0, but {len(classes)} are given: "
                    f"{', '.join(classes)}; give all classes of the detector, in its order, as --class_names (with --review in --ann_file)"
                )
            ],
        )
    return found


def prelabels(
    detections: Sequence[_Detection], classes: Sequence[str], thresholds: Mapping[str, float | None], polygons: bool
) -> list[Prelabel]:
    """The detections with at least the threshold of their class, highest score first.

    Args:
        polygons: masks become polygons, which a human can edit; otherwise they stay run lengths.
    """
    found = []
    for row in _shown(detections, classes, thresholds):
        label = classes[row.label]
        outline = row.mask
        if outline is not None and polygons:
            outline = polygons_of(outline)
        found.append(Prelabel(label, row.box, row.score, outline or None))
    return found


def _shown(
    detections: Sequence[_Detection], classes: Sequence[str], thresholds: Mapping[str, float | None]
) -> list[_Detection]:
    """The detections with at least the threshold of their class, highest score first."""
    return [
        row
        for row in sorted(detections, key=lambda row: -row.score)
        if (least := thresholds[classes[row.label]]) is not None and row.score >= least and min(row.box[2:]) > 0
    ]


def check_places(
    path: Path,
    tasks: Sequence[Task | ImageEntry],
    found: Mapping[str, Sequence[_Detection]],
    classes: Sequence[str],
    thresholds: Mapping[str, float | None],
) -> None:
    """Raise a DataError if boxes or masks to send cannot be of their images, but of others or of other sizes.

    Args:
        path: of the detections ``found``, by image. tasks: or the images themselves, with their sizes.
    """
    faults = []
    for task in tasks:
        size = task.width, task.height
        for row in _shown(found.get(task.file_name, ()), classes, thresholds):
            x, y, width, height = row.box
            box = x, y, x + width, y + height
            shown = f"{task.file_name}: {classes[row.label]} ({', '.join(f'{value:g}' for value in box)})"
            inside = [max(min(box[axis + 2], size[axis]) - max(box[axis], 0), 0) for axis in (0, 1)]
            if inside[0] * inside[1] < _LEAST_INSIDE * width * height:
                faults.append(f"{shown} lies outside the image of {size[0]} x {size[1]} pixels")
            elif row.mask is not None and (fault := outline_fault(as_outline(row.mask), box, size)):
                faults.append(f"{shown}: {fault}")
    if faults:
        raise DataError(
            f"{path}: detections that are of other images, or of these in another size; infer again", faults
        )


def polygons_of(rle: dict[str, Any]) -> list[list[float]]:
    """Outer borders of a mask as polygons [x1, y1, x2, y2, ...], the largest first; holes are filled."""
    bits = coco_masks.decode(rle)
    double = np.kron(bits, np.ones((2, 2), np.uint8))  # so that borders lie between pixels, not in their middle
    borders, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for border in sorted(borders, key=cv2.contourArea, reverse=True):
        points = cv2.approxPolyDP(border, 2 * _SIMPLER, True).reshape(-1, 2)
        if len(points) >= 3:
            found.append(((points + 0.5) / 2).reshape(-1).tolist())
    return found


def make_tasks(
    names: Sequence[str], img_dir: Path, more_dir: Path | None, renamed: bool
) -> tuple[list[Task], list[Path]]:
    """A task for each image, in this order, with the size of the picture as it is shown; and where the images lie.

    Args:
        img_dir: folder of the images; more_dir: folder of further ones, or None.
        renamed: the tool gets copies, named by their place in the order: names sort by it and are unique.

    Raises:
        UserError: a folder is missing. DataError: every image that is missing or broken.
    """
    for folder in filter(None, (img_dir, more_dir)):
        check_is_folder(folder, "images")
    tasks, paths, faults = [], [], []
    digits = max(4, len(str(len(names))))
    for number, name in enumerate(names, start=1):
        folders = [folder for folder in (img_dir, more_dir) if folder and (folder / name).is_file()]
        try:
            path = (folders[0] if folders else img_dir) / name
            width, height = image_size(path)
        except UserError as error:
            faults.append(str(error))
            continue
        paths.append(path)
        in_tool = f"{number:0{digits}d}_{Path(name).name}" if renamed else name
        tasks.append(Task(name, in_tool, width, height))
    if faults:
        raise DataError("images of the list", faults)
    return tasks, paths
