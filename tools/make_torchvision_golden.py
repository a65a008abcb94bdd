"""Write down what torchvision's Faster R-CNN detects with weights and pictures that follow from a formula.

    python tools/make_torchvision_golden.py tests/golden/torchvision_detections.json

Needs torch and torchvision (the wheels for CPU will do), which are no requirements of this project; the file it writes is part of
the repository, and tests/test_torchvision_detections.py compares our detector with it.
"""

import json
import sys
from pathlib import Path

import torch
import torchvision

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import formula_weights

BEST = 50  # detections of a picture that are written down


def detector() -> torch.nn.Module:
    """torchvision's detector as it comes, but for the sides that pictures are resized to."""
    shorter, longer = formula_weights.SIDES
    network = torchvision.models.detection.fasterrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=formula_weights.CLASS_COUNT,
        min_size=shorter,
        max_size=longer,
        norm_layer=torchvision.ops.FrozenBatchNorm2d,
    )
    network.load_state_dict({name: torch.from_numpy(value) for name, value in formula_weights.weights().items()})
    return network.eval()


def rows(found: dict[str, torch.Tensor]) -> list[list[float]]:
    """[label, score, x1, y1, x2, y2] of the best detections, in pixels of the picture."""
    columns = zip(found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True)
    return [[label, round(score, 6), *(round(side, 3) for side in box)] for label, score, box in columns][:BEST]


def main() -> None:
    """All pictures in one batch, as torchvision pads them together."""
    pictures = [formula_weights.picture(*size) for size in formula_weights.PICTURE_SIZES]
    images = [torch.from_numpy(picture.transpose(2, 0, 1)).float() / 255 for picture in pictures]
    with torch.no_grad():
        detections = [rows(found) for found in detector()(images)]
    lines = ",\n".join(
        "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in image) + "\n]" for image in detections
    )
    versions = json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__})
    text = f'{{"versions": {versions},\n"columns": "label, score, x1, y1, x2, y2",\n"detections": [{lines}]}}\n'
    Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
    Path(sys.argv[1]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
