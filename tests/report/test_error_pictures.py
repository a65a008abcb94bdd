"""Pictures of a report show masks where both files have them, each beside its own box."""

from dataclasses import replace

import cv2
import numpy as np

from src.data.formats.outlines import as_outline
from src.evaluation.errors.analysis import analyse_errors
from src.evaluation.masks import encode_patch
from src.evaluation.metrics import evaluate
from src.report.drawing import class_colour
from src.report.error_pictures import draw_image
from tests.evaluation.scenes import entry, record, scene

BOXES = [(20, 20, 120, 120), (150, 150, 250, 250)]
SQUARES = [(30, 30), (160, 160)]  # corners of masks of 60 x 60 pixels inside the boxes


def _square(x, y):
    return as_outline([[x, y, x + 60, y, x + 60, y + 60, x, y + 60]])


def _picture(tmp_path, masks):
    """One image: a crowd without a mask and two objects; the detections come in another order, worst first."""
    image = entry(1, [(0, 0, 10, 10), *BOXES], [1, 1, 2], [True, False, False])
    records = [record(1, label, box, score) for label, box, score in ((2, BOXES[1], 0.6), (1, BOXES[0], 0.9))]
    if masks:
        outlines = (None, *(_square(*corner) for corner in SQUARES))
        image = replace(image, outlines=outlines, areas=np.full(3, np.nan))
        shapes = [encode_patch(np.ones((60, 60), bool), corner, (300, 300)) for corner in SQUARES[::-1]]
        records = [row | {"segmentation": shape} for row, shape in zip(records, shapes, strict=True)]
    path = tmp_path / image.file_name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.full((300, 300, 3), 100, np.uint8))[1].tobytes())
    annotations = scene(image, classes=2)
    analysis = analyse_errors(annotations, records, evaluate(annotations, records))
    return draw_image(analysis, 0, tmp_path, np.ones(2, bool))


def test_masks_lie_in_their_boxes_in_the_colour_of_their_class(tmp_path):
    plain, veiled = (_picture(tmp_path, masks) for masks in (False, True))
    zoom = 1000 / 300
    for half in (0, 1006):
        for (x, y), label in zip(SQUARES, (1, 2), strict=True):
            row, column = round((y + 30) * zoom), half + round((x + 30) * zoom)
            assert (plain[row, column] == 100).all()
            assert np.abs(veiled[row, column] - (0.6 * 100 + 0.4 * np.array(class_colour(label - 1)))).max() < 1
