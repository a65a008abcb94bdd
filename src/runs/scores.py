"""How good the networks of a run are on its evaluation images, and which of them was the best."""

from mindspore import nn

from src.config import Config
from src.data.dataset import evaluation_batches
from src.data.training_data import TrainingData
from src.evaluation.metrics import evaluate, format_table
from src.evaluation.records import coco_records, detect
from src.runs.run import Run
from src.runs.saving import card
from src.training.checkpoint import copy_weights, save_detector
from src.training.restore import on_arrays


def evaluation_is_due(config: Config, done: int) -> bool:
    """Whether student and teacher are evaluated after `done` steps: at the interval, and at the end of each phase."""
    at_interval = config.eval_interval_iter > 0 and done % config.eval_interval_iter == 0
    return at_interval or done in (config.burn_up_iter, config.max_iter)


def evaluate_now(run: Run, done: int) -> None:
    """AP of the student and, once it has started, of the teacher; keeps the best and notes its AP in the run's facts."""
    networks, folder = run.networks, run.folder
    row, best = {}, run.facts["best"]
    roles = {"student": networks.student}
    if networks.latest is networks.teacher:
        roles["teacher"] = networks.teacher
    for role, network in roles.items():
        copy_weights(network, networks.detector)
        metrics = average_precision(run.config, run.data, networks.detector)
        row |= {f"{role}/{name}": value for name, value in metrics.items() if name != "per_class"}
        row |= {f"{role}/AP50/{name}": value["AP50"] for name, value in metrics["per_class"].items()}
        images = len(run.data.evaluation.images)
        run.log.say(f"step {done}, {role} on {images} evaluation images:\n{format_table(metrics)}")
        if network is networks.latest and is_better(metrics, role, best):
            best = {"step": done, "role": role, "AP": metrics["AP"], "AP50": metrics["AP50"]}
            save_detector(network, folder.best, card(run.config, run.data, done))
            run.log.say(f"best {role} so far -> {folder.best}")
    run.log.numbers(done - 1, row)
    run.facts = {**run.facts, "best": best, "evaluated": done}


def is_better(metrics: dict, role: str, best: dict | None) -> bool:
    """Whether a network replaces the best one; the first teacher always does. An AP of None (no objects) counts as 0."""
    return best is None or role != best["role"] or (metrics["AP"] or 0.0) > (best["AP"] or 0.0)


def average_precision(config: Config, data: TrainingData, detector: nn.Cell) -> dict:
    """COCO metrics of a network on the evaluation images."""
    arriving = evaluation_batches(data.evaluation.images, config.eval_img_dir, config)
    records = []
    for entry, found in detect(on_arrays(detector), arriving):
        records += coco_records(entry, found, data.evaluation.category_ids)
    return evaluate(data.evaluation, records)
