"""The worst images of a report: ground truth beside detections, the mistakes drawn with thick lines."""

from html import escape
from pathlib import Path

import numpy as np

from src.data.annotations import image_path
from src.data.images import read_image
from src.evaluation.advice import SPOKEN
from src.evaluation.error_kinds import KINDS, MISSED
from src.evaluation.markup import at_least, note, picture, table
from src.evaluation.pictures import draw
from src.evaluation.study import Study

_SHOWN_IMAGES = 12


def worst_pictures(study: Study, img_dir: str | Path | None) -> str:
    """The images with most mistakes: drawn if the images are there, else by name.

    A mistake is a wrong detection with a score of at least ``study.limit``, or an object that no such detection has found.
    """
    found = study.images
    worst = [index for index in found.order[:_SHOWN_IMAGES].tolist() if found.mistakes[index]]
    if not worst:
        return note("No image has a mistake.")
    rule = (
        f"Those with the most mistakes: wrong detections with a score of {at_least(study.limit)} or more, and objects that none of "
        "these has found. All images in this order: images.csv."
    )
    if img_dir is None:
        rows = [[escape(study.annotations.images[index].file_name), escape(_caption(study, index))] for index in worst]
        return note(f"{rule} To see them, give --eval_img_dir.") + table(["image", "mistakes"], rows, ("", "text"))
    rule += " Ground truth is on the left, detections are on the right; thick lines: not found, or wrong."
    return note(rule) + "\n".join(_picture(study, index, img_dir) for index in worst)


def _picture(study: Study, index: int, img_dir: str | Path) -> str:
    matches, entry = study.matches, study.annotations.images[index]
    shown = np.flatnonzero((matches.image == index) & study.images.kept)
    truth = np.flatnonzero(matches.object_image == index)
    drawing = draw(
        read_image(image_path(entry, img_dir)),
        _corners(matches.box[shown]),
        matches.label[shown],
        matches.score[shown],
        matches.class_names,
        (_corners(matches.object_box[truth]), matches.object_label[truth]),
        (study.images.lost[truth], ~matches.right[shown]),
    )
    return picture(drawing, entry.file_name, f"{entry.file_name}: {_caption(study, index)}")


def _caption(study: Study, index: int) -> str:
    """What is wrong in an image."""
    found = study.images
    told = [f"{found.not_found[index]} of {found.objects[index]} objects not found"] if found.not_found[index] else []
    told += [
        f"{count} {SPOKEN[name]}"
        for name, count in zip(KINDS[:MISSED], found.wrong[index].tolist(), strict=True)
        if count
    ]
    return ", ".join(told)


def _corners(box: np.ndarray) -> np.ndarray:
    """(x, y, width, height) to (x1, y1, x2, y2)."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)
