"""Read COCO result records of another program and check them against the annotations."""

import sys
from pathlib import Path
from typing import Any

from src.data.annotations import Annotations
from src.data.checks.odd_ids import TEXT, common_forms
from src.data.formats.json_file import read_json
from src.data.formats.outlines import as_outline, whole_mask
from src.errors import DataError


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
        fault = _fault_of(record, category_ids)
        if fault is None and "file_name" in record:
            record = record | {"image_id": ids_by_name.get(str(record["file_name"]), record["file_name"])}
        if fault is None and not (_is_id(record["image_id"]) and record["image_id"] in sizes):
            fault = f"image {record['image_id']!r} is not in the annotation file"
        if fault is None:
            record, fault = _with_mask(record, sizes[record["image_id"]])
        if fault is not None:
            faults.append(f"record {number}: {fault}")
        results.append(record)
    without_mask = [] if faults else [number for number, record in enumerate(results) if "segmentation" not in record]
    if 0 < len(without_mask) < len(results):
        message = (
            f"{len(without_mask)} of {len(results)} records have no segmentation, such as record {without_mask[0]}"
        )
        faults.append(f"{message}; give all of them one, or none")
    if faults:
        raise DataError(source, faults)
    return results


def _with_mask(record: dict[str, Any], size: tuple[int, int]) -> tuple[dict[str, Any], str | None]:
    """The record with its mask, if it has one, as a compressed encoding; and the fault of the mask, if it has one."""
    outline = as_outline(record.get("segmentation"))
    if outline is None:
        return {key: value for key, value in record.items() if key != "segmentation"}, None
    try:
        return record | {"segmentation": whole_mask(outline, size)}, None
    except ValueError as error:
        return record, str(error)


def _fault_of(record: Any, category_ids: set[int]) -> str | None:
    if not isinstance(record, dict):
        return f"expected an object, got {type(record).__name__}"
    missing = [key for key in ("image_id", "category_id", "bbox", "score") if key not in record]
    if missing:
        return f"has no {', '.join(missing)}"
    if not (_is_id(record["category_id"]) and record["category_id"] in category_ids):
        return f"category {record['category_id']!r} is not in the annotation file"
    box = record["bbox"]
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) and box[2] > 0 and box[3] > 0):
        return f"bbox must be [x, y, width, height] with a positive width and height, got {box!r}"
    if not _is_number(record["score"]):
        return f"score must be a number, got {record['score']!r}"
    return None


def _is_id(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # false for NaN and integers beyond float
