"""Write down what torchvision's Faster R-CNN and Mask R-CNN detect with weights and pictures that follow from a formula.

    python tools/make_torchvision_golden.py tests/golden

Needs torch and torchvision (the wheels for CPU will do), which are no requirements of this project; the files it writes are part of
the repository, and tests/test_torchvision_detections.py compares our detectors with them.
"""

import argparse
import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.models import detection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import formula_weights

BEST = 50  # detections of a picture that are written down
BEST_MASKS = 8  # of them with masks


def detector(masks: bool) -> torch.nn.Module:
    """torchvision's detector as it comes, but for the sides that pictures are resized to."""
    shorter, longer = formula_weights.SIDES
    build = detection.maskrcnn_resnet50_fpn if masks else detection.fasterrcnn_resnet50_fpn
    network = build(
        weights=None,
        weights_backbone=None,
        num_classes=formula_weights.CLASS_COUNT,
        min_size=shorter,
        max_size=longer,
        norm_layer=torchvision.ops.FrozenBatchNorm2d,
    )
    state = {name: torch.from_numpy(value) for name, value in formula_weights.weights(masks).items()}
    network.load_state_dict(state)
    return network.eval()


def detect(masks: bool) -> tuple[list[dict], list[torch.Tensor]]:
    """torchvision's result of each picture, and for masks also those that it pastes: [N, 1, S, S]; all pictures are one batch."""
    pictures = [formula_weights.picture(*size) for size in formula_weights.PICTURE_SIZES]
    images = [torch.from_numpy(picture.transpose(2, 0, 1)).float() / 255 for picture in pictures]
    network, cells = detector(masks), []
    network.roi_heads.register_forward_hook(
        lambda _, given, output: cells.extend(found["masks"] for found in output[0] if masks)
    )
    with torch.no_grad():
        return network(images), cells


def rows(found: dict[str, torch.Tensor]) -> list[list[float]]:
    """[label, score, x1, y1, x2, y2] of the best detections, in pixels of the picture."""
    columns = zip(found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True)
    return [[label, round(score, 6), *(round(side, 3) for side in box)] for label, score, box in columns][:BEST]


def written_cells(masks: torch.Tensor) -> str:
    """Probabilities [N, 1, S, S] of the best in 65,535ths, as little-endian 16-bit numbers in base 64."""
    return base64.b64encode((masks[:BEST_MASKS, 0] * 65535).round().numpy().astype("<u2").tobytes()).decode()


def run_lengths(masks: torch.Tensor) -> list[list[int]]:
    """COCO's uncompressed RLE of the best pasted masks [N, 1, H, W]: lengths of runs, columns first, outside first."""
    counts = []
    for mask in (masks[:BEST_MASKS, 0] > 0.5).numpy():
        cells = mask.T.ravel()
        edges = np.flatnonzero(np.diff(cells)) + 1
        runs = np.diff([0, *edges, len(cells)]).tolist()
        counts.append([0, *runs] if cells[0] else runs)
    return counts


def write(path: Path, content: dict) -> None:
    """JSON, one detection a line."""
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    text = json.dumps(
        {"versions": versions, "columns": "label, score, x1, y1, x2, y2"} | content, separators=(",", ":")
    )
    path.write_text(text.replace("],[", "],\n[") + "\n", encoding="utf-8")


def main() -> None:
    """One file for each detector."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the files, such as tests/golden")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    found, _ = detect(masks=False)
    write(folder / "torchvision_detections.json", {"detections": list(map(rows, found))})
    found, cells = detect(masks=True)
    masks = {"cells": list(map(written_cells, cells)), "pasted": [run_lengths(one["masks"]) for one in found]}
    write(folder / "torchvision_masks.json", {"detections": list(map(rows, found))} | masks)


if __name__ == "__main__":
    main()
