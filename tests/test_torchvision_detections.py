"""Converted torchvision detectors detect what torchvision detects: full size, weights from a formula, three small pictures."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from src.checkpoint.convert.detector_layouts import foreign_detector
from src.checkpoint.pretrained import load_weights
from src.config.load import load_config
from src.data.augment.transforms import fit_to_input
from src.evaluation.masks import Pasting, decode_mask, paste
from src.exporting.runner import numpy_forward
from src.systems import build_network
from tools import formula_weights

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 320, 224  # torchvision pads a batch to the largest image in it
PIXELS, SCORE = 0.5, 0.01  # of the picture; the figures that are reached lie far below
CLOSE = 1e-3  # scores that differ by less may change places
MASK_IOU = 0.99  # of pixels
MASK = 1e-3  # a probability of a mask; 2e-5 is reached, which is how finely they are written down


def golden(name: str) -> dict:
    """What torchvision found."""
    return json.loads((ROOT / "tests" / "golden" / name).read_text(encoding="utf-8"))


def converted(system: str):
    """The detector of the formula, converted."""
    words = ["--config_path", str(ROOT / "configs" / f"{system}_torchvision.yaml")]
    words += ["--img_width", str(WIDTH), "--img_height", str(HEIGHT)]
    found = foreign_detector(formula_weights.weights(masks=system == "mask_rcnn"), "a formula")
    network = build_network(load_config("", words), found.class_count)
    report = load_weights(network, found.weights, "a formula")
    assert not report.missing and not report.other_classes and not report.unused
    network.set_train(False)
    return network


def detect(network) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Of each picture its best: rows of label, score, x1, y1, x2, y2 in pixels of the picture; and masks if there are any."""
    pictures = [formula_weights.picture(*size) for size in formula_weights.PICTURE_SIZES]
    fitted = [fit_to_input(picture, HEIGHT, WIDTH, True, formula_weights.SIDES) for picture in pictures]
    images = np.stack([image.transpose(2, 0, 1) for image, _ in fitted])
    sizes = np.array([np.array(picture.shape[:2]) * scale[::-1] for picture, (_, scale) in zip(pictures, fitted)])
    boxes, scores, labels, _, valid, *masks = numpy_forward(network)(images, sizes.round().astype(np.float32))
    assert valid.all()
    scales = np.array([[*scale, *scale] for _, scale in fitted])
    rows = np.concatenate([labels[..., None], scores[..., None], boxes / scales[:, None]], -1)
    return list(rows), masks[0] if masks else None


def places(found: np.ndarray, rows: list) -> list[int]:
    """Where among the detections each of torchvision's is, by box, score and class; each at a place of its own."""
    taken = []
    for row, (label, score, *box) in enumerate(rows):
        near = [at for at in range(len(found)) if at == row or abs(found[at, 1] - found[row, 1]) < CLOSE]
        fits = [
            at
            for at in near
            if found[at, 0] == label
            and abs(found[at, 1] - score) <= SCORE
            and np.abs(found[at, 2:] - box).max() <= PIXELS
        ]
        assert fits, f"row {row}: wanted {label, score, box}, found {found[row]}"
        taken.append(fits[0])
    assert len(set(taken)) == len(rows)
    return taken


def iou_of_runs(found: np.ndarray, runs: list[int]) -> float:
    """IoU of pixels bool [H, W] with those of COCO's uncompressed RLE; 1 if there are none."""
    wanted = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(found.T.shape).T
    return float((found & wanted).sum() / max((found | wanted).sum(), 1)) if found.any() or wanted.any() else 1.0


@pytest.mark.usefixtures("pynative")
def test_same_boxes_scores_classes_and_order():
    wanted = golden("torchvision_detections.json")["detections"]
    assert len(wanted) == 3 and all(len({row[0] for row in rows}) > 20 for rows in wanted)
    found, masks = detect(converted("faster_rcnn"))
    assert masks is None
    for image, rows in zip(found, wanted, strict=True):
        places(image, rows)


@pytest.mark.usefixtures("pynative")
def test_same_masks():
    wanted = golden("torchvision_masks.json")
    found, masks = detect(converted("mask_rcnn"))
    for image, rows in enumerate(wanted["detections"]):
        at = places(found[image], rows)
        numbers = np.frombuffer(base64.b64decode(wanted["cells"][image]), "<u2")
        cells = numbers.reshape(-1, *masks.shape[2:]) / 65535
        ours = masks[image, at[: len(cells)]]
        assert len(cells) == 8 and cells.min() < 0.1 and cells.max() > 0.9
        np.testing.assert_allclose(ours, cells, atol=MASK)
        boxes, size = found[image][at, 2:], formula_weights.PICTURE_SIZES[image]
        for mask, box, runs in zip(ours, boxes, wanted["pasted"][image]):
            pixels = decode_mask(paste(mask, box, size, Pasting(rule="torchvision")))
            assert iou_of_runs(pixels, runs) >= MASK_IOU
