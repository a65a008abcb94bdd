"""Label Studio: tasks with predictions out; JSON and JSON-MIN exports back.

Coordinates are percent of the image's width and height at full precision (0 to 100). A rectangle is turned about its upper
left corner, clockwise. Our key of an image travels as ``file_name`` in the data of its task.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from src.data.formats.tools.annotated import (
    AnnotatedImage,
    Mark,
    Shape,
    box_around,
    numbers_of,
    rotated_corners,
    scaled,
)
from src.data.formats.tools.image_names import clean_name
from src.data.image_listing import IMAGE_SUFFIXES
from src.labelling.task import Manifest, Prelabel, Task
from src.labelling.tools.brush import decode_brush

_MODEL = "detector"  # model_version of the predictions
_AREAS = {  # type of a result -> key of its class names
    "rectanglelabels": "rectanglelabels",
    "polygonlabels": "polygonlabels",
    "ellipselabels": "ellipselabels",
    "brushlabels": "brushlabels",
}
_DRAWN = (*_AREAS, "keypointlabels", "keypoint", "vectorlabels", "vector", "magicwand")  # and no choice, text or rating
_BARE = ("rectangle", "polygon", "ellipse", "brush")  # the same without a class


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """The files to import: tasks, and the labelling configuration of the project.

    Args:
        image_root: folder of the images, relative to LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT.
    """
    tasks = [_task(task, number, image_root) for number, task in enumerate(manifest.tasks, start=1)]
    return {
        "tasks.json": json.dumps(tasks, ensure_ascii=False, indent=1) + "\n",
        "labelling_config.xml": _configuration(manifest),
    }


def read_tasks(tasks: Sequence[Any], place: str) -> Iterator[AnnotatedImage]:
    """The JSON export, every annotation of a task on its own; a task without any is not done.

    Args:
        tasks: what the file holds, a list of tasks; place: its name.
    """
    for task in tasks:
        data = task["data"] if isinstance(task.get("data"), dict) else {}
        where = f"{place}, task {task.get('id')}"
        known = {"name": _image_name(data), "key": _key(data), "relative": True}
        annotations = [row for row in task.get("annotations") or [] if isinstance(row, dict)]
        if not annotations:
            drafts = task.get("drafts") or []
            unused = ("a draft that was not submitted",) * len(drafts) if isinstance(drafts, list) else ()
            yield AnnotatedImage(mark=Mark.NOT_DONE, place=where, unused=unused, **known)
        for row in annotations:
            mark = Mark.SKIPPED if row.get("was_cancelled") else Mark.DONE
            results = row["result"] if isinstance(row.get("result"), list) else [] if row.get("was_cancelled") else None
            fields = known | _timing(row) | {"mark": mark, "annotator": _annotator(row.get("completed_by"))}
            yield _with_results(results, f"{where}, annotation {row.get('id')}", fields)


def read_flat(rows: Sequence[Any], place: str) -> Iterator[AnnotatedImage]:
    """The JSON-MIN export: a row per annotation; skipped tasks are not in it, and untouched ones have no ``annotation_id``."""
    for row in rows:
        regions = [value for value in row.values() if _is_regions(value)]
        results = [_from_flat(region) for values in regions for region in values]
        done = row.get("annotation_id") is not None
        fields = {
            "name": _image_name(row),
            "key": _key(row),
            "relative": True,
            "annotator": _annotator(row.get("annotator")),
        }
        fields |= _timing(row) | {"mark": Mark.DONE if done else Mark.NOT_DONE}
        yield _with_results(results, f"{place}, task {row.get('id')}", fields)


def is_flat_row(row: Any) -> bool:
    """Whether an entry of a list looks like JSON-MIN."""
    return isinstance(row, dict) and "id" in row and "data" not in row and bool(_image_name(row))


def _task(task: Task, number: int, image_root: str) -> dict[str, Any]:
    place = "/".join(part for part in (image_root, task.name) if part)
    data = {
        "image": f"/data/local-files/?d={quote(place)}",
        "file_name": task.file_name,
        "width": task.width,
        "height": task.height,
        "rank": number,
        "reason": task.reason,
    }
    if task.score is not None:
        data["acquisition_score"] = task.score
    results = [
        _result(f"p{place}", prelabel, (task.width, task.height))
        for place, prelabel in enumerate(task.prelabels, start=1)
    ]
    if not results:
        return {"data": data}
    scores = [prelabel.score for prelabel in task.prelabels if prelabel.score is not None]
    mean = {"score": sum(scores) / len(scores)} if scores else {}
    return {"data": data, "predictions": [{"model_version": _MODEL, "result": results} | mean]}


def _result(identity: str, prelabel: Prelabel, size: tuple[int, int]) -> dict[str, Any]:
    shape = scaled(prelabel.shape, 100 / size[0], 100 / size[1])
    if isinstance(prelabel.segmentation, list):
        points = max(shape.polygons, key=len)  # a region is one polygon; further parts of a mask cannot be shown
        pairs = [list(pair) for pair in zip(points[::2], points[1::2], strict=True)]
        kind, value = "polygonlabels", {"points": pairs, "closed": True}
    else:
        x1, y1, x2, y2 = shape.box
        kind, value = "rectanglelabels", {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
    result = {
        "id": identity,
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": value | {kind: [prelabel.label]},
    }
    return result if prelabel.score is None else result | {"score": prelabel.score}


def _configuration(manifest: Manifest) -> str:
    kind = "PolygonLabels" if manifest.masks else "RectangleLabels"
    labels = "\n".join(f"    <Label value={quoteattr(name)}/>" for name in manifest.classes)
    return (
        '<View>\n  <Header value="$reason"/>\n  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        f'  <{kind} name="label" toName="image">\n{labels}\n  </{kind}>\n</View>\n'
    )


def _key(data: dict[str, Any]) -> str | None:
    key = data.get("file_name")
    return key if isinstance(key, str) and key else None


def _image_name(data: dict[str, Any]) -> str:
    """The name of the image: of the value ``image``, else of the first one that has the suffix of an image."""
    values = [data.get("image"), *data.values()]
    names = (clean_name(value) for value in values if isinstance(value, str))
    return next((name for name in names if "." + name.rpartition(".")[2].lower() in IMAGE_SUFFIXES), "")


def _timing(row: dict[str, Any]) -> dict[str, Any]:
    """Seconds and time of an annotation."""
    seconds = row.get("lead_time")
    is_time = type(seconds) in (int, float) and math.isfinite(seconds) and seconds >= 0
    when = row.get("updated_at") or row.get("created_at")
    return {
        "seconds": float(seconds) if is_time else None,
        "when": str(when) if type(when) in (str, int, float) else None,
    }


def _annotator(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    return None if value is None else str(value)


def _with_results(results: Iterable[Any] | None, place: str, fields: dict[str, Any]) -> AnnotatedImage:
    shapes, unused, blocked, sizes, drawn = [], [], [], set(), False
    if results is None:
        blocked.append('it has no list "result", so whether the image is empty is not known; export it as JSON')
    for number, result in enumerate(results or (), start=1):
        try:
            shape, size = _shape(result)
            sizes.add(size)
            shapes.append(shape)
        except _NoObject as error:
            drawn |= result.get("type") in _DRAWN if isinstance(result, dict) else False
            unused.append(f"region {number}: {error}")
        except ValueError as error:
            blocked.append(f"region {number}: {error}")
    if len(sizes) > 1:
        blocked.append(f"its regions have different sizes of the image: {sorted(sizes)}")
    size = sizes.pop() if sizes else None
    return AnnotatedImage(
        shapes=tuple(shapes),
        size=size,
        place=place,
        unused=tuple(unused),
        drawn_unused=drawn,
        blocked=tuple(blocked),
        **fields,
    )


class _NoObject(Exception):
    """A result that is no object and takes none away."""


def _shape(result: Any) -> tuple[Shape, tuple[int, int]]:
    """The object of a result in shares of the image, and the size of the image in pixels."""
    kind = result.get("type") if isinstance(result, dict) else None
    kind = kind if isinstance(kind, str) else None
    if kind in _BARE:
        raise ValueError(f"a {kind} without a class; give it one")
    if kind not in _AREAS:
        raise _NoObject(f"{kind} is no object with an area")
    value = result.get("value") if isinstance(result.get("value"), dict) else {}
    names = value.get(_AREAS[kind])
    if not (isinstance(names, list) and len(names) == 1 and isinstance(names[0], str)):
        raise ValueError(f"expected one class, found {names}; leave one")
    if result.get("image_rotation") not in (0, None):
        raise ValueError(
            f"the image was turned by {result['image_rotation']} degrees; turn it back and draw the object anew"
        )
    width, height = numbers_of([result.get("original_width"), result.get("original_height")], "original size")
    if width < 1 or height < 1:
        raise ValueError(f"original size {width:g} x {height:g} is no size of an image")
    size = int(width), int(height)
    make = {"rectanglelabels": _rectangle, "polygonlabels": _polygon, "ellipselabels": _ellipse, "brushlabels": _brush}
    return scaled(make[kind](names[0], value, size), 1 / size[0], 1 / size[1]), size


def _rectangle(name: str, value: dict[str, Any], size: tuple[int, int]) -> Shape:
    """In pixels of an image of ``size``."""
    x, y, width, height = numbers_of([value.get(key) for key in ("x", "y", "width", "height")], "rectangle")
    (turn,) = numbers_of([value.get("rotation") or 0], "rotation")
    x, width, y, height = x * size[0] / 100, width * size[0] / 100, y * size[1] / 100, height * size[1] / 100
    box = x, y, x + width, y + height
    if turn % 360 == 0:
        return Shape(name, box)
    return Shape(name, box_around(rotated_corners(box, turn, (x, y))), rotated=True)


def _polygon(name: str, value: dict[str, Any], size: tuple[int, int]) -> Shape:
    pairs = value.get("points")
    if not (isinstance(pairs, list) and len(pairs) >= 3 and all(isinstance(p, list) and len(p) == 2 for p in pairs)):
        raise _NoObject("a polygon of fewer than three points has no area")
    numbers = numbers_of([number for pair in pairs for number in pair], "polygon")
    points = tuple(number * size[index % 2] / 100 for index, number in enumerate(numbers))
    return Shape(name, box_around(points), (points,))


def _ellipse(name: str, value: dict[str, Any], size: tuple[int, int]) -> Shape:
    """The box around an ellipse; its half axes are percent of the width and of the height."""
    x, y, across, down = numbers_of([value.get(key) for key in ("x", "y", "radiusX", "radiusY")], "ellipse")
    (turn,) = numbers_of([value.get("rotation") or 0], "rotation")
    x, across, y, down = x * size[0] / 100, across * size[0] / 100, y * size[1] / 100, down * size[1] / 100
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    half = math.hypot(across * cosine, down * sine), math.hypot(across * sine, down * cosine)
    return Shape(name, (x - half[0], y - half[1], x + half[0], y + half[1]), rotated=turn % 180 != 0)


def _brush(name: str, value: dict[str, Any], size: tuple[int, int]) -> Shape:
    if value.get("format", "rle") != "rle" or not isinstance(value.get("rle"), list):
        raise ValueError("a brush without its run lengths; export it as JSON")
    box, rle = decode_brush(value["rle"], size)
    if box is None:
        raise _NoObject("a brush that covers nothing")
    return Shape(name, box, rle=rle)


def _is_regions(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and any(isinstance(row, dict) and "original_width" in row for row in value)
    )


def _from_flat(region: Any) -> dict[str, Any]:
    """A region of JSON-MIN in the form of a result."""
    if not isinstance(region, dict):
        return {"type": "rectangle"}  # one without a class, which keeps its image back
    kind = next((kind for kind, names in _AREAS.items() if names in region), region.get("type", "region"))
    kept = {key: region.get(key) for key in ("original_width", "original_height", "image_rotation")}
    if kind == "region":  # a rectangle or polygon that has no class
        kind = "rectangle" if "width" in region else "polygon" if "points" in region else kind
    return kept | {"type": kind, "value": region}
