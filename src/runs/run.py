"""A training run: what it was asked for, what it works with, and what it has reached."""

from dataclasses import dataclass, field

from src.config import Config
from src.data.training_data import TrainingData
from src.runs.networks import Networks
from src.runs.stopping import StopRequest
from src.training.device import Device
from src.training.log import RunLog
from src.training.run_folder import RunFolder
from src.training.states import StateFiles
from src.watching.watch import Watch


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
