"""Choose the images to label: at random, or those of highest acquisition score."""

import random
from collections.abc import Iterable, Mapping

from src.errors import UserError


def label_count(ratio: float, image_count: int) -> int:
    """How many images ``ratio`` percent of ``image_count`` are, rounded down.

    Raises:
        UserError: the ratio is not within 0..100, or it is less than one image.
    """
    if not 0 <= ratio <= 100:
        raise UserError(f"a ratio of {ratio:g} percent: must lie between 0 and 100")
    count = int(ratio * image_count / 100 + 1e-9)  # 29 percent of 100 is 28.999... in floating point
    if count < 1:
        raise UserError(
            f"{ratio:g} percent of {image_count} images is less than one image; "
            + (f"the smallest ratio is {100 / image_count:g}" if image_count else "the annotation file has no images")
        )
    return count


def choose_random(image_ids: Iterable[int], count: int, seed: int) -> set[int]:
    """``count`` of the ids drawn without replacement; the same for any order of the ids. Seed -1 draws others each time."""
    return set(random.Random(None if seed == -1 else seed).sample(sorted(image_ids), count))


def choose_best(values: Mapping[str, float], labelled: set[str], count: int) -> list[str]:
    """The ``count`` unlabelled images of highest acquisition score, best first, ties by name.

    Raises:
        UserError: there are not that many.
    """
    ranked = sorted((name for name in values if name not in labelled), key=lambda name: (-values[name], name))
    if len(ranked) < count:
        raise UserError(
            f"{count} more images are to be labelled, but there are only {len(ranked)} unlabelled ones to choose from; "
            "infer and rank all unlabelled images, or lower --pick_ratio"
        )
    return ranked[:count]
