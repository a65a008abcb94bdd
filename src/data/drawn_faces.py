"""Draw faces with and without masks on textured backgrounds, with the outline of the visible part of each face."""

from collections.abc import Sequence

import cv2
import numpy as np

CLASSES = ("with_mask", "without_mask", "mask_weared_incorrect")
SHARES = (0.45, 0.35, 0.2)  # class probabilities; the rarest class is that of the real data set, but less rare
FACES = (1, 5)  # per picture
SIDE = (16, 48)  # pixels, width of a face

_SKIN = ((255, 224, 196), (241, 194, 150), (224, 172, 120), (172, 118, 76), (122, 78, 48), (84, 54, 36))
_HAIR = ((30, 24, 20), (70, 44, 24), (130, 84, 40), (200, 160, 90), (150, 60, 30), (170, 170, 170))
_MASK = ((240, 244, 248), (120, 180, 225), (110, 200, 190), (50, 60, 90), (235, 170, 190))
_SUPERSAMPLING = 4  # drawn this many times larger and downsampled, for smooth edges


def draw_background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A colour gradient with coarse texture and a few boxes, discs and lines; uint8 [H, W, 3]."""
    corners = rng.integers(40, 216, (2, 2, 3)).astype(np.float32)
    background = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    texture = rng.normal(0, 14, (height // 8 + 1, width // 8 + 1, 3)).astype(np.float32)
    background += cv2.resize(texture, (width, height), interpolation=cv2.INTER_CUBIC)
    background = np.clip(background, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(2, 6)):
        colour = rng.integers(0, 256, 3).tolist()
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(min(width, height) // 12 + 1, min(width, height) // 3 + 2))
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(background, (x, y), (x + size, y + int(rng.integers(2, 2 * size + 3))), colour, -1)
        elif kind == 1:
            cv2.circle(background, (x, y), size // 2, colour, -1)
        else:
            cv2.line(background, (x, y), tuple(rng.integers(0, (width, height)).tolist()), colour, max(1, size // 8))
    return background


def draw_face(
    canvas: np.ndarray, box: tuple[float, float, float, float], kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Draw one face that fills ``box`` (x1, y1, x2, y2) of ``canvas`` uint8 [H, W, 3], in place.

    Returns:
        uint8 [H, W], 1 where the face is.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1

    def at(x: float, y: float) -> tuple[int, int]:
        """A point of the face, 0..1 across and down."""
        return round(x1 + x * width), round(y1 + y * height)

    def oval(x: float, y: float, rx: float, ry: float, colour: Sequence[int], arc: tuple[int, int] = (0, 360)) -> None:
        cv2.ellipse(canvas, at(x, y), (round(rx * width), round(ry * height)), 0, *arc, colour, -1, cv2.LINE_AA)

    tint = rng.integers(-12, 13)
    skin = [int(np.clip(value + tint, 0, 255)) for value in _SKIN[rng.integers(len(_SKIN))]]
    hair = _HAIR[rng.integers(len(_HAIR))]
    dark = [value // 3 for value in skin]
    oval(0.5, 0.5, 0.5, 0.5, hair if rng.random() < 0.4 else skin)  # long hair frames the face
    oval(0.5, 0.56, 0.42, 0.44, skin)
    oval(0.5, 0.42, 0.5, 0.42, hair, (180, 360))
    oval(0.5, 0.42, 0.4, rng.uniform(0.1, 0.24), skin, (180, 360))
    for x in (0.32, 0.68):
        oval(x, 0.46, 0.09, 0.05, (250, 250, 250))
        oval(x + rng.uniform(-0.02, 0.02), 0.46, 0.045, 0.05, dark)
    cv2.line(canvas, at(0.5, 0.5), at(0.5, 0.64), dark, max(1, round(width / 24)))
    oval(0.5, 0.75, rng.uniform(0.12, 0.2), rng.uniform(0.03, 0.06), (170, 60, 70))
    covered = np.zeros(canvas.shape[:2], np.uint8)
    cv2.ellipse(covered, at(0.5, 0.5), (round(width / 2), round(height / 2)), 0, 0, 360, 1, -1)
    if kind == "without_mask":
        return covered
    cover = _MASK[rng.integers(len(_MASK))]
    top = rng.uniform(0.54, 0.6) if kind == "with_mask" else rng.uniform(0.74, 0.79)
    corners = [at(0.1, top), at(0.9, top), at(0.84, 0.86), at(0.66, 0.99), at(0.34, 0.99), at(0.16, 0.86)]
    cv2.fillPoly(canvas, [np.array(corners)], cover, cv2.LINE_AA)
    cv2.fillPoly(covered, [np.array(corners)], 1)
    shade = [value * 3 // 4 for value in cover]
    for y in np.linspace(top + 0.04, 0.95, 4)[1:-1]:  # folds
        cv2.line(canvas, at(0.2, y), at(0.8, y), shade, max(1, round(width / 30)))
    for x in (0.1, 0.9):  # straps
        cv2.line(canvas, at(x, top), at(round(x), 0.48), cover, max(1, round(width / 30)))
        cv2.line(covered, at(x, top), at(round(x), 0.48), 1, max(1, round(width / 30)))
    return covered


def outlines(covered: Sequence[np.ndarray]) -> list[list[list[float]]]:
    """COCO polygons of the visible part of each object, in pixels of the picture.

    Args:
        covered: uint8 [H, W] mask of each object, before downsampling; later objects occlude earlier ones.
    """
    free, found = np.ones_like(covered[0]), []
    for whole in reversed(covered):
        parts, _ = cv2.findContours(whole & free, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        rough = [cv2.approxPolyDP(part, 1.0, True)[:, 0] for part in parts]
        # Contours run through the centres of the outermost pixels.
        found.append([((part + 0.5) / _SUPERSAMPLING).round(2).ravel().tolist() for part in rough if len(part) > 2])
        free &= 1 - whole
    return found[::-1]


def place_faces(rng: np.random.Generator, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Boxes (x1, y1, x2, y2) inside the picture that overlap at most a little; at least one."""
    boxes: list[tuple[int, int, int, int]] = []
    wanted = rng.integers(FACES[0], FACES[1] + 1)
    for _ in range(20 * wanted):
        side = int(rng.integers(SIDE[0], SIDE[1] + 1))
        tall = min(round(side * rng.uniform(1.1, 1.35)), height)
        x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - tall + 1))
        gap = side // 8
        free = all(x + side <= a + gap or c <= x + gap or y + tall <= b + gap or d <= y + gap for a, b, c, d in boxes)
        if free and len(boxes) < wanted:
            boxes.append((x, y, x + side, y + tall))
    return boxes


def make_picture(
    rng: np.random.Generator, width: int, height: int
) -> tuple[np.ndarray, list[tuple[str, tuple]], list[list[list[float]]]]:
    """One picture uint8 [H, W, 3], its objects (class name, box in pixels) and their ``outlines``."""
    large = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    canvas = cv2.resize(draw_background(rng, width, height), large, interpolation=cv2.INTER_LINEAR)
    objects = [(CLASSES[rng.choice(len(CLASSES), p=SHARES)], box) for box in place_faces(rng, width, height)]
    covered = [draw_face(canvas, tuple(_SUPERSAMPLING * value for value in box), kind, rng) for kind, box in objects]
    picture = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    picture = picture * rng.uniform(0.75, 1.15) + rng.normal(0, 4, picture.shape)  # light and sensor noise
    return np.clip(picture, 0, 255).astype(np.uint8), objects, outlines(covered)
