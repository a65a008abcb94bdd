"""Evaluation during a run: AP of student and teacher on the evaluation images, and the best network so far."""

import shlex
import time
from functools import reduce

from mindspore import nn

from src.checkpoint.detector_file import copy_weights, save_detector
from src.command_line import to_paste
from src.config.load import Config
from src.data.annotations import missing_objects
from src.data.training_data import TrainingData
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.health.guard import guard
from src.engine.health.monitor import warn
from src.engine.health.teacher import CONFUSED_SCORE, confused_classes
from src.engine.inference.detect_images import detect_records
from src.engine.log import IMAGE
from src.engine.run import Run, detector_metadata
from src.evaluation.coco_matching import match
from src.evaluation.errors.confusion import confusion_matrix
from src.evaluation.metrics import evaluate, format_table
from src.exporting.runner import numpy_forward

# Phases and roles of the evaluated networks; the best score of each is tracked.
KINDS = {
    "burn_in": "best network before the teacher started",
    "student": "best student after the teacher started",
    "teacher": "best teacher",
}


def evaluation_is_due(config: Config, done: int) -> bool:
    """Whether student and teacher are evaluated after `done` steps: at the interval, and at the end of each phase."""
    at_interval = config.eval_interval_iter > 0 and done % config.eval_interval_iter == 0
    return at_interval or done in (config.burn_up_iter, config.max_iter)


def evaluation_schedule(config: Config, data: TrainingData) -> tuple[tuple[int, int], ...]:
    """(steps done, images in which objects are detected, over all networks) of each evaluation of a run that has any."""
    truth = len(data.evaluation.images) if data.evaluation else 0
    due = [step for step in range(1, config.max_iter + 1) if evaluation_is_due(config, step)]
    both = [2 if step > config.burn_up_iter or config.supervised_ema else 1 for step in due]
    counts = [truth * networks + len(data.held_out) for networks in both]
    return tuple((step, count) for step, count in zip(due, counts, strict=True) if count)


def evaluate_all(run: Run, done: int) -> None:
    """Evaluate on the evaluation images, if there are any, and on the held-out ones; all ranks must call this.

    If a stop is requested during evaluation, the metadata is unchanged, and the resumed run evaluates.
    """
    started = time.perf_counter()
    if run.data.evaluation and run.device.rank == 0 and not evaluate_networks(run, done):
        return
    ended = done if run.data.held_out and guard(run, done) else None
    if run.log.time_left is not None:
        run.log.time_left.evaluation_took(done, time.perf_counter() - started)
    run.metadata = {**run.metadata, "evaluated": done, "ended": ended}


def evaluate_networks(run: Run, done: int) -> bool:
    """Evaluate the student, and the teacher or the EMA of the burn-in; save the one with the highest AP if it is the
    best so far.

    Returns:
        False if a stop was requested during evaluation; then nothing is changed.
    """
    networks = run.networks
    row, warning, scores, role_of, started = {}, None, [], {}, time.perf_counter()
    for role, network in networks.roles.items():
        copy_weights(network, networks.detector)
        truth, stored = run.data.evaluation, run.data.stored_evaluation
        detector = numpy_forward(cached_detector(networks.detector, run.config))
        records = detect_records(detector, truth, run.config.eval_img_dir, run.config, stored=stored, stop=run.stop)
        if records is None:
            return False
        metrics = evaluate(truth, records)
        row |= _scalars(metrics, role)
        row |= _scalars(metrics.get("segm"), f"{role}/segm")
        table = format_table(metrics)
        first = role_of.setdefault(table, role)
        shown = f"\n{table}" if first == role else f" as the {first}"  # in runs of few steps both may find nothing
        run.log.info(f"step {done}, {role} on {metrics['images']} evaluation images:{shown}")
        scores.append({"step": done, "role": role, "AP": metrics["AP"], "AP50": metrics["AP50"]})
        if network is networks.latest:
            confusion = confusion_matrix(match(truth, records), CONFUSED_SCORE)[1:, 1:]
            warning = confused_classes(confusion, run.data.annotations.class_names)
    row[IMAGE] = (time.perf_counter() - started) / max(len(networks.roles) * len(run.data.evaluation.images), 1)
    keep_best(run, networks.roles, scores)
    run.log.scalars(done - 1, row)
    warn(run, done - 1, run.watch.at_evaluation(done, row) + run.watch.unreported([warning] if warning else []))
    return True


def _scalars(metrics: dict | None, name: str) -> dict:
    """Metrics by name, for metrics.jsonl and TensorBoard."""
    if metrics is None:
        return {}
    numbers = {f"{name}/{key}": value for key, value in metrics.items() if not isinstance(value, dict)}
    return numbers | {f"{name}/AP50/{key}": value["AP50"] for key, value in metrics["per_class"].items()}


def keep_best(run: Run, networks: dict[str, nn.Cell], scores: list[dict]) -> None:
    """Save the best of the networks evaluated now if its AP is higher than that of every earlier one, whatever its role.

    Args:
        networks: by role.
        scores: {"step", "role", "AP", "AP50"} of each; an AP of None could not be computed and is not compared.
    """
    measured = [score for score in scores if score["AP"] is not None]
    if not measured:
        reason = missing_objects(run.data.evaluation)
        run.log.info(f"no AP could be measured, so no network is compared with another: {reason}")
        return
    best, best_of, path = run.metadata["best"], run.metadata["best_of"], run.folder.best
    if best_of is not None:
        best_of = dict(best_of)
        for score in measured:
            kind = kind_of(score, run.config.burn_up_iter)
            best_of[kind] = better(best_of.get(kind), score)
    new = reduce(better, measured)
    if better(best, new) is new:
        save_detector(networks[new["role"]], path, detector_metadata(run.config, run.data, new["step"]))
        run.log.info(f"best so far: {_describe(new)} -> {path}")
        best = new
    else:
        run.log.info(f"{_describe(new)} is not better than {_describe(best)}, which stays in {path}")
    run.metadata = {**run.metadata, "best": best, "best_of": best_of}


def better(first: dict | None, second: dict) -> dict:
    """The score with the higher AP; the first one if they are equal."""
    return second if first is None or second["AP"] > first["AP"] else first


def kind_of(score: dict, burn_in_steps: int) -> str:
    """The key of ``KINDS`` that a network belongs to."""
    if score["role"] == "teacher":
        return "teacher"
    return "burn_in" if score["step"] <= burn_in_steps else "student"


def outcome(run: Run) -> str:
    """The summary at the end of a run: which file is the final detector, and the AP of the networks it was compared
    with."""
    best, evaluation = run.metadata["best"], run.data.evaluation
    if best is None:
        role = "teacher" if run.networks.latest is run.networks.teacher else "student"
        if evaluation is None:
            reason = "there are no evaluation images"
        else:
            reason = missing_objects(evaluation) or "no network was evaluated on these evaluation images"
        return (
            f"the detector is {run.folder.latest}, the latest {role}; no AP was measured and no network compared with "
            f"another, because {reason}"
        )
    images = f" on {len(evaluation.images)} evaluation images" if evaluation else ""
    best_kind = kind_of(best, run.config.burn_up_iter)
    others = [
        f"; {title}: AP {other['AP']:.3f} (step {other['step']})"
        for kind, title in KINDS.items()
        if kind != best_kind and (other := (run.metadata["best_of"] or {}).get(kind))
    ]
    return f"the detector is {run.folder.best}, {_describe(best)}{images}{''.join(others)}"


def what_to_do_next(run: Run) -> list[str]:
    """Of a run without AP: a sentence on what can be looked at; of another, none."""
    if run.metadata["best"] is not None:
        return []
    folder, images = run.folder.path, run.config.unlabelled_img_dir or run.config.train_img_dir
    page = f"python -m src.evaluation.page {shlex.join(['--run', str(folder)])}"
    words = ["--checkpoint_path", run.folder.latest, "--infer_img_dir", images]
    words += ["--draw_pics", "true", "--eval_output_dir", folder / "found"]
    return [f"what to do next: see its curves:  {page}  and what it finds in images:  {to_paste('infer.py', *words)}"]


def _describe(score: dict) -> str:
    return f"the {score['role']} of step {score['step']} with AP {score['AP']:.3f}"
