"""COCO: pre-labels out; and back, as Label Studio, CVAT, Roboflow and others write it.

Label Studio gives an untouched image and an empty one the same entry; each annotation of a task has an entry of its own, the
newest first (seen with 1.23.2). CVAT writes a rotated box as the box before it was turned, with ``attributes.rotation``, and painted masks
as crowds. Roboflow keeps the name of an image in ``extra.name``.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from src.data.checks.coco.json_values import repeated
from src.data.checks.row_marks import coco_marks
from src.data.formats.label_states import is_blank
from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape, box_around, numbers_of, rotated_corners
from src.data.formats.tools.image_names import augmented
from src.errors import DataError
from src.labelling.task import Manifest

_KEY = "key"  # field of an image entry: our name of the image


def is_coco(value: Any) -> bool:
    """Whether a JSON value is of this form."""
    return isinstance(value, dict) and isinstance(value.get("images"), list) and "annotations" in value


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """instances.json; scores stand in ``score`` of the rows."""
    ids = {name: number for number, name in enumerate(manifest.classes, start=1)}
    images, rows = [], []
    for number, task in enumerate(manifest.tasks, start=1):
        size = {"width": task.width, "height": task.height}
        images.append({"id": number, "file_name": task.name} | size | {_KEY: task.file_name, "reason": task.reason})
        for prelabel in task.prelabels:
            _, _, width, height = prelabel.bbox
            row = {
                "id": len(rows) + 1,
                "image_id": number,
                "category_id": ids[prelabel.label],
                "bbox": list(prelabel.bbox),
            }
            row |= {"area": width * height, "iscrowd": 0}
            row |= {} if prelabel.score is None else {"score": prelabel.score}
            rows.append(row | ({"segmentation": prelabel.segmentation} if prelabel.segmentation else {}))
    categories = [{"id": number, "name": name, "supercategory": name} for name, number in ids.items()]
    coco = {"images": images, "annotations": rows, "categories": categories}
    return {"instances.json": json.dumps(coco, ensure_ascii=False, indent=1) + "\n"}


def read_coco_images(coco: dict[str, Any], place: str) -> Iterator[AnnotatedImage]:
    """The images of a COCO file with their objects.

    Raises:
        DataError: ids that leave open which image or class an object is of.
    """
    if faults := _id_faults(coco):
        raise DataError(place, faults)
    categories = [
        row for row in _rows(coco.get("categories")) if isinstance(row, dict) and isinstance(row.get("name"), str)
    ]
    names = {_id(row.get("id")): row["name"] for row in categories}
    rows_of = defaultdict(list)
    for row in _rows(coco.get("annotations")):
        rows_of[_id(row.get("image_id"))].append(row)
    versions = Counter(filter(None, map(_original, _rows(coco["images"]))))
    for number, entry in reversed(list(enumerate(coco["images"]))):  # so that the newest annotation is the last one
        if isinstance(entry, dict):
            image = _image(entry, rows_of.get(_id(entry.get("id")), []), names, f"{place}, images[{number}]")
            several = versions[_original(entry)]
            yield replace(image, blocked=(*image.blocked, augmented(several))) if several > 1 else image


def _original(entry: dict[str, Any]) -> str | None:
    """The name that Roboflow keeps of an image; None: it keeps none."""
    extra = entry.get("extra") if isinstance(entry.get("extra"), dict) else {}
    return extra["name"] if isinstance(extra.get("name"), str) else None


def _image(entry: dict[str, Any], rows: list[dict[str, Any]], names: dict[Any, str], place: str) -> AnnotatedImage:
    shapes, blocked = [], []
    blank = [row for row in rows if is_blank(row)]
    for row in rows:
        try:
            if not is_blank(row):
                shapes.append(_shape(row, names))
        except ValueError as error:
            blocked.append(f"annotation {row.get('id')}: {error}")
    labelled = entry.get("labelled", False if blank and not shapes else None)
    mark = Mark.UNKNOWN if labelled is None else Mark.DONE if labelled is True else Mark.NOT_DONE
    sides = entry.get("width"), entry.get("height")
    size = sides if all(type(side) is int and side > 0 for side in sides) else None
    name = _original(entry) or entry.get("file_name")
    key = entry.get(_KEY)
    return AnnotatedImage(
        name if isinstance(name, str) else "",
        tuple(shapes),
        size,
        mark=mark,
        key=key if isinstance(key, str) and key else None,
        place=place,
        blocked=tuple(blocked),
    )


def _shape(row: dict[str, Any], names: dict[Any, str]) -> Shape:
    label = names.get(_id(row.get("category_id")))
    if label is None:
        raise ValueError(f"category_id {row.get('category_id')} is not among the categories")
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"bbox must be [x, y, width, height], found {box}")
    x, y, width, height = numbers_of(box, "bbox")
    corners = x, y, x + width, y + height
    attributes = row["attributes"] if isinstance(row.get("attributes"), dict) else {}
    (turn,) = numbers_of([attributes.get("rotation") or 0], "rotation")
    if turn % 360:
        turned = rotated_corners(corners, turn, (x + width / 2, y + height / 2))
        return Shape(label, box_around(turned), rotated=True)
    marks = tuple(mark for mark in coco_marks(row) if mark.field != "attributes.rotation")  # which is read above
    segmentation = row.get("segmentation")
    rle = segmentation if isinstance(segmentation, dict) else None
    painted = rle is not None and "occluded" in attributes  # by CVAT's brush; a single object for all that
    polygons = None
    if isinstance(segmentation, list) and segmentation:
        polygons = tuple(numbers_of(polygon, "segmentation") for polygon in segmentation)
    crowd = row.get("iscrowd") or 0
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd must be 0 or 1, found {crowd!r}")
    return Shape(label, corners, polygons, rle, crowd=bool(crowd) and not painted, marks=marks)


def _id_faults(coco: dict[str, Any]) -> list[str]:
    """Ids of several images or classes, and annotations of images that are not in the file."""
    numbered = {
        part: [{"id": _id(row.get("id"))} for row in _rows(coco.get(part)) if _id(row.get("id")) is not None]
        for part in ("images", "categories")
    }
    faults = repeated(
        numbered["images"], "id", "image id", "whose annotations are whose is not known; number the images anew"
    )
    faults += repeated(numbered["categories"], "id", "category id", "give each category its own")
    images = {row["id"] for row in numbered["images"]}
    for number, row in enumerate(_rows(coco.get("annotations"))):
        if _id(row.get("image_id")) not in images:
            faults.append(f"annotations[{number}]: image_id {row.get('image_id')!r} is no image of this file")
    return faults


def _id(value: Any) -> int | str | None:
    """What can be an id; "1" and 1.0 are 1, for tools write both beside numbers."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) else None


def _rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
