"""The watchers of a run, fed with what it measures; what they find goes to the log and into metrics.jsonl."""

import numpy as np

from src.checkpoint.detector_file import read_metadata
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.health.data_time import SlowData
from src.engine.health.learning_rate import RateTooHigh, untrained_loss
from src.engine.health.pseudo_boxes import NoPseudoBoxes, SilentUnlabelledLoss, TooManyPseudoBoxes, patience_of
from src.engine.health.skipped_steps import are_normal, skipped_steps
from src.engine.health.start import probe_without_objects, start_faults
from src.engine.health.teacher import TeacherWorse
from src.engine.health.watch import Watch
from src.engine.log import averages_of
from src.engine.run import Run
from src.semi.step_sums import Interval
from src.systems import loss_weights


def build_watch(config: Config, data: TrainingData, memory: dict | None) -> Watch:
    """All watchers of a run; `memory`: of an earlier start, None for a new run."""
    patience = patience_of(config.max_iter - config.burn_up_iter)
    weights, _ = loss_weights(config)
    untrained = untrained_loss(weights, len(data.annotations.class_names), config.rcnn_focal_gamma)
    objects = float(np.mean([np.count_nonzero(~entry.crowd) for entry in data.labelled]))
    watchers = [
        RateTooHigh(config.sup_loss_weight * untrained, config.base_lr),
        SlowData(config.num_parallel_workers),
        SilentUnlabelledLoss(patience),
        NoPseudoBoxes(patience, config.bbox_threshold),
        TooManyPseudoBoxes(patience, objects),
        TeacherWorse(),
    ]
    return Watch(watchers, memory)


def warn_of_start(run: Run) -> None:
    """Say what is suspicious before the first step: of the data, and of the weights that the run starts from."""
    data, weights = run.data, run.config.pre_trained
    metadata = read_metadata(weights) if weights and weights.endswith(".ckpt") else None
    known = (metadata.class_names, metadata.category_ids) if metadata else None
    found = [(f"data_{number}", sentence) for number, sentence in enumerate(data.suspicions, start=1)]
    found += start_faults(data.annotations, data.labelled, data.evaluation, known)
    found.append(("probe_without_objects", probe_without_objects(data.probe)))
    tell(run, 0, run.watch.new(found))


def log_steps(run: Run, step: int, interval: Interval, count: int, iter_time: float, data_time: float) -> None:
    """Write the line of the last `count` steps, and what is wrong with them.

    Args:
        step: the last of them; interval: what they summed up; iter_time, data_time: seconds a step, and waiting in it.
    """
    averages = averages_of(interval.sums, count * run.config.accumulate_steps)
    averages["peak_loss"] = None if averages["loss"] is None else interval.peak_loss
    run.log.steps(step, averages, iter_time, data_time)
    if interval.sums["overflow"]:
        tell_skips(run, step, interval)
    if averages["loss"] is None:  # no step was taken, so there is nothing to see
        return
    row = {**averages, "steps": count, "iter_time": iter_time, "data_time": data_time}
    tell(run, step, run.watch.line(step, row))


def tell_skips(run: Run, step: int, interval: Interval) -> None:
    """Say which steps were skipped: a warning, unless a loss scale is being searched."""
    if are_normal(interval, run.networks.burn_in.config.update):
        run.log.say(
            f"{skipped_steps(interval)}; in mixed precision this is normal: a skip halves the loss scale until gradients "
            "fit into float16"
        )
    else:
        run.log.warning(step, "skipped_steps", skipped_steps(interval))


def tell(run: Run, step: int, found: list[tuple[str, str]]) -> None:
    """Warn of what is new, and let the run's facts remember what the watchers know."""
    for name, sentence in found:
        run.log.warning(step, name, sentence)
    run.facts = {**run.facts, "watch": run.watch.memory()}
