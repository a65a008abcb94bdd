"""How good the networks of a run are on its evaluation images, and which of them was the best."""

from src.config import Config
from src.evaluation.coco_matching import match
from src.evaluation.confusion import confusion_matrix
from src.evaluation.metrics import evaluate, format_table
from src.runs.finding import find_records
from src.runs.guard import guard
from src.runs.run import Run
from src.runs.saving import card
from src.runs.watching import tell
from src.training.checkpoint import copy_weights, save_detector
from src.watching.scores import CONFUSED_SCORE, mixed_up


def evaluation_is_due(config: Config, done: int) -> bool:
    """Whether student and teacher are evaluated after `done` steps: at the interval, and at the end of each phase."""
    at_interval = config.eval_interval_iter > 0 and done % config.eval_interval_iter == 0
    return at_interval or done in (config.burn_up_iter, config.max_iter)


def evaluate_all(run: Run, done: int) -> None:
    """Evaluate on the evaluation images, if there are any, and on the probe; every process of a run must call this.

    A run that is asked to stop meanwhile evaluates when it goes on; its facts stay as they are.
    """
    if run.data.evaluation and run.device.rank == 0 and not evaluate_now(run, done):
        return
    ended = done if run.data.probe and guard(run, done) else None
    run.facts = {**run.facts, "evaluated": done, "ended": ended}


def evaluate_now(run: Run, done: int) -> bool:
    """AP of the student and, once it has started, of the teacher; keeps the better of teacher and best supervised student.

    Returns:
        False if the run was asked to stop meanwhile; then nothing is changed.
    """
    networks = run.networks
    row, warning = {}, None
    roles = {"student": networks.student}
    if networks.latest is networks.teacher:
        roles["teacher"] = networks.teacher
    for role, network in roles.items():
        copy_weights(network, networks.detector)
        truth, stored = run.data.evaluation, run.data.stored_evaluation
        records = find_records(networks.detector, truth, run.config.eval_img_dir, run.config, stored, run.stop)
        if records is None:
            return False
        metrics = evaluate(truth, records)
        row |= _numbers(metrics, role)
        row |= _numbers(metrics.get("segm"), f"{role}/segm")
        run.log.say(f"step {done}, {role} on {metrics['images']} evaluation images:\n{format_table(metrics)}")
        if network is networks.latest:
            keep_best(run, role, metrics, done)
            taken_for = confusion_matrix(match(truth, records), CONFUSED_SCORE)[1:, 1:]
            warning = mixed_up(taken_for, run.data.annotations.class_names)
    run.log.numbers(done - 1, row)
    tell(run, done - 1, run.watch.scores(done, row) + run.watch.new([warning] if warning else []))
    return True


def _numbers(metrics: dict | None, name: str) -> dict:
    """What metrics say, for the log."""
    if metrics is None:
        return {}
    numbers = {f"{name}/{key}": value for key, value in metrics.items() if not isinstance(value, dict)}
    return numbers | {f"{name}/AP50/{key}": value["AP50"] for key, value in metrics["per_class"].items()}


def keep_best(run: Run, role: str, metrics: dict, done: int) -> None:
    """Make the latest network the best one if its AP is higher than that of every one before, student or teacher."""
    best, path = run.facts["best"], run.folder.best
    now = {"step": done, "role": role, "AP": metrics["AP"], "AP50": metrics["AP50"]}
    if best is None or is_better(now, best):
        save_detector(run.networks.latest, path, card(run.config, run.data, done))
        run.log.say(f"best so far: the {_named(now)} -> {path}")
        run.facts = {**run.facts, "best": now}
    else:
        run.log.say(f"the {_named(now)} is not better than the {_named(best)}, which stays in {path}")


def is_better(now: dict, best: dict) -> bool:
    """Whether a network replaces the best one: by its AP alone; an AP of None (no objects) counts as 0."""
    return (now["AP"] or 0.0) > (best["AP"] or 0.0)


def outcome(run: Run) -> str:
    """Which file is the detector that the run has made, and why."""
    best = run.facts["best"]
    role = "teacher" if run.networks.latest is run.networks.teacher else "student"
    if best is None:
        doubt = "; whether it is better than labels alone nobody has measured" if role == "teacher" else ""
        return f"the detector is {run.folder.latest}, the latest {role}, because there are no evaluation images{doubt}"
    reason = ""
    if role == "teacher":
        better = "better than labels alone" if best["role"] == "teacher" else "no teacher was better than labels alone"
        reason = f" ({better}, on the evaluation images)"
    return f"the detector is {run.folder.best}, the {_named(best)}{reason}"


def _named(network: dict) -> str:
    return f"{network['role']} of step {network['step']} with AP {network['AP'] or 0.0:.3f}"
