"""Reference implementations for the tests: box geometry, matching, NMS and losses in plain NumPy loops; and random boxes."""

import numpy as np

KINDS = ("random", "small", "border", "none")


def random_boxes(rng: np.random.Generator, count: int, kind: str, height: int = 64, width: int = 64) -> np.ndarray:
    """Boxes (x1, y1, x2, y2), float32 [count, 4]: of 4 to 40 pixels, of 1 to 4 pixels ("small"), or touching the border of the image ("border")."""
    low, high = {"small": (1, 4), "random": (4, 40), "border": (4, 40), "none": (4, 40)}[kind]
    sides = rng.uniform(low, high, (count, 2))
    corner = rng.uniform(0, 1, (count, 2)) * (np.array([width, height]) - sides)
    if kind == "border":
        corner[::2, 0] = 0
        corner[1::2, 1] = height - sides[1::2, 1]
    return np.concatenate([corner, corner + sides], 1).astype(np.float32)


def intersection(a: np.ndarray, b: np.ndarray) -> float:
    """Area of the intersection of two boxes."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def area(box: np.ndarray) -> float:
    """Width times height."""
    return float(box[2] - box[0]) * float(box[3] - box[1])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    shared = intersection(a, b)
    return shared / (area(a) + area(b) - shared)


def iou_table(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """IoU of each row with each column."""
    return np.array([[iou(a, b) for b in columns] for a in rows]).reshape(len(rows), len(columns))


def encode(box: np.ndarray, anchor: np.ndarray, stds: tuple[float, ...]) -> np.ndarray:
    """Offsets from an anchor to a box (Ren et al. 2015, eq. 2), divided by stds."""
    w_a, h_a, w, h = anchor[2] - anchor[0], anchor[3] - anchor[1], box[2] - box[0], box[3] - box[1]
    dx = ((box[0] + box[2]) - (anchor[0] + anchor[2])) / 2 / w_a
    dy = ((box[1] + box[3]) - (anchor[1] + anchor[3])) / 2 / h_a
    return np.array([dx, dy, np.log(w / w_a), np.log(h / h_a)]) / stds


def decode(delta: np.ndarray, anchor: np.ndarray, stds: tuple[float, ...]) -> np.ndarray:
    """The box of offsets from an anchor, the inverse of `encode`."""
    w_a, h_a = anchor[2] - anchor[0], anchor[3] - anchor[1]
    dx, dy, dw, dh = np.asarray(delta, np.float64) * stds
    x, y = (anchor[0] + anchor[2]) / 2 + dx * w_a, (anchor[1] + anchor[3]) / 2 + dy * h_a
    w, h = w_a * np.exp(dw), h_a * np.exp(dh)
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def clip(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """The part of a box inside the image."""
    return np.clip(box, 0, [width, height, width, height])


def suppress(boxes: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy NMS of boxes sorted best first: a mask of the boxes that are kept."""
    kept: list[int] = []
    for index, box in enumerate(boxes):
        if all(iou(boxes[better], box) <= threshold for better in kept):
            kept.append(index)
    return np.isin(np.arange(len(boxes)), kept)


def match(
    anchors: np.ndarray,
    boxes: np.ndarray,
    crowds: np.ndarray,
    positive: float,
    negative: float,
    lowest_best: float,
) -> tuple[list[set[int]], np.ndarray]:
    """The ground-truth row that each anchor is matched to, as a set that is empty if there is none, and match labels (1, 0, -1).

    An anchor that is the best anchor of several objects is assigned to the one with the greatest IoU.
    """
    labels, rows = np.full(len(anchors), -1), [set() for _ in anchors]
    table = iou_table(boxes, anchors)
    for number, anchor in enumerate(anchors):
        best = table[:, number].max() if len(boxes) else 0.0
        if len(boxes):
            rows[number] = {int(table[:, number].argmax())}
        if best >= positive:
            labels[number] = 1
        elif best < negative:
            crowded = any(intersection(crowd, anchor) >= 0.5 * area(anchor) for crowd in crowds)
            labels[number] = -1 if crowded else 0
    assigned: dict[int, int] = {}
    for row in range(len(boxes)):
        if not len(anchors) or lowest_best >= positive or table[row].max() < max(lowest_best, 1e-12):
            continue
        number = int(table[row].argmax())
        if number not in assigned or table[row, number] > table[assigned[number], number]:
            assigned[number] = row
    for number, row in assigned.items():
        labels[number], rows[number] = 1, {row}
    return rows, labels


def smooth_l1(prediction: float, target: float, beta: float) -> float:
    """Smooth L1 loss of one number."""
    distance = abs(float(prediction) - float(target))
    return 0.5 * distance**2 / beta if distance < beta else distance - 0.5 * beta


def cross_entropy(logits: np.ndarray, label: int) -> float:
    """Softmax cross-entropy of one row."""
    logits = np.asarray(logits, np.float64)
    return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label])


def sigmoid_focal(logit: float, positive: bool, gamma: float, alpha: float) -> float:
    """Sigmoid focal loss of one class of one box, computed from probabilities."""
    p_t = 1 / (1 + np.exp(-float(logit))) if positive else 1 / (1 + np.exp(float(logit)))
    return (alpha if positive else 1 - alpha) * (1 - p_t) ** gamma * -np.log(p_t)


def mask_value(mask: np.ndarray, row: float, column: float) -> float:
    """Bilinear sample of a mask [M, M] over the unit square at one point: constant beyond the outer cell centres, 0 outside."""
    if not (0 <= row <= 1 and 0 <= column <= 1):
        return 0.0
    count = len(mask)
    y, x = (min(max(place * count - 0.5, 0), count - 1) for place in (row, column))
    top, left = int(y), int(x)
    bottom, right = min(top + 1, count - 1), min(left + 1, count - 1)
    above = mask[top, left] * (1 - (x - left)) + mask[top, right] * (x - left)
    below = mask[bottom, left] * (1 - (x - left)) + mask[bottom, right] * (x - left)
    return float(above * (1 - (y - top)) + below * (y - top))


def blobs(rng: np.random.Generator, count: int, cells: int) -> np.ndarray:
    """Masks of random ellipses: uint8 [count, cells, cells], 0 or 1."""
    place = (np.arange(cells) + 0.5) / cells - 0.5
    radii = rng.uniform(0.2, 0.6, (count, 2, 1, 1))
    return ((place[:, None] / radii[:, 0]) ** 2 + (place / radii[:, 1]) ** 2 <= 1).astype(np.uint8)
