"""Ground truth and detections for tests of evaluation: by hand, and random ones with errors of every kind."""

import numpy as np

from src.data.annotations import Annotations, ImageEntry

CLASS_NAMES = ("cat", "hund", "猫")
CATEGORY_IDS = (3, 7, 8)


def entry(image_id: int, boxes=(), labels=(), crowd=None) -> ImageEntry:
    """An image of 300x300 pixels; boxes (x1, y1, x2, y2), labels from 1."""
    crowd = np.zeros(len(labels), bool) if crowd is None else np.array(crowd, bool)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return ImageEntry(image_id, f"sub/{image_id} ü.png", 300, 300, True, boxes, np.array(labels, np.int32), crowd)


def scene(*entries: ImageEntry, classes: int = 3) -> Annotations:
    """Images of the first classes of CLASS_NAMES."""
    return Annotations(CLASS_NAMES[:classes], CATEGORY_IDS[:classes], entries)


def record(image_id: int, label: int, box, score: float) -> dict:
    """A COCO result record of a box (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = (float(value) for value in box)
    box = [x1, y1, x2 - x1, y2 - y1]
    return {"image_id": image_id, "category_id": CATEGORY_IDS[label - 1], "bbox": box, "score": float(score)}


def random_scene(seed: int, objects: int = 8, crowds: float = 0.15, side: float = 150) -> tuple[Annotations, list]:
    """Objects anywhere; detections near them, of a wrong class now and then, and some out of the blue; scores may tie."""
    rng = np.random.default_rng(seed)
    entries, records = [], []
    for image_id in range(10, 10 + rng.integers(2, 8)):
        count = rng.integers(0, objects + 1)
        boxes, labels = _boxes(rng, count, side), rng.integers(1, 4, count)
        entries.append(entry(image_id, boxes, labels, rng.random(count) < crowds))
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        near = [boxes + rng.normal(0, spread, boxes.shape) * sides for spread in (0.05, 0.25)]
        near = [np.concatenate([np.minimum(box[:, :2], box[:, 2:] - 1), box[:, 2:]], 1) for box in near]
        guesses = [(box, label) for box, label in zip(np.concatenate(near), np.tile(labels, 2), strict=True)]
        guesses += [(box, rng.integers(1, 4)) for box in np.concatenate([near[0], _boxes(rng, 5, side)])]
        records += [record(image_id, label, box, rng.integers(1, 40) / 40) for box, label in guesses]
    return scene(*entries), records


def _boxes(rng, count: int, side: float) -> np.ndarray:
    corner = rng.uniform(0, 300 - side, (count, 2)).astype(np.float32)
    return np.concatenate([corner, corner + rng.uniform(2, side, (count, 2)).astype(np.float32)], 1)


RANDOM = [random_scene(seed) for seed in range(12)]
RANDOM += [random_scene(seed, objects=60, crowds=0.5) for seed in (20, 21)]  # more than 100 detections, many crowds
RANDOM += [random_scene(seed, side=30) for seed in (30, 31)]
EMPTY = [(RANDOM[0][0], []), (scene(entry(1), entry(2)), []), (scene(entry(1)), [record(1, 1, (0, 0, 9, 9), 0.5)])]
