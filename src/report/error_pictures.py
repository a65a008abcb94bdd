"""Pictures of a report: ground truth beside detections, masks where there are any, errors with thick lines."""

from pathlib import Path

import numpy as np

from src.data.annotations import ImageEntry, image_path
from src.data.formats.outlines import whole_mask
from src.data.images import read_image
from src.evaluation.errors.advice import TITLES
from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_types import ERROR_TYPES, MISSED
from src.evaluation.masks import Rle
from src.report.drawing import PAGE_SIDE, draw
from src.report.pages import Picture, inline_image
from src.wording import counted

_SHOWN_IMAGES = 12


def worst_pictures(analysis: ErrorAnalysis, img_dir: str | Path) -> list[Picture]:
    """The images with most errors; thick lines: false negatives, and false positives from ``analysis.threshold`` on."""
    marked = analysis.images.false_negative, ~analysis.matches.true_positive
    return [
        compare_pictures(analysis, index, img_dir, analysis.images.kept, f"{name}: {caption}", marked)
        for index, (name, caption) in zip(_worst(analysis), worst_captions(analysis), strict=True)
    ]


def worst_captions(analysis: ErrorAnalysis) -> list[tuple[str, str]]:
    """Name of each of the images with most errors, and the errors in words."""
    return [(analysis.annotations.images[index].file_name, _caption(analysis, index)) for index in _worst(analysis)]


def _worst(analysis: ErrorAnalysis) -> list[int]:
    found = analysis.images
    return [index for index in found.order[:_SHOWN_IMAGES].tolist() if found.errors[index]]


def compare_pictures(
    analysis: ErrorAnalysis,
    index: int,
    img_dir: str | Path,
    shown: np.ndarray,
    caption: str,
    marked: tuple[np.ndarray, np.ndarray] | None = None,
) -> Picture:
    """One image twice: with its ground truth, and with detections.

    Args:
        analysis: of the data set; index: of the image in it; img_dir: folder of the images.
        shown: bool [D], the detections that are drawn.
        marked: bool [G] and bool [D], objects and detections with thick lines; None: none is marked.
    """
    matches, entry = analysis.matches, analysis.annotations.images[index]
    image, names = read_image(image_path(entry, img_dir)), matches.class_names
    truth, found = np.flatnonzero(matches.object_image == index), np.flatnonzero((matches.image == index) & shown)
    left = draw(
        image,
        _corners(matches.object_box[truth]),
        matches.object_label[truth],
        None,
        names,
        title="ground truth",
        marked=None if marked is None else marked[0][truth],
        masks=_object_masks(entry),
        long_side=PAGE_SIDE,
    )
    right = draw(
        image,
        _corners(matches.box[found]),
        matches.label[found],
        matches.score[found],
        names,
        marked=None if marked is None else marked[1][found],
        masks=_detection_masks(analysis, found),
        long_side=PAGE_SIDE,
    )
    pair = (left, f"{entry.file_name}, ground truth"), (right, f"{entry.file_name}, detections")
    return Picture(tuple(inline_image(pixels, alt) for pixels, alt in pair), caption)


def _object_masks(entry: ImageEntry) -> list[Rle]:
    """The masks of the objects of an image, none if they were not read."""
    outlines = () if entry.outlines is None else entry.outlines
    return [
        whole_mask(outline, (entry.width, entry.height))
        for outline, crowd in zip(outlines, entry.crowd[: len(outlines)], strict=True)
        if not crowd
    ]


def _detection_masks(analysis: ErrorAnalysis, shown: np.ndarray) -> list[Rle]:
    """The masks of the chosen detections, none if they have none."""
    records = [analysis.records[place] for place in analysis.matches.record[shown].tolist()]
    return [record["segmentation"] for record in records if "segmentation" in record]


def _caption(analysis: ErrorAnalysis, index: int) -> str:
    found = analysis.images
    missing, false_positives = int(found.false_negatives[index]), found.false_positives[index].tolist()
    parts = [f"{missing} of {counted(int(found.objects[index]), 'object')} not found"] if missing else []
    types = zip(ERROR_TYPES[:MISSED], false_positives, strict=True)
    counts = ", ".join(f"{count} {TITLES[name]}" for name, count in types if count)
    return "; ".join([*parts, *([f"false positives: {counts}"] if counts else [])])


def _corners(box: np.ndarray) -> np.ndarray:
    """(x, y, width, height) to (x1, y1, x2, y2)."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1)
