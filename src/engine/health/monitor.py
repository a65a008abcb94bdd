"""Health monitoring of a run: passes log lines and evaluations to the watchers, and logs their warnings."""

import numpy as np

from src.checkpoint.detector_file import read_metadata
from src.config.lengths import unreached
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.health.data_time import SlowData
from src.engine.health.learning_rate import RateTooHigh, untrained_loss
from src.engine.health.pseudo_boxes import NoPseudoBoxes, SilentUnlabelledLoss, TooManyPseudoBoxes, patience_of
from src.engine.health.skipped_steps import only_adjust_loss_scale, skipped_steps
from src.engine.health.start import no_held_out_objects, start_faults
from src.engine.health.teacher import TeacherWorse
from src.engine.health.watch import Watch
from src.engine.log import averages_of
from src.engine.run import Run, StepTimes
from src.semi.step_sums import Interval
from src.systems import loss_weights


def build_watch(config: Config, data: TrainingData, memory: dict | None) -> Watch:
    """All watchers of a run; `memory`: of the run that is resumed, empty or None for a new one."""
    patience = patience_of(config.max_iter - config.burn_up_iter)
    weights, _ = loss_weights(config)
    untrained = untrained_loss(weights, len(data.annotations.class_names), config.rcnn_focal_gamma)
    objects = float(np.mean([np.count_nonzero(~entry.crowd) for entry in data.labelled]))
    by_prior = config.pseudo_label_thresholds == "label_prior"
    stricter = "lower --label_prior_share" if by_prior else "raise --bbox_threshold"
    watchers = [
        RateTooHigh(config.sup_loss_weight * untrained, config.base_lr),
        SlowData(config.num_parallel_workers),
        SilentUnlabelledLoss(patience),
        NoPseudoBoxes(patience, None if by_prior else config.bbox_threshold),
        TooManyPseudoBoxes(patience, objects, stricter),
        TeacherWorse(config.burn_up_iter, config.ema_keep_rate, stricter),
    ]
    return Watch(watchers, memory)


def warn_at_start(run: Run) -> None:
    """Log warnings about likely faults in the data, the pre-trained weights and the lengths, before the first step."""
    data, weights = run.data, run.config.pre_trained
    metadata = read_metadata(weights) if weights and weights.endswith(".ckpt") else None
    found = [(f"data_{number}", message) for number, message in enumerate(data.suspicions, start=1)]
    found += start_faults(data.annotations, data.labelled, data.evaluation, metadata)
    found += [(f"unreached_{message.split(':')[0]}", message) for message in unreached(run.config)]
    found.append(("probe_without_objects", no_held_out_objects(data.held_out)))
    warn(run, 0, run.watch.unreported(found))


def log_steps(run: Run, step: int, interval: Interval, times: StepTimes) -> None:
    """Write the log line of the steps since the last log line, and warnings of the watchers.

    Args:
        step: the last step.
        interval: sums over the steps.
        times: number and duration of the steps.
    """
    iter_time, data_time = times.spent / times.steps, times.waited / times.steps
    averages = averages_of(interval.sums, times.steps * run.config.accumulate_steps)
    averages["peak_loss"] = None if averages["loss"] is None else interval.peak_loss
    run.log.steps(step, averages, iter_time, data_time)
    if interval.sums["overflow"]:
        log_skipped_steps(run, step, interval)
    if averages["loss"] is None:  # all steps were skipped
        return
    row = {**averages, "steps": times.steps, "iter_time": iter_time, "data_time": data_time}
    warn(run, step, run.watch.at_log_line(step, row))


def log_skipped_steps(run: Run, step: int, interval: Interval) -> None:
    """Log skipped steps; as a warning, unless they only adjust the loss scale."""
    if only_adjust_loss_scale(interval, run.networks.burn_in.config.update):
        run.log.info(
            f"{skipped_steps(interval)}; in mixed precision this is normal: a skip halves the loss scale until gradients "
            "fit into float16"
        )
    else:
        run.log.warning(step, "skipped_steps", skipped_steps(interval))


def warn(run: Run, step: int, found: list[tuple[str, str]]) -> None:
    """Log new warnings, and store the memory of the watchers in the metadata of the run."""
    for name, message in found:
        run.log.warning(step, name, message)
    run.metadata = {**run.metadata, "watch": run.watch.memory()}
