"""Runs a detector over images: detections of each image, or COCO result records of all of them."""

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
) -> Iterator[tuple[ImageEntry, Detections]]:
    """Each image with its detections.

    Args:
        stored: as in `evaluation_batches`.
        progress: label of a progress bar on a terminal; None: no bar.
        has_features: whether the last output of the detector is features of the detections.
    """
    pasting = Pasting(config.mask_thr_binary, config.mask_pasting)
    with closing(evaluation_batches(images, img_dir, config, stored)) as arriving:
        found = detect(detector, arriving, pasting, has_features)
        # The first batch compiles the network, so the bar says that something happens.
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
        annotations: of these images; its classes are those of the detector, in the same order.
        stored, progress: as in `detect_images`; stop: return early when the run is asked to stop.

    Returns:
        The records; None if the run was asked to stop meanwhile.
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
