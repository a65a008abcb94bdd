"""Images with one object of each of two classes, whose masks differ from their boxes, as a COCO dataset with masks."""

import json
from pathlib import Path

import cv2
import numpy as np

SIDE = 64  # pixels of an image
# Polygons in a unit square: an L along its left and lower side, and a U open to the right.
SHAPES = {
    "corner": [(0, 0), (0.4, 0), (0.4, 0.6), (1, 0.6), (1, 1), (0, 1)],
    "frame": [(0, 0), (1, 0), (1, 0.3), (0.4, 0.3), (0.4, 0.7), (1, 0.7), (1, 1), (0, 1)],
}
COLOURS = ((220, 60, 40), (40, 90, 230))


def write_shapes(folder: Path, labelled: int, unlabelled: int) -> None:
    """Write folder/images, val.json of the labelled images, and train.json of all."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    images, rows = [], []
    for image in range(labelled + unlabelled):
        picture = rng.integers(60, 120, (SIDE, SIDE, 3), dtype=np.uint8)
        for label, (y, shape) in enumerate(zip((4, 34), SHAPES.values())):
            x, side = int(rng.integers(2, 36)), int(rng.integers(18, 26))
            points = np.array([(x, y)]) + np.array(shape) * side
            cv2.fillPoly(picture, [points.round().astype(int)], COLOURS[label])
            row = {"id": len(rows) + 1, "image_id": image, "category_id": label + 1, "iscrowd": 0, "area": side**2 / 2}
            rows.append(row | {"bbox": [x, y, side, side], "segmentation": [points.ravel().tolist()]})
        cv2.imwrite(str(folder / "images" / f"{image}.png"), picture)
        images.append({"id": image, "file_name": f"{image}.png", "width": SIDE, "height": SIDE})
    categories = [{"id": number, "name": name} for number, name in enumerate(SHAPES, 1)]
    known = {"images": images[:labelled], "annotations": rows[: 2 * labelled], "categories": categories}
    hidden = [image | {"labelled": False} for image in images[labelled:]]
    (folder / "val.json").write_text(json.dumps(known))
    (folder / "train.json").write_text(json.dumps(known | {"images": images[:labelled] + hidden}))
