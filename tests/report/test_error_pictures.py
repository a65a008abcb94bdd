"""Pictures of a report show masks where both files have them, each beside its own box."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from src.data.formats.outlines import as_outline
from src.evaluation.errors.analysis import analyse_errors
from src.evaluation.masks import encode_patch
from src.evaluation.metrics import evaluate
from src.report.drawing import class_colour
from src.report.error_pictures import compare_pictures
from tests.evaluation.scenes import entry, record, scene
from tests.report.inline import pixels

BOXES = [(20, 20, 120, 120), (150, 150, 250, 250)]
SQUARES = [(30, 30), (160, 160)]  # corners of masks of 60 x 60 pixels inside the boxes


def _square(x, y):
    return as_outline([[x, y, x + 60, y, x + 60, y + 60, x, y + 60]])


def _pictures(tmp_path, masks):
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
    return [pixels(image) for image in compare_pictures(analysis, 0, tmp_path, np.ones(2, bool), "a caption").images]


def test_masks_lie_in_their_boxes_in_the_colour_of_their_class(tmp_path):
    for plain, veiled in zip(*(_pictures(tmp_path, masks) for masks in (False, True)), strict=True):
        zoom = plain.shape[1] / 300
        for (x, y), label in zip(SQUARES, (1, 2), strict=True):
            row, column = round((y + 30) * zoom), round((x + 30) * zoom)
            assert np.abs(plain[row, column] - 100.0).max() < 9
            assert np.abs(veiled[row, column] - (0.6 * 100 + 0.4 * np.array(class_colour(label - 1)))).max() < 9


def test_ground_truth_comes_first_and_each_picture_says_what_it_is(tmp_path):
    image = entry(1, [BOXES[0]], [1])
    (tmp_path / image.file_name).parent.mkdir(exist_ok=True)
    Image.new("RGB", (300, 300), (100, 100, 100)).save(tmp_path / image.file_name)
    annotations = scene(image, classes=2)
    records = [record(1, 2, BOXES[1], 0.9)]
    analysis = analyse_errors(annotations, records, evaluate(annotations, records))
    picture = compare_pictures(analysis, 0, tmp_path, np.ones(1, bool), "a caption")
    assert [part.alt for part in picture.images] == [
        f"{image.file_name}, {what}" for what in ("ground truth", "detections")
    ]
    for part, (x1, _, _, _), label, other in zip(picture.images, BOXES, (1, 2), (2, 1), strict=True):
        drawn, zoom = pixels(part), part.width / 300
        line = drawn[round(200 * zoom) if label == 2 else round(70 * zoom), round(x1 * zoom)]
        assert np.abs(line - np.array(class_colour(label - 1))).max() < 60
        assert np.abs(drawn[: part.width] - np.array(class_colour(other - 1))).max(axis=2).min() > 60, "no other class"
