"""The worst images of a report: ground truth beside detections, masks where there are any, errors drawn with thick lines."""

from html import escape
from pathlib import Path

import numpy as np

from src.data.annotations import ImageEntry, image_path
from src.data.formats.outlines import whole_mask
from src.data.images import read_image
from src.evaluation.errors.advice import TITLES
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_types import ERROR_TYPES, MISSED
from src.evaluation.masks import Rle
from src.report.drawing import draw
from src.report.markup import at_least, note, picture, table

_SHOWN_IMAGES = 12


def worst_pictures(analysis: ErrorAnalysis, img_dir: str | Path | None) -> str:
    """The images with most errors: drawn if the images are there, else by name.

    A error is a wrong detection with a score of at least ``analysis.threshold``, or an object that no such detection has found.
    """
    found = analysis.images
    worst = [index for index in found.order[:_SHOWN_IMAGES].tolist() if found.errors[index]]
    if not worst:
        return note("No image has a error.")
    rule = (
        f"Those with the most errors: wrong detections with a score of {at_least(analysis.threshold)} or more, and objects that none of "
        "these has found. All images in this order: images.csv."
    )
    if img_dir is None:
        rows = [
            [escape(analysis.annotations.images[index].file_name), escape(_caption(analysis, index))] for index in worst
        ]
        return note(f"{rule} To see them, give --eval_img_dir.") + table(["image", "mistakes"], rows, ("", "text"))
    rule += " Ground truth is on the left, detections are on the right; thick lines: not found, or wrong."
    marked = found.false_negative, ~analysis.matches.true_positive
    parts = [note(rule)]
    for index in worst:
        name = analysis.annotations.images[index].file_name
        drawing = draw_image(analysis, index, img_dir, found.kept, marked)
        parts.append(picture(drawing, name, f"{name}: {_caption(analysis, index)}"))
    return "\n".join(parts)


def draw_image(
    analysis: ErrorAnalysis,
    index: int,
    img_dir: str | Path,
    shown: np.ndarray,
    marked: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """One image with its ground truth on the left and detections on the right.

    Args:
        analysis: of the data set; index: of the image in it; img_dir: folder of the images.
        shown: bool [D], the detections that are drawn.
        marked: bool [G] and bool [D], objects and detections with thick lines; None: all look alike.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    matches = analysis.matches
    shown = np.flatnonzero((matches.image == index) & shown)
    truth = np.flatnonzero(matches.object_image == index)
    return draw(
        read_image(image_path(analysis.annotations.images[index], img_dir)),
        _corners(matches.box[shown]),
        matches.label[shown],
        matches.score[shown],
        matches.class_names,
        (_corners(matches.object_box[truth]), matches.object_label[truth]),
        None if marked is None else (marked[0][truth], marked[1][shown]),
        (_object_masks(analysis.annotations.images[index]), _found_masks(analysis, shown)),
    )


def _object_masks(entry: ImageEntry) -> list[Rle]:
    """The masks of the objects of an image, none if they were not read."""
    outlines = () if entry.outlines is None else entry.outlines
    return [
        whole_mask(outline, (entry.width, entry.height))
        for outline, crowd in zip(outlines, entry.crowd[: len(outlines)], strict=True)
        if not crowd
    ]


def _found_masks(analysis: ErrorAnalysis, shown: np.ndarray) -> list[Rle]:
    """The masks of the chosen detections, none if they have none."""
    records = [analysis.records[place] for place in analysis.matches.record[shown].tolist()]
    return [record["segmentation"] for record in records if "segmentation" in record]


def _caption(analysis: ErrorAnalysis, index: int) -> str:
    """What is wrong in an image."""
    found = analysis.images
    told = (
        [f"{found.false_negatives[index]} of {found.objects[index]} objects not found"]
        if found.false_negatives[index]
        else []
    )
    told += [
        f"{count} {TITLES[name]}"
        for name, count in zip(ERROR_TYPES[:MISSED], found.false_positives[index].tolist(), strict=True)
        if count
    ]
    return ", ".join(told)


def _corners(box: np.ndarray) -> np.ndarray:
    """(x, y, width, height) to (x1, y1, x2, y2)."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)
