"""Time of the COCO metrics, and their difference from those of pycocotools: 5,000 images with 100 detections each, 80 classes.

python benchmarks/evaluate.py --json evaluate.json
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks import command, measure
from src.data.annotations import Annotations, ImageEntry
from src.data.formats.coco_annotations import to_coco
from src.errors import UserError, entry_point
from src.evaluation.metrics import evaluate

KEYS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
KEYS += ("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large")
SIDE = 640  # pixels of an image
OBJECTS = 15  # at most, per image; COCO has 7 on average
TOLERANCE = 1e-9


def make(images: int, detections: int, classes: int) -> tuple[Annotations, list[dict]]:
    """Random objects and detections. Half of the detections lie near an object, mostly with its class; the others lie anywhere.

    Returns:
        Annotations, and detections as COCO result records.
    """
    rng = np.random.default_rng(0)
    entries, records = [], []
    for number in range(1, images + 1):
        count = int(rng.integers(0, OBJECTS + 1))
        boxes, labels = _boxes(rng, count), rng.integers(1, classes + 1, count).astype(np.int32)
        entry = ImageEntry(number, f"{number}.jpg", SIDE, SIDE, True, boxes, labels, rng.random(count) < 0.02)
        entries.append(entry)
        found, found_labels = _boxes(rng, detections), rng.integers(1, classes + 1, detections)
        if count:
            source = rng.integers(0, count, detections // 2)
            sides = np.tile(boxes[source, 2:] - boxes[source, :2], 2)
            found[: len(source)] = boxes[source] + rng.normal(0, 0.1, (len(source), 4)) * sides
            true = rng.random(len(source)) < 0.8
            found_labels[: len(source)][true] = labels[source][true]
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        for box, label, score in zip(
            found.tolist(), found_labels.tolist(), rng.random(detections).tolist(), strict=True
        ):
            bbox = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            records.append({"image_id": number, "category_id": label, "bbox": bbox, "score": score})
    names = tuple(f"class {label}" for label in range(1, classes + 1))
    return Annotations(names, tuple(range(1, classes + 1)), tuple(entries)), records


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """float32 [count, 4] (x1, y1, x2, y2), with sides from 8 pixels on, so that all of COCO's sizes occur."""
    sides = np.exp(rng.uniform(np.log(8), np.log(SIDE / 2), (count, 2)))
    corner = rng.random((count, 2)) * (SIDE - sides)
    return np.concatenate((corner, corner + sides), 1).astype(np.float32)


def reference(annotations: Annotations, records: list[dict]) -> dict[str, float]:
    """The twelve metrics of pycocotools, by name."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = to_coco(annotations)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(records), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(KEYS, evaluation.stats.tolist(), strict=True))


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time ours and pycocotools ("peer"), and check that the metrics differ by at most 1e-9."""
    parser = command.options(__doc__, "repeats", "warmup", repeats=3, warmup=1)
    for name, default in {"images": 5000, "detections": 100, "classes": 80}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default {default})")
    args = command.start(parser, argv)
    annotations, records = make(args.images, args.detections, args.classes)
    before = measure.peak_memory()
    seconds = [measure.timed(lambda: evaluate(annotations, records)) for _ in range(args.warmup + args.repeats)]
    peak = measure.peak_memory()
    ours, theirs = evaluate(annotations, records), {}
    peer_seconds = measure.timed(lambda: theirs.update(reference(annotations, records)))
    # Without ground truth pycocotools returns -1, and we return None.
    difference = max(abs((-1.0 if ours[key] is None else ours[key]) - theirs[key]) for key in KEYS)
    if difference > TOLERANCE:
        raise UserError(f"the metrics differ from pycocotools by {difference:g}: {ours} and {theirs}")
    row = {"seconds": measure.summary(seconds[args.warmup :]), "peer": {"seconds": measure.summary([peer_seconds])}}
    row["ratio"] = row["seconds"]["median"] / peer_seconds
    memory = {"peak_memory_MB": peak, "memory_of_data_MB": before}
    command.finish(args, {"runs": {"evaluate": row}, "largest_difference": difference, "AP": ours["AP"]} | memory)


if __name__ == "__main__":
    main()
