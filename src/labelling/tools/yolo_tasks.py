"""Ultralytics YOLO: data.yaml and a label file per image, with the pre-labels; read back by ``src.data.formats.tools.yolo``.

Scores are not written: Ultralytics takes a line of six numbers for a broken one.
"""

import json
from pathlib import PurePosixPath

from src.data.formats.tools.annotated import scaled
from src.labelling.task import Manifest, Task


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """data.yaml, classes.txt for the tools that want it, and labels/ as images/ are named."""
    names = "".join(
        f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(manifest.classes)
    )
    found = {
        "data.yaml": f"path: .\ntrain: images\nval: images\nnames:\n{names}",
        "classes.txt": "".join(f"{name}\n" for name in manifest.classes),
    }
    for task in manifest.tasks:
        place = PurePosixPath("labels", task.name).with_suffix(".txt")
        found[place.as_posix()] = _lines(task, manifest.classes)
    return found


def _lines(task: Task, classes: list[str]) -> str:
    lines = []
    for prelabel in task.prelabels:
        shape = scaled(prelabel.shape, 1 / task.width, 1 / task.height)
        x1, y1, x2, y2 = shape.box
        numbers = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        if shape.polygons:
            numbers = max(shape.polygons, key=len)  # a line is one polygon
        lines.append(" ".join([str(classes.index(prelabel.label)), *(f"{number:.9f}" for number in numbers)]) + "\n")
    return "".join(lines)
