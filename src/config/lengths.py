"""Converts lengths in epochs to steps, and scales the learning rate to the batch size, once the number of labelled images is known."""

from dataclasses import replace
from math import ceil

from src.config.load import Config, check_config


def images_per_step(config: Config, devices: int) -> int:
    """Labelled images per step, over all devices and gradient accumulation steps."""
    return config.batch_size * devices * config.accumulate_steps


def with_steps(config: Config, labelled: int, unlabelled: int, devices: int) -> tuple[Config, list[str]]:
    """Convert every length in epochs to steps; returns the configuration, and log messages that show how steps were
    computed.

    Args:
        labelled, unlabelled: numbers of training images; without unlabelled ones burn-in is the whole run.

    Raises:
        UserError: the lengths in steps contradict each other.
    """
    batch = images_per_step(config, devices)
    messages = []

    def steps(key: str, epochs: int) -> int:
        count = ceil(epochs * labelled / batch)
        messages.append(f"{key}: {epochs} x {labelled} labelled images / {batch} per step = step {count}")
        return count

    known = {}
    if config.max_epoch is not None:
        known["max_iter"] = steps("max_epoch", config.max_epoch)
    if config.burn_up_epoch is not None:
        known["burn_up_iter"] = steps("burn_up_epoch", config.burn_up_epoch)
    if config.milestone_epochs:
        known["milestones"] = [steps("milestone_epochs", epochs) for epochs in config.milestone_epochs]
    if config.eval_interval_epoch is not None:
        known["eval_interval_iter"] = steps("eval_interval_epoch", config.eval_interval_epoch)
    if not unlabelled:
        known["burn_up_iter"] = known.get("max_iter", config.max_iter)
    resolved = config.as_dict() | known | {"max_epoch": None, "burn_up_epoch": None, "milestone_epochs": []}
    return check_config(resolved | {"eval_interval_epoch": None}), messages


def with_rate(config: Config, devices: int) -> tuple[Config, list[str]]:
    """Scale base_lr linearly with the images per step (Goyal et al. 2017, section 2.1); returns the configuration and
    log messages.

    Nothing changes unless `lr_reference_batch` is set; it is None in the result.
    """
    if config.lr_reference_batch is None:
        return config, []
    batch = images_per_step(config, devices)
    rate = config.base_lr * batch / config.lr_reference_batch
    message = f"base_lr: {config.base_lr:g} x {batch} images per step / lr_reference_batch {config.lr_reference_batch} = {rate:g}"
    return replace(config, base_lr=rate, lr_reference_batch=None), [message]


def unreached(config: Config) -> list[str]:
    """A message per length that the run is too short for; the settings may come from a leaf for longer runs.

    Args:
        config: lengths in steps, see `with_steps`.
    """
    messages, end = [], config.max_iter
    if config.lr_schedule == "multistep" and (late := [step for step in config.milestones if step >= end]):
        messages.append(
            f"milestones: {late} of {list(config.milestones)} are not before the end of the run (max_iter {end}), so the learning "
            "rate does not drop there; give milestones below max_iter, or [] for a constant rate"
        )
    if config.lr_schedule == "step" and config.lr_step_size >= end:
        messages.append(
            f"lr_step_size: {config.lr_step_size} steps, but the run has {end} (max_iter), so the learning rate never drops; "
            "give a smaller one"
        )
    with_teacher = end - config.burn_up_iter
    if 0 < with_teacher < config.unsup_ramp_iter:
        messages.append(
            f"unsup_ramp_iter: {config.unsup_ramp_iter} steps, but only {with_teacher} steps have the teacher (max_iter {end} less "
            f"burn_up_iter {config.burn_up_iter}), so the weight of the unsupervised losses ends at "
            f"{with_teacher / config.unsup_ramp_iter:.0%} of unsup_loss_weight; give at most {with_teacher}"
        )
    return messages
