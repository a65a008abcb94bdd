"""What a network of a run finds in images."""

from contextlib import closing
from typing import Any

from mindspore import nn

from src.checkpoint.restore import numpy_forward
from src.config.load import Config
from src.data.annotations import Annotations
from src.data.dataset import Stored, evaluation_batches
from src.engine.stopping import StopRequest
from src.evaluation.masks import Pasting
from src.evaluation.records import coco_records, detect


def find_records(
    network: nn.Cell,
    annotations: Annotations,
    img_dir: str,
    config: Config,
    stored: Stored | None = None,
    stop: StopRequest | None = None,
) -> list[dict[str, Any]] | None:
    """COCO result records of a network on labelled images.

    Args:
        annotations: of these images; its classes are those of the network, in the same order.
        stored: as in `evaluation_batches`; stop: leave early when the run is asked to stop.

    Returns:
        The records; None if the run was asked to stop meanwhile.
    """
    records, pasting = [], Pasting(config.mask_thr_binary, config.mask_pasting)
    with closing(evaluation_batches(annotations.images, img_dir, config, stored)) as arriving:
        for entry, found in detect(numpy_forward(network), arriving, pasting):
            if stop is not None and stop.asked:
                return None
            records += coco_records(entry, found, annotations.category_ids)
    return records
