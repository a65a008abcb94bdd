"""What a run leaves in its folder for others, and for itself to go on from."""

from dataclasses import asdict

from src.config import Config
from src.data.training_data import TrainingData
from src.runs.run import Run
from src.training.checkpoint import DetectorCard, save_detector


def card(config: Config, data: TrainingData, done: int) -> DetectorCard:
    """What a weight file of this run says of itself."""
    return DetectorCard(config.as_dict(), list(data.annotations.class_names), list(data.annotations.category_ids), done)


def save(run: Run, done: int) -> None:
    """Write student, teacher, the latest of them, and the state of the run after `done` steps."""
    networks, folder = run.networks, run.folder
    about = card(run.config, run.data, done)
    save_detector(networks.student, folder.student(done), about)
    if networks.latest is networks.teacher:
        save_detector(networks.teacher, folder.teacher(done), about)
    save_detector(networks.latest, folder.latest, about)
    save_state(run, done)
    folder.forget_old(run.config.keep_checkpoint_max)


def save_state(run: Run, done: int) -> None:
    """Write all that going on after `done` steps needs, what gathered for the next line of the log included."""
    since: dict = {}
    if run.since_log.steps:
        since = asdict(run.since_log) | {"sums": run.networks.step_cell(done - 1).sums.values()}
    run.states.write(run.networks.saved(), run.facts | {"since_log": since})
