"""How a stopped run goes on as if it had never been stopped.

What it needs is in the state: weights, optimizer, loss scale and step number, its facts, and what had gathered for the log.
Batches and the random samples of the losses are functions of seed and step, so there is no random state beside the step number.
"""

from collections.abc import Iterable
from dataclasses import replace

from src.checkpoint.resume_rules import carried_on, run_facts
from src.checkpoint.run_state import State
from src.config.load import Config, default_settings
from src.config.schema import FREE_KEYS
from src.data.annotations import ImageEntry, content_hash, image_path
from src.data.checks.image_files import files_hash
from src.data.training_data import TrainingData
from src.engine.device import Device
from src.engine.networks import Networks
from src.engine.run import Run, SinceLog


def facts_of(config: Config, data: TrainingData, device: Device) -> dict:
    """What identifies a run and what it will reach, see `run_facts`."""
    unlabelled = [entry for entry in data.unlabelled if entry.path is not None]
    return run_facts(
        config.as_dict(),
        content_hash(data.annotations),
        data.annotations.class_names,
        (entry.file_name for entry in data.unlabelled),
        content_hash(data.evaluation) if data.evaluation else None,
        device.count,
        _files_hash([*data.annotations.images, *unlabelled], config.train_img_dir),
        _files_hash(data.evaluation.images, config.eval_img_dir) if data.evaluation else None,
    )


def _files_hash(entries: Iterable[ImageEntry], img_dir: str) -> str:
    return files_hash((entry.file_name, image_path(entry, img_dir)) for entry in entries)


def in_current_terms(config: Config, state: State) -> tuple[Config, State, list[str]]:
    """Settings and state of a run that an older version started, in the meaning that this version gives to settings.

    A setting that the older version did not have takes its default. Before 0.2.0, which was the first to write its version,
    sup_loss_weight multiplied the sum of the losses of both views; now it multiplies their mean.

    Returns:
        Configuration, state, and sentences for the log.
    """
    saved = default_settings() | state.facts["config"]
    said = []
    if "version" not in state.facts and saved["strong_view"]:
        old = saved["sup_loss_weight"]
        saved["sup_loss_weight"] = 2 * old
        if config.sup_loss_weight == old:
            config = replace(config, sup_loss_weight=2 * old)
        said = [f"sup_loss_weight: {old:g} times the sum of both views is {2 * old:g} times their mean, as it is now"]
    return config, replace(state, facts=state.facts | {"config": saved}), said


def go_on(state: State, networks: Networks, facts: dict, anyway: bool) -> tuple[dict, list[str]]:
    """Put a state into the networks.

    Args:
        facts: of the run as it was started this time; anyway: go on although something changed that decides what is learnt.

    Returns:
        The facts to go on with, and sentences for the log.

    Raises:
        UserError: the run is another one.
    """
    facts, changes = carried_on(state.facts, facts, FREE_KEYS, anyway)
    state.put_into(networks.saved())
    return facts, [f"resumed from {state.path}", *state.remarks, *changes]


def take_up(run: Run, first_step: int) -> None:
    """Put back what had gathered for the log before the run was stopped; that of other ranks than 0 is not kept."""
    since = run.facts["since_log"]
    if since and run.device.rank == 0:
        run.networks.step_cell(first_step - 1).sums.put(since["sums"])
        run.since_log = SinceLog(**{key: value for key, value in since.items() if key != "sums"})
    if run.log.told_again:
        run.log.say(
            f"{run.log.told_again} rows of numbers removed: their steps, {first_step} and later ones, are done again"
        )
