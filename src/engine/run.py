"""A training run: its parts, its summary for the log, and saving checkpoints and run state."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import fill

from src import __version__
from src.checkpoint.detector_file import DetectorMetadata, save_detector
from src.checkpoint.run_folder import RunFolder
from src.checkpoint.run_state import StateFiles
from src.config.load import Config, describe_differences
from src.data.annotations import boxes_and_crowds, count_boxes, count_empty
from src.data.checks.left_out import FILE_NAME as LEFT_OUT_FILE
from src.data.checks.left_out import describe as describe_left_out
from src.data.training_data import TrainingData
from src.engine.device import Device
from src.engine.health.watch import Watch
from src.engine.log import RunLog
from src.engine.networks import Networks
from src.engine.stopping import StopRequest
from src.errors import UserError
from src.wording import counted

_INDENTED = {"initial_indent": "  ", "subsequent_indent": "  ", "break_long_words": False, "break_on_hyphens": False}


@dataclass
class StepTimes:
    """Times of the steps since the last log line: number of steps, seconds in total, and seconds of waiting for
    data."""

    steps: int = 0
    spent: float = 0.0
    waited: float = 0.0


@dataclass(kw_only=True)
class Run:
    """The objects of a training run.

    Attributes:
        states: files of the run state.
        stop: whether a stop was requested.
        watch: the watchers of its health.
        metadata: JSON values that are saved with the state and restored when the run is resumed; see `run_metadata`.
    """

    config: Config
    data: TrainingData
    device: Device
    networks: Networks
    folder: RunFolder
    states: StateFiles
    log: RunLog
    stop: StopRequest
    metadata: dict
    watch: Watch
    times: StepTimes = field(default_factory=StepTimes)


def describe_run(config: Config, data: TrainingData, device: Device, first_step: int) -> str:
    """A summary of the data and the schedule of a run, for its log."""
    boxes = boxes_and_crowds(*count_boxes(data.labelled))
    folder = RunFolder(config.save_checkpoint_path)
    lines = [
        f"version {__version__}",
        f"settings that differ from configs/base.yaml ({folder.config} has all):",
        fill(describe_differences(config), 118, **_INDENTED),
        f"training data: {data.annotations.form}",
        *([f"evaluation data: {data.evaluation.form}"] if data.evaluation else []),
        *describe_left_out(data.left_out, Path(config.save_checkpoint_path) / LEFT_OUT_FILE),
        f"{len(data.labelled)} labelled and {counted(len(data.unlabelled), 'unlabelled image')}; the labels are {boxes}",
        f"labelled images without a box, all of whose area is background: {count_empty(data.labelled)}",
        *(
            [f"guard: {counted(len(data.held_out), 'labelled image', 'are')} held out, and unlabelled in training"]
            if data.held_out
            else []
        ),
        f"{counted(len(data.annotations.class_names), 'class')}: {', '.join(data.annotations.class_names)}",
        f"{device.count} x {config.device_target}, {'mixed precision' if device.mixed_precision else 'float32'}",
        f"steps {first_step} to {config.max_iter}; the first step compiles the network, which takes a while",
    ]
    if config.burn_up_iter == config.max_iter:
        lines.append(
            "supervised training: " + ("no unlabelled images" if not data.unlabelled else "burn-in is the whole run")
        )
    elif first_step < config.burn_up_iter:
        lines.append(
            "burn-in: the student is trained on labelled images alone; the teacher starts at step "
            f"{config.burn_up_iter}"
        )
    return "\n".join(lines)


def detector_metadata(config: Config, data: TrainingData, done: int) -> DetectorMetadata:
    """The metadata of a checkpoint of this run after `done` steps."""
    class_names, category_ids = data.annotations.class_names, data.annotations.category_ids
    return DetectorMetadata(config.as_dict(), list(class_names), list(category_ids), done)


def save(run: Run, done: int) -> None:
    """Save student, teacher (or EMA of the burn-in), `latest`, and the run state after `done` steps."""
    networks, folder = run.networks, run.folder
    metadata = detector_metadata(run.config, run.data, done)
    for role, network in networks.roles.items():
        save_detector(network, folder.step(role, done), metadata)
    save_detector(networks.latest, folder.latest, metadata)
    save_state(run, done)
    folder.remove_old_checkpoints(run.config.keep_checkpoint_max)


def save_state(run: Run, done: int) -> None:
    """Save the run state after `done` steps, including the sums since the last log line."""
    since_log: dict = {}
    if run.times.steps:
        since_log = asdict(run.times) | {"sums": run.networks.step_cell(done - 1).sums.values()}
    run.states.write(run.networks.saved(), run.metadata | {"since_log": since_log, "rows": run.log.rows})


def restore_sums(run: Run, first_step: int) -> None:
    """Restore the sums since the last log line of a resumed run; only those of rank 0 are saved.

    Raises:
        UserError: the state has another number of sums.
    """
    since_log = run.metadata["since_log"]
    if since_log and run.device.rank == 0:
        sums = run.networks.step_cell(first_step - 1).sums
        expected, found = ([len(row) for row in rows] for rows in (sums.values(), since_log["sums"]))
        if found != expected:
            raise UserError(
                f"{run.folder.state} is not in the form of a run state: the sums since the last log line have {found} numbers, "
                f"expected {expected}"
            )
        sums.put(since_log["sums"])
        run.times = StepTimes(**{key: value for key, value in since_log.items() if key != "sums"})
    if run.log.removed_rows:
        run.log.info(
            f"{counted(run.log.removed_rows, 'row')} of metrics.jsonl removed: steps from {first_step} on are repeated"
        )
