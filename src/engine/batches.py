"""The training batches of a run, and the MindRecord caches of its images (mindrecord_dir)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from src.config.load import Config
from src.data.annotations import Annotations, ImageEntry, content_hash, image_path
from src.data.cache.record_cache import RecordCache, open_cache
from src.data.dataset import BatchSettings, training_batches
from src.data.training_data import TrainingData
from src.engine.device import Device


def batches(config: Config, data: TrainingData, device: Device, first_step: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches from `first_step` on, as arguments of the training step: `accumulate_steps` batches per step."""
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
    labelled_settings = replace(settings, strong=config.strong_view)
    labelled = training_batches(data.labelled, folder, labelled_settings, "labelled", first, stop, stored)
    for _ in range(first, start):
        yield next(labelled)
    if start < stop:
        settings = replace(settings, batch_size=config.unlabelled_batch_size)
        unlabelled = training_batches(data.unlabelled, folder, settings, "unlabelled", start, stop, stored)
        for (strong, weak, image_sizes, *ground_truth), others in zip(labelled, unlabelled, strict=True):
            yield strong, weak, image_sizes, *others, *ground_truth


def with_caches(config: Config, data: TrainingData, log: Callable[[str], None]) -> TrainingData:
    """Add caches of training and evaluation images to the data; without mindrecord_dir it is unchanged.

    Raises:
        UserError: see ``open_cache``.
    """
    if config.mindrecord_dir is None:
        return data
    entries = data.labelled + data.unlabelled
    stored = cache_of(config, data.annotations, entries, config.train_img_dir, log)
    stored_evaluation = None
    if data.evaluation:
        evaluation = data.evaluation
        stored_evaluation = cache_of(config, evaluation, evaluation.images, config.eval_img_dir, log)
    return replace(data, stored=stored, stored_evaluation=stored_evaluation)


def cache_of(
    config: Config, annotations: Annotations, entries: Iterable[ImageEntry], img_dir: str, log: Callable[[str], None]
) -> RecordCache:
    """The cache of the image files of ``entries``, which are images of ``annotations``."""
    paths = [image_path(entry, img_dir) for entry in entries]
    cache = open_cache(config.mindrecord_dir, paths, content_hash(annotations), config.mindrecord_wait, log)
    log(f"{len(cache.row_of)} images of {img_dir} are read from the MindRecord cache {cache.folder}")
    return cache
