"""Runs a detector on images; returns detections per image, or COCO result records."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from tqdm import tqdm

from src.config.load import Config
from src.data.annotations import Annotations, ImageEntry
from src.data.dataset import Stored, evaluation_batches
from src.engine.stopping import StopRequest
from src.evaluation.masks import Pasting
from src.evaluation.records import Detections, coco_records, detect
from src.exporting.runner import Detector


def detect_images(
    detector: Detector,
    images: Sequence[ImageEntry],
    img_dir: str | None,
    config: Config,
    *,
    stored: Stored | None = None,
    progress: str | None = None,
    has_features: bool = False,
    unreadable: dict[str, str] | None = None,
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Yield each image with its detections.

    Args:
        stored, unreadable: as in `evaluation_batches`; the detections of an unreadable image mean nothing.
        progress: label of the progress bar; None: no progress bar.
        has_features: whether the last output of the detector is the features of the detections.
    """
    pasting = Pasting(config.mask_thr_binary, config.mask_pasting)
    with closing(evaluation_batches(images, img_dir, config, stored, unreadable)) as arriving:
        found = detect(detector, arriving, pasting, has_features)
        # The first batch compiles the network; the bar shows that the program is running.
        yield from tqdm(found, progress, len(images), unit="image", disable=None if progress else True)


def detect_records(
    detector: Detector,
    annotations: Annotations,
    img_dir: str,
    config: Config,
    *,
    stored: Stored | None = None,
    progress: str | None = None,
    stop: StopRequest | None = None,
) -> list[dict[str, Any]] | None:
    """COCO result records of a detector on labelled images.

    Args:
        annotations: of the images; its classes must be in the order of the detector's.
        stored, progress: as in `detect_images`.
        stop: if a stop is requested, return early.

    Returns:
        The records; None if a stop was requested.
    """
    records = []
    with closing(
        detect_images(detector, annotations.images, img_dir, config, stored=stored, progress=progress)
    ) as found:
        for entry, detections in found:
            if stop is not None and stop.requested:
                return None
            records += coco_records(entry, detections, annotations.category_ids)
    return records
