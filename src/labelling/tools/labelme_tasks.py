"""LabelMe: a JSON file beside each image, with the pre-labels; read back by ``src.data.formats.tools.labelme``."""

import json
from pathlib import PurePosixPath
from typing import Any

from src.data.formats.tools.labelme import KEY, REVIEWED, SKIP
from src.labelling.task import Manifest, Prelabel

_VERSION = "5.5.0"  # of LabelMe, whose form this is


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """The JSON files, a list of classes, and the flags that a labeller ticks; they lie where the images lie."""
    found = {
        "labels.txt": "".join(f"{name}\n" for name in manifest.classes),
        "flags.txt": f"{REVIEWED}\n{SKIP}\n",
    }
    for task in manifest.tasks:
        shapes = [shape for number, row in enumerate(task.prelabels, start=1) for shape in _shapes(row, number)]
        content = {
            "version": _VERSION,
            "flags": {REVIEWED: False, SKIP: False},
            "shapes": shapes,
            "imagePath": PurePosixPath(task.name).name,
            "imageData": None,
            "imageHeight": task.height,
            "imageWidth": task.width,
            KEY: task.file_name,
            "reason": task.reason,
        }
        place = PurePosixPath(image_root, task.name).with_suffix(".json")
        found[place.as_posix()] = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    return found


def _shapes(prelabel: Prelabel, group: int) -> list[dict[str, Any]]:
    """One object: a rectangle, or polygons that are joined by their group."""
    x1, y1, x2, y2 = prelabel.shape.box
    outlines = [("rectangle", [[x1, y1], [x2, y2]])]
    if prelabel.segmentation:
        pairs = (zip(polygon[::2], polygon[1::2], strict=True) for polygon in prelabel.segmentation)
        outlines = [("polygon", [list(pair) for pair in polygon]) for polygon in pairs]
    return [
        {
            "label": prelabel.label,
            "points": points,
            "group_id": group if len(outlines) > 1 else None,
            "description": "" if prelabel.score is None else f"score {prelabel.score:.3f}",
            "shape_type": kind,
            "flags": {},
            "mask": None,
        }
        for kind, points in outlines
    ]
