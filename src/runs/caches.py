"""The MindRecord caches of a run's images, where they were asked for (mindrecord_dir)."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from src.config import Config
from src.data.annotations import Annotations, ImageEntry, content_hash, image_path
from src.data.record_cache import RecordCache, open_cache
from src.data.training_data import TrainingData


def with_caches(config: Config, data: TrainingData, say: Callable[[str], None]) -> TrainingData:
    """The data with a cache of the training images and one of the evaluation images; as they are without mindrecord_dir.

    Raises:
        UserError: see ``open_cache``.
    """
    if config.mindrecord_dir is None:
        return data
    entries = data.labelled + data.unlabelled
    stored = cache_of(config, data.annotations, entries, config.train_img_dir, say)
    stored_evaluation = None
    if data.evaluation:
        known = data.evaluation
        stored_evaluation = cache_of(config, known, known.images, config.eval_img_dir, say)
    return replace(data, stored=stored, stored_evaluation=stored_evaluation)


def cache_of(
    config: Config, known: Annotations, entries: Iterable[ImageEntry], img_dir: str, say: Callable[[str], None]
) -> RecordCache:
    """The cache of the image files of ``entries``; ``known`` is what is said about them."""
    paths = [image_path(entry, img_dir) for entry in entries]
    cache = open_cache(config.mindrecord_dir, paths, content_hash(known), config.mindrecord_wait, say)
    say(f"{len(cache.row_of)} images of {img_dir} come from the MindRecord cache {cache.folder}")
    return cache
