"""A converted torchvision detector detects what torchvision detects: full size, weights from a formula, three small pictures."""

import json
from pathlib import Path

import numpy as np
import pytest

from src.config import load_config
from src.converting.foreign_detector import foreign_detector
from src.data.transforms import fit_to_input
from src.systems import build_network
from src.training.restore import on_arrays
from src.training.weights import load_weights
from tools import formula_weights

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "torchvision_detections.json").read_text())["detections"]
WIDTH, HEIGHT = 320, 224  # torchvision pads a batch to the largest image in it
PIXELS, SCORE = 0.5, 0.01  # of the picture; the figures that are reached lie far below
CLOSE = 1e-3  # scores that differ by less may change places


@pytest.fixture(scope="module")
def network():
    """The converted detector."""
    words = ["--config_path", str(ROOT / "configs" / "faster_rcnn_torchvision.yaml")]
    words += ["--img_width", str(WIDTH), "--img_height", str(HEIGHT)]
    converted = foreign_detector(formula_weights.weights(), "a formula")
    network = build_network(load_config("", words), converted.class_count)
    report = load_weights(network, converted.weights, "a formula")
    assert not report.missing and not report.other_classes and not report.unused
    network.set_train(False)
    return network


def detections(network) -> list[np.ndarray]:
    """Of each picture its best: rows of label, score, x1, y1, x2, y2 in pixels of the picture."""
    pictures = [formula_weights.picture(*size) for size in formula_weights.PICTURE_SIZES]
    fitted = [fit_to_input(picture, HEIGHT, WIDTH, True, formula_weights.SIDES) for picture in pictures]
    images = np.stack([image.transpose(2, 0, 1) for image, _ in fitted])
    boxes, scores, labels, _, valid = on_arrays(network)(images)
    assert valid.all()
    scales = np.array([[*scale, *scale] for _, scale in fitted])
    return list(np.concatenate([labels[..., None], scores[..., None], boxes / scales[:, None]], -1))


@pytest.mark.usefixtures("pynative")
def test_same_boxes_scores_classes_and_order(network):
    assert len(GOLDEN) == 3 and all(len({row[0] for row in rows}) > 20 for rows in GOLDEN)
    for found, wanted in zip(detections(network), map(np.array, GOLDEN), strict=True):
        taken = []
        for row, (label, score, *box) in enumerate(wanted):
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
        assert len(set(taken)) == len(wanted)
