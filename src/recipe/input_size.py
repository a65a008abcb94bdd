"""Rules of the network input: its size, and crops of images that are much larger."""

from math import ceil

import numpy as np

from src.recipe import compute_cost
from src.recipe.choice import Choice, Settings, Situation, percent

MULTIPLE = 32  # of both sides: levels of a feature pyramid are halves of each other
MOST_PIXELS = 1280 * 768  # of the model zoo's recipe, configs/base.yaml
LEAST_LONGER_SIDE = 320
FULL_SIDE = 32  # pixels; objects under it are COCO's small ones, of which detectors find the least
LOST_SIDE = 8  # pixels; two cells of the finest level
MOST_LOST = 0.1  # share of the objects
FEWEST_PASSES = 15  # over the labelled images, as in the plans of docs/EVIDENCE.md with 100 labels and more
FEWEST_STEPS = 400
TRAINING_SHARE = 0.8  # of the time; the rest is for evaluations
_USED_MEMORY = 0.7  # of the machine's
_STEPS = 2 ** (-np.arange(0, 5.5, 0.5))  # of the pixels of an input


def input_size(situation: Situation, now: Settings) -> list[Choice]:
    """Width and height: as large as images and objects need, and no larger than time and memory allow."""
    data = situation.data
    sizes = candidate_sizes(data.image_sizes, now)
    fitting = [size for size in sizes if _fits_memory(situation, now, size)] or sizes[-1:]
    needed = max(i for i, size in enumerate(fitting) if i == 0 or shows_objects(situation, size))
    most_lost = data.share_under(LOST_SIDE, *fitting[needed]) + MOST_LOST
    bearable = [size for size in fitting[needed:] if data.share_under(LOST_SIDE, *size) <= most_lost]
    chosen = next((size for size in bearable if _fits_time(situation, now, size)), None)
    if chosen is None:
        chosen = bearable[-1]
        why = f"too little time for {FEWEST_PASSES} passes at any size: the smallest that costs at most 10 % more lost objects"
    elif chosen == fitting[needed]:
        why = (
            "the size of the images, as far as memory allows"
            if needed == 0
            else f"enough: half of the objects of every class are {FULL_SIDE} px and larger"
        )
    else:
        why = f"the largest at which {FEWEST_PASSES} passes over the labels take less than {situation.hours:g} h here"
    width, height = chosen
    middle = np.median(data.image_sizes, axis=0)
    lost = percent(data.share_under(LOST_SIDE, width, height))
    seen = f"images of {middle[0]:.0f}x{middle[1]:.0f} (median); {lost} of the objects are under {LOST_SIDE} px here"
    return [
        Choice("img_width", width, f"{seen}; {why} (not measured)"),
        Choice("img_height", height, "of the width to height that shows these images largest"),
    ]


def candidate_sizes(image_sizes: np.ndarray, now: Settings) -> list[tuple[int, int]]:
    """(width, height) of inputs, largest first, none larger than the middle image; a given side stays.

    The ratio of the sides is the one, of those of the images, at which an image fills most of the input (geometric mean).
    """
    ratios = np.unique(np.quantile(image_sizes[:, 0] / image_sizes[:, 1], np.linspace(0.05, 0.95, 19)))
    ratio = max(ratios, key=lambda ratio: (_filled(image_sizes, ratio).round(3), -abs(np.log(ratio))))
    pixels = min(np.median(image_sizes.prod(1)), MOST_PIXELS)
    sizes = []
    for share in _STEPS:
        width = now["img_width"] if "img_width" in now.given else _multiple(np.sqrt(pixels * share * ratio))
        height = now["img_height"] if "img_height" in now.given else _multiple(np.sqrt(pixels * share / ratio))
        if (width, height) not in sizes and (not sizes or max(width, height) >= LEAST_LONGER_SIDE):
            sizes.append((width, height))
    return sizes


def shows_objects(situation: Situation, size: tuple[int, int]) -> bool:
    """Whether in every class half of the objects have a side of at least FULL_SIDE."""
    data = situation.data
    sides = data.sides_at(*size)
    return all(np.median(sides[data.labels == label]) >= FULL_SIDE for label in np.unique(data.labels))


def sizes_and_hours(situation: Situation, now: Settings) -> list[tuple[tuple[int, int], float]]:
    """Other input sizes, and hours of the run at each by the arithmetic of the network; none where the speed is not known."""
    return [
        (size, run_seconds(situation, now, size) / 3600)
        for size in candidate_sizes(situation.data.image_sizes, Settings(now, set()))
        if situation.machine.gflops
    ]


def run_seconds(situation: Situation, now: Settings, size: tuple[int, int]) -> float:
    """Seconds of all steps of the run at an input size, without evaluations."""
    gflops = situation.machine.gflops
    burn_in = now["burn_up_iter"]
    return burn_in * compute_cost.step_seconds(now, gflops, False, *size) + (
        now["max_iter"] - burn_in
    ) * compute_cost.step_seconds(now, gflops, True, *size)


def crops(situation: Situation, now: Settings) -> list[Choice]:
    """Random crops where images are shrunk so far that objects get small: a crop shows them larger."""
    if now["keep_ratio"] is False or not len(situation.data.boxes):
        return []
    data, size = situation.data, (now["img_width"], now["img_height"])
    before, after = np.median(np.sqrt(data.image_sizes.prod(1))), np.sqrt(size[0] * size[1])
    side = np.median(data.sides_at(*size))
    if after < 0.6 * before and side < FULL_SIDE:
        reason = (
            f"images are shrunk to {after / before:.2f} of their sides, half of the objects to under {side:.0f} px; "
        )
        return [Choice("crop_ratio", 0.5, reason + "crops show them larger (Liu et al. 2016; not measured)")]
    return [Choice("crop_ratio", 0.0, f"half of the objects are {side:.0f} px and larger, or images are hardly shrunk")]


def _filled(image_sizes: np.ndarray, ratio: float) -> float:
    """Geometric mean of the share of an input with this ratio that an image fills."""
    own = image_sizes[:, 0] / image_sizes[:, 1]
    return np.exp(np.log(np.minimum(own / ratio, ratio / own)).mean())


def _multiple(side: float) -> int:
    return max(2, ceil(round(side, 3) / MULTIPLE)) * MULTIPLE


def _fits_memory(situation: Situation, now: Settings, size: tuple[int, int]) -> bool:
    one = Settings(now | {"batch_size": 1, "unlabelled_batch_size": 1}, now.given)
    return compute_cost.memory_gb(one, *size, situation.data.unlabelled > 0) <= _USED_MEMORY * situation.machine.memory


def _fits_time(situation: Situation, now: Settings, size: tuple[int, int]) -> bool:
    if situation.hours is None or situation.machine.gflops is None:
        return True
    steps = max(FEWEST_PASSES * situation.data.labelled, FEWEST_STEPS)
    burn_in = steps // 2 if situation.data.unlabelled else steps
    one = {
        "batch_size": 1,
        "unlabelled_batch_size": 1,
        "accumulate_steps": 1,
        "burn_up_iter": burn_in,
        "max_iter": steps,
    }
    return run_seconds(situation, Settings(now | one, now.given), size) <= TRAINING_SHARE * 3600 * situation.hours
