"""Score thresholds per class of pseudo-labels: estimated from what the teacher detects in a sample of the unlabelled images."""

from contextlib import closing

import numpy as np
from mindspore import Tensor, ops

from src.checkpoint.detector_file import copy_weights
from src.config.load import Config
from src.data.annotations import ImageEntry
from src.data.dataset import evaluation_batches
from src.data.training_data import TrainingData
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.run import Run
from src.exporting.runner import numpy_forward
from src.semi.label_prior import expected_objects, thresholds_at_rank
from src.wording import counted

SAMPLE = 200  # images at most; LabelMatch takes 10,000
_SAMPLE = 4  # first word of the seed; the order and the augmentation of batches and held-out images use 1 to 3


def estimate_is_due(config: Config, step: int) -> bool:
    """Whether the thresholds are estimated before this step: where the teacher starts, and then at the interval."""
    age = step - config.burn_up_iter
    return config.pseudo_label_thresholds == "label_prior" and age >= 0 and age % config.label_prior_interval_iter == 0


def estimate_schedule(config: Config, data: TrainingData) -> tuple[tuple[int, int], ...]:
    """(steps done, images in which the teacher detects objects) of each estimate of a run."""
    if config.pseudo_label_thresholds != "label_prior":
        return ()
    due = range(config.burn_up_iter, config.max_iter, config.label_prior_interval_iter)
    return tuple((step, min(SAMPLE, len(data.unlabelled))) for step in due)


def estimate_thresholds(run: Run, step: int) -> None:
    """Set the thresholds of the classes before this step, if that is due.

    Every rank estimates them from the same images; only trained batch norm, whose statistics are those of a rank, makes them differ.
    If a stop is requested meanwhile, they stay as they are, and the resumed run estimates them.
    """
    config, networks = run.config, run.networks
    if not estimate_is_due(config, step):
        return
    images = sample(run.data.unlabelled, config.global_seed, step)
    found = detected_scores(run, images)
    if found is None:
        return
    names = run.data.annotations.class_names
    labels = np.concatenate([np.zeros(0, np.int64), *(entry.labels[~entry.crowd] for entry in run.data.labelled)])
    counts = np.bincount(labels, minlength=len(names) + 1)[1:]
    expected = expected_objects(counts, len(run.data.labelled), len(images))
    lower = config.bbox_threshold if config.bbox_ignore_threshold is None else config.bbox_ignore_threshold
    positive = thresholds_at_rank(*found, expected * config.label_prior_share, config.bbox_threshold)
    ignored = thresholds_at_rank(*found, expected, lower)
    for parameter, values in ((networks.state.thresholds, positive), (networks.state.ignore_thresholds, ignored)):
        ops.assign(parameter, Tensor(values))  # not set_data, see `StepSums.put`
    rows = list(zip(names, positive.tolist(), ignored.tolist(), strict=True))
    run.log.info(
        f"step {step}, score thresholds of pseudo-labels (of ignore regions) by the label prior, from "
        f"{counted(len(images), 'unlabelled image')}: {', '.join(f'{name} {high:.3f} ({low:.3f})' for name, high, low in rows)}"
    )
    numbers = {f"threshold/{name}": high for name, high, _ in rows}
    run.log.scalars(step, numbers | {f"ignore_threshold/{name}": low for name, _, low in rows})


def sample(entries: tuple[ImageEntry, ...], seed: int, step: int) -> list[ImageEntry]:
    """At most SAMPLE images; others at each step, the same on every rank and in a resumed run."""
    order = np.random.default_rng([_SAMPLE, seed, step]).permutation(len(entries))
    return [entries[index] for index in np.sort(order[:SAMPLE])]


def detected_scores(run: Run, images: list[ImageEntry]) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores, float32 [N], and labels, int64 [N], of all detections of the teacher; None if a stop was requested."""
    config, detector = run.config, run.networks.detector
    copy_weights(run.networks.teacher, detector)
    forward = numpy_forward(cached_detector(detector, config))
    found = [(np.zeros(0, np.float32), np.zeros(0, np.int64))]
    with closing(evaluation_batches(images, config.train_img_dir, config, run.data.stored)) as arriving:
        for pixels, sizes, rows in arriving:
            if run.stop.requested:
                return None
            _, scores, labels, _, valid, *_ = (output[: len(rows)] for output in forward(pixels, sizes))
            found.append((scores[valid].astype(np.float32), labels[valid].astype(np.int64)))
    scores, labels = (np.concatenate(column) for column in zip(*found, strict=True))
    return scores, labels
