"""``random``: a random order, to compare the other strategies with."""

import random

import numpy as np

from src.active.strategies.pool import Acquisition, Options, Pool


def random_order(pool: Pool, options: Options) -> Acquisition:
    """Scores drawn from the seed and the names alone, whatever the order of the images."""
    generator = random.Random(None if options.seed == -1 else options.seed)
    drawn = {name: generator.random() for name in sorted(pool.detections.names)}
    return Acquisition(np.array([drawn[name] for name in pool.detections.names]))
