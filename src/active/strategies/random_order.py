"""``random``: a random number per image, stratified by sub-folder."""

import numpy as np

from src.active.strategies.pool import Acquisition, Options, Pool
from src.active.sub_folders import by_sub_folder


def random_order(pool: Pool, options: Options) -> Acquisition:
    """A random number per image, uniform in (0, 1]. It depends on the names and the seed only, not on the order of the images.

    The images of a sub-folder of n are shuffled, and get one number in each n-th part of (0, 1]. So of the best images, however
    many, each sub-folder holds its share, up to one image (stratified sampling, Cochran 1977, chapter 5).
    """
    generator = options.generator
    names = sorted(pool.detections.names)
    drawn = dict(zip(names, generator.random(len(names)), strict=True))
    offsets = dict(zip(names, generator.random(len(names)), strict=True))
    scores = {}
    for members in by_sub_folder(names).values():
        for rank, name in enumerate(sorted(members, key=lambda name: -drawn[name])):
            scores[name] = 1 - (rank + offsets[name]) / len(members)
    return Acquisition(np.array([scores[name] for name in pool.detections.names]))
