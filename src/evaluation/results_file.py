"""Read COCO result records of another program and check them against the annotations."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.annotations import Annotations
from src.data.checks.odd_ids import TEXT, common_forms
from src.data.formats.json_file import read_json
from src.data.formats.outlines import as_outline, whole_mask
from src.errors import DataError, Summary


def have_masks(path: str | Path) -> bool:
    """Whether any record of a file has a segmentation; ``read_results`` checks the rest."""
    records = read_json(path)
    return isinstance(records, list) and any(
        isinstance(record, dict) and record.get("segmentation") for record in records
    )


def read_results(path: str | Path, annotations: Annotations) -> list[dict[str, Any]]:
    """Result records: image_id, category_id, bbox (x, y, width, height in pixels of the image), score; if the detector has
    masks, a segmentation in any of COCO's forms, which becomes a compressed run-length encoding.

    A record with a "file_name" belongs to the image of that name: its writer had no annotation file with ids.

    Raises:
        UserError: there is no such file.
        DataError: every fault of the file.
    """
    return check_results(read_json(path), annotations, str(path))


def check_results(records: Any, annotations: Annotations, source: str) -> list[dict[str, Any]]:
    """Result records, those with a "file_name" given the id of their image.

    Args:
        records: what was read; source: its name, for the message.

    Raises:
        DataError: every fault.
    """
    if not isinstance(records, list):
        raise DataError(source, [f"expected a list of result records, got {type(records).__name__}"])
    forms = common_forms(
        (f'"{key}" of records', record[key])
        for record in records
        if isinstance(record, dict)
        for key in (
            "category_id",
            *(["image_id"] if "file_name" not in record else []),
        )  # a name decides before a number
        if key in record
    )
    if wrong := [sentence for form, sentence in forms.items() if form != TEXT]:  # texts are other names of images
        raise DataError(source, wrong)
    sizes = {entry.image_id: (entry.width, entry.height) for entry in annotations.images}
    ids_by_name = {entry.file_name: entry.image_id for entry in annotations.images}
    category_ids = set(annotations.category_ids)
    faults, results = [], []
    for number, record in enumerate(records):
        fault = _fault_of(record)
        if fault is None and "file_name" in record:
            record = record | {"image_id": ids_by_name.get(str(record["file_name"]), record["file_name"])}
        for key, known in (("category_id", category_ids), ("image_id", sizes)):
            if fault is None and not (_is_id(record[key]) and record[key] in known):
                fault = _Unknown(key, record[key])
        if fault is None:
            record, fault = _with_mask(record, sizes[record["image_id"]])
        if fault is not None:
            faults.append((number, fault))
        results.append(record)
    without_mask = [] if faults else [number for number, record in enumerate(results) if "segmentation" not in record]
    if 0 < len(without_mask) < len(results):
        message = (
            f"{len(without_mask)} of {len(results)} records have no segmentation, such as record {without_mask[0]}"
        )
        raise DataError(source, [f"{message}; give all of them one, or none"])
    if faults:
        known = {"category_id": category_ids, "image_id": set(sizes)}
        raise DataError(source, _sentences(faults, known, len(records)))
    return results


@dataclass(frozen=True)
class _Unknown:
    """A record of an image or a category that the annotation file does not have."""

    key: str
    value: Any

    def __str__(self) -> str:
        return f"{self.key.removesuffix('_id')} {_shown(self.value)} is not in the annotation file"


def _sentences(faults: list[tuple[int, str | _Unknown]], known: dict[str, set[int]], count: int) -> list[str]:
    """One sentence for each faulty record; for all that are of unknown images, or of unknown categories, one together."""
    rows: dict[Any, list[str]] = {}
    for number, fault in faults:
        kind = fault.key if isinstance(fault, _Unknown) else number
        rows.setdefault(kind, []).append(f"record {number}: {fault}")
    return [
        lines[0] if len(lines) == 1 else _of_unknown(kind, lines, known[kind], count) for kind, lines in rows.items()
    ]


def _of_unknown(key: str, lines: list[str], known: set[int], count: int) -> Summary:
    things = {"image_id": "images", "category_id": "categories"}[key]
    ids = f"whose {key} go from {min(known)} to {max(known)}" if known else "which has none"
    text = (
        f"{len(lines)} of the {count} records are of {things} that are not in the annotation file, {ids}; the first is {lines[0]}; "
        "give the annotation file that the detector was run with, or correct the records"
    )
    return Summary(text, lines)


def _shown(value: Any) -> str:
    return f"{value!r:.60}"


def _with_mask(record: dict[str, Any], size: tuple[int, int]) -> tuple[dict[str, Any], str | None]:
    """The record with its mask, if it has one, as a compressed encoding; and the fault of the mask, if it has one."""
    outline = as_outline(record.get("segmentation"))
    if outline is None:
        return {key: value for key, value in record.items() if key != "segmentation"}, None
    try:
        return record | {"segmentation": whole_mask(outline, size)}, None
    except ValueError as error:
        return record, str(error)


def _fault_of(record: Any) -> str | None:
    if not isinstance(record, dict):
        return f"expected an object, got {type(record).__name__}"
    needed = ("category_id", "bbox", "score") if "file_name" in record else ("image_id", "category_id", "bbox", "score")
    missing = [key for key in needed if key not in record]
    if missing:
        return f"has no {', '.join(missing)}"
    box = record["bbox"]
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) and box[2] > 0 and box[3] > 0):
        return f"bbox must be [x, y, width, height] with a positive width and height, got {_shown(box)}"
    if not _is_number(record["score"]):
        return f"score must be a number, got {_shown(record['score'])}"
    return None


def _is_id(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # false for NaN and integers beyond float
