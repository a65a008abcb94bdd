"""A training run: its configuration, its parts, its state, and how it is saved."""

from dataclasses import asdict, dataclass, field

from src.checkpoint.detector_file import DetectorMetadata, save_detector
from src.checkpoint.run_folder import RunFolder
from src.checkpoint.run_state import StateFiles
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.device import Device
from src.engine.health.watch import Watch
from src.engine.log import RunLog
from src.engine.networks import Networks
from src.engine.stopping import StopRequest


@dataclass
class SinceLog:
    """What gathered since the last line of the log: steps, their seconds, and the seconds of these that were waiting for data."""

    steps: int = 0
    spent: float = 0.0
    waited: float = 0.0


@dataclass
class Run:
    """What the parts of a run share.

    Attributes:
        states: its saved states; stop: whether it was asked to stop; watch: what notices that it goes wrong.
        facts: JSON values that are saved with the state and come back when the run is resumed; see `run_facts`.
    """

    config: Config
    data: TrainingData
    device: Device
    networks: Networks
    folder: RunFolder
    states: StateFiles
    log: RunLog
    stop: StopRequest
    facts: dict
    watch: Watch
    since_log: SinceLog = field(default_factory=SinceLog)


def detector_metadata(config: Config, data: TrainingData, done: int) -> DetectorMetadata:
    """What a weight file of this run says of itself."""
    return DetectorMetadata(
        config.as_dict(), list(data.annotations.class_names), list(data.annotations.category_ids), done
    )


def save(run: Run, done: int) -> None:
    """Write student, teacher (or average of the burn-in), the latest of them, and the state after `done` steps."""
    networks, folder = run.networks, run.folder
    about = detector_metadata(run.config, run.data, done)
    for role, network in networks.roles.items():
        save_detector(network, folder.step(role, done), about)
    save_detector(networks.latest, folder.latest, about)
    save_state(run, done)
    folder.remove_old_checkpoints(run.config.keep_checkpoint_max)


def save_state(run: Run, done: int) -> None:
    """Write all that going on after `done` steps needs, what gathered for the next line of the log included."""
    since: dict = {}
    if run.since_log.steps:
        since = asdict(run.since_log) | {"sums": run.networks.step_cell(done - 1).sums.values()}
    run.states.write(run.networks.saved(), run.facts | {"since_log": since})
