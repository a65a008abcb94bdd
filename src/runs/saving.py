"""What a run leaves in its folder for others, and for itself to go on from."""

from src.config import Config
from src.data.training_data import TrainingData
from src.runs.run import Run
from src.training.checkpoint import DetectorCard, save_detector, save_state


def card(config: Config, data: TrainingData, done: int) -> DetectorCard:
    """What a weight file of this run says of itself."""
    return DetectorCard(config.as_dict(), list(data.annotations.class_names), list(data.annotations.category_ids), done)


def save(run: Run, done: int) -> None:
    """Write student, teacher, the latest of them, and the state of the run."""
    networks, folder = run.networks, run.folder
    about = card(run.config, run.data, done)
    save_detector(networks.student, folder.student(done), about)
    if networks.latest is networks.teacher:
        save_detector(networks.teacher, folder.teacher(done), about)
    save_detector(networks.latest, folder.latest, about)
    save_facts(run)
    folder.forget_old(run.config.keep_checkpoint_max)


def save_facts(run: Run) -> None:
    """Write the state of the run with its facts as they are now."""
    save_state(run.networks.saved(), run.folder.state, run.facts)
