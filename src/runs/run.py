"""A training run: what it was asked for, what it works with, and what it has reached."""

from dataclasses import dataclass

from src.config import Config
from src.data.training_data import TrainingData
from src.runs.networks import Networks
from src.training.device import Device
from src.training.log import RunLog
from src.training.run_folder import RunFolder
from src.watching.watch import Watch


@dataclass
class Run:
    """What the parts of a run share.

    Attributes:
        watch: what notices that a run goes wrong; facts: JSON values that are saved with the state and come back when the run is resumed; see `run_facts`.
    """

    config: Config
    data: TrainingData
    device: Device
    networks: Networks
    folder: RunFolder
    log: RunLog
    facts: dict
    watch: Watch
