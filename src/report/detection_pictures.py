"""Pictures of detections: one JPEG file per image."""

from pathlib import Path

import cv2
import numpy as np

from src.data.annotations import ImageEntry, image_path
from src.data.images import read_image
from src.evaluation.records import SHOWN_SCORE, Detections
from src.files import write_atomically
from src.report.drawing import draw


def picture_path(folder: Path, entry: ImageEntry) -> Path:
    """Path of the picture of an image; it keeps the suffix, because a.png and a.jpg may both exist."""
    return folder / f"{entry.file_name}_infer.jpg"


def picture_of(entry: ImageEntry, found: Detections, class_names: list[str], img_dir: str | None) -> np.ndarray:
    """The image with its detections of at least SHOWN_SCORE drawn: uint8 [H, W, 3], RGB."""
    image = read_image(image_path(entry, img_dir))
    shown = found.scores >= SHOWN_SCORE
    masks = () if found.masks is None else [found.masks[row] for row in np.flatnonzero(shown)]
    boxes, labels, scores = found.boxes[shown], found.labels[shown], found.scores[shown]
    return draw(image, boxes, labels, scores, class_names, masks=masks)


def write_picture(path: Path, picture: np.ndarray, overwrite: bool) -> None:
    """Write an RGB picture, uint8 [H, W, 3], as JPEG."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1])
    write_atomically(path, lambda temporary: temporary.write_bytes(data.tobytes()), overwrite)
