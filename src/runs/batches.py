"""What arrives at each step of a run."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from src.config import Config
from src.data.dataset import BatchSettings, training_batches
from src.data.training_data import TrainingData
from src.training.device import Device


def batches(config: Config, data: TrainingData, device: Device, first_step: int) -> Iterator[tuple[np.ndarray, ...]]:
    """What the step cells take from first_step on, in their order: `accumulate_steps` batches for each step."""
    settings = BatchSettings(
        height=config.img_height,
        width=config.img_width,
        keep_ratio=config.keep_ratio,
        resize_sides=config.resize_sides,
        flip_ratio=config.flip_ratio,
        crop_ratio=config.crop_ratio,
        expand_ratio=config.expand_ratio,
        multi_scale=config.multi_scale,
        photo_ratio=config.photo_ratio,
        max_gts=config.num_gts,
        seed=config.global_seed,
        batch_size=config.batch_size,
        workers=config.num_parallel_workers,
        rank=device.rank,
        rank_size=device.count,
        mask_size=config.gt_mask_size if config.has_masks else 0,
    )
    folder, stored = config.train_img_dir, data.stored
    first, start, stop = (
        step * config.accumulate_steps for step in (first_step, max(first_step, config.burn_up_iter), config.max_iter)
    )
    once = replace(settings, strong=config.strong_view)
    labelled = training_batches(data.labelled, folder, once, "labelled", first, stop, stored)
    for _ in range(first, start):
        yield next(labelled)
    if start < stop:
        settings = replace(settings, batch_size=config.unlabelled_batch_size)
        unlabelled = training_batches(data.unlabelled, folder, settings, "unlabelled", start, stop, stored)
        for (strong, weak, image_sizes, *ground_truth), others in zip(labelled, unlabelled, strict=True):
            yield strong, weak, image_sizes, *others, *ground_truth
