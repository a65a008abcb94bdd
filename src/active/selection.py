"""How many images to label, and a random choice of labelled images."""

import math
import random
from collections.abc import Iterable

from src.errors import UserError
from src.wording import as_percent


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
            + as_percent(ratio)
        )
    return count


def pick_count(pick_ratio: float, labelled_count: int, image_count: int) -> int:
    """How many images to label, so that ``pick_ratio`` percent of all images are labelled.

    Raises:
        UserError: that is no further image, or all are labelled.
    """
    target = label_count(pick_ratio, image_count)
    check_unlabelled(labelled_count, image_count)
    if target <= labelled_count:
        least = math.ceil(100 * 100 * (labelled_count + 1) / image_count) / 100
        raise UserError(
            f"--pick_ratio {pick_ratio:g} means {target} labelled images in all, but {labelled_count} of {image_count} are "
            f"labelled already; pass at least {least:g}{as_percent(pick_ratio)}"
        )
    return target - labelled_count


def check_unlabelled(labelled_count: int, image_count: int) -> None:
    """Raise a UserError if all images are labelled."""
    if labelled_count == image_count:
        raise UserError(
            f"all {image_count} images are labelled already, so there is nothing to pick from; add unlabelled images to "
            "the annotation file, or pass a folder of them as --unlabelled_img_dir"
        )


def choose_random(image_ids: Iterable[int], count: int, seed: int) -> set[int]:
    """``count`` of the ids drawn without replacement; the same for any order of the ids. Seed -1: not seeded."""
    return set(random.Random(None if seed == -1 else seed).sample(sorted(image_ids), count))
