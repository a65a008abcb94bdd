"""Train a detector on labelled and unlabelled images (or on labelled ones alone).

Burn-in: the student learns from labels, each image in a strong and a weak view. Then its slowly averaged teacher labels the
weak view of unlabelled images, and the student learns from their strong view too (Liu et al. 2021, Unbiased Teacher).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from mindspore import Tensor, nn

from src.config import Config, load_config, require, save_config
from src.data.dataset import BatchSettings, evaluation_batches, training_batches
from src.data.training_data import TrainingData, read_training_data
from src.errors import UserError, entry_point
from src.evaluation.metrics import check_labelled, evaluate, format_table
from src.evaluation.records import coco_records, detect
from src.files import write_text
from src.network_define import RunState, StepSettings, TeacherStudentStep, TrainStep
from src.systems import build_network
from src.training.checkpoint import (
    TEACHER_PREFIX,
    DetectorCard,
    copy_weights,
    load_state,
    save_detector,
    save_state,
)
from src.training.device import Device, set_up_device
from src.training.log import RunLog, averages_of
from src.training.restore import on_arrays
from src.training.resume import run_facts, saved_facts
from src.training.run_folder import RunFolder
from src.training.schedule import learning_rates
from src.training.weights import load_pretrained


@dataclass(frozen=True)
class Networks:
    """The student, its teacher (None in a supervised run), the step of each phase, and a network to evaluate with."""

    student: nn.Cell
    teacher: nn.Cell | None
    burn_in: TrainStep
    mutual: TeacherStudentStep | None
    state: RunState
    optimizer: nn.Optimizer
    detector: nn.Cell

    @property
    def latest(self) -> nn.Cell:
        """The network that a user would take now: the teacher once it has started."""
        started = self.teacher is not None and int(self.state.step.asnumpy()) > self.burn_in.settings.burn_in_steps
        return self.teacher if started else self.student

    def saved(self) -> list[nn.Cell]:
        """The cells whose parameters are the state of the run."""
        return [cell for cell in (self.student, self.teacher, self.optimizer, self.state) if cell is not None]


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, build the networks, train, evaluate and save."""
    config = load_config(__doc__, argv)
    require(config, "train_img_dir", "train_ann_file")
    folder = RunFolder(config.save_checkpoint_path)
    resumes = folder.check(config.resume, config.overwrite)
    data = read_training_data(
        config.train_ann_file,
        config.train_img_dir,
        config.unlabelled_img_dir,
        config.eval_ann_file,
        config.eval_img_dir,
        config.num_gts,
    )
    if data.evaluation:
        check_labelled(data.evaluation)
    if not data.unlabelled:
        config = replace(config, burn_up_iter=config.max_iter)
    device = set_up_device(
        config.device_target, config.device_id, config.run_distribute, config.mixed_precision, config.global_seed
    )
    networks = build_networks(config, data, device)
    unlabelled_names = (entry.file_name for entry in data.unlabelled)
    facts = run_facts(config.as_dict(), config.train_ann_file, unlabelled_names, device.count)
    if resumes:
        started_from = f"resumed from {folder.state}"
        facts = saved_facts(folder.state, facts)
        load_state(networks.saved(), folder.state)
    else:
        started_from = start_weights(config, networks.student)
        if device.rank == 0:
            folder.clear()
    first_step = int(networks.state.step.asnumpy())
    log = RunLog(folder.path, device.rank, first_step, config.max_iter)
    if device.rank == 0:
        write_text(folder.config, save_config(config), overwrite=True)
    log.say(describe(config, data, device, first_step, started_from))
    missed = data.evaluation and facts["evaluated"] < first_step and evaluation_is_due(config, first_step)
    if missed and device.rank == 0:  # the run was stopped while it evaluated
        facts = evaluate_now(config, data, networks, folder, log, facts, first_step)
    train(config, data, device, networks, folder, log, facts, first_step)
    log.say(f"end: the detector is {folder.best if folder.best.exists() else folder.latest}")
    log.close()


def build_networks(config: Config, data: TrainingData, device: Device) -> Networks:
    """Student, teacher, optimizer and the step of each phase."""
    class_count = len(data.annotations.class_names)
    student, detector = (build_network(config, class_count, device.mixed_precision) for _ in range(2))
    student.set_train(True)
    detector.set_train(False)
    optimizer = nn.Momentum(student.trainable_params(), config.base_lr, config.momentum, config.weight_decay)
    rates = learning_rates(
        config.lr_schedule,
        config.max_iter,
        config.base_lr,
        config.warmup_step,
        config.warmup_ratio,
        config.milestones,
        config.gamma,
    )
    settings = step_settings(config, device)
    state = RunState(settings.initial_loss_scale)
    burn_in = TrainStep(student, optimizer, rates, state, settings, device.count)
    teacher = mutual = None
    if config.burn_up_iter < config.max_iter:
        teacher = build_network(config, class_count, device.mixed_precision)
        teacher.set_train(False)
        teacher.update_parameters_name(TEACHER_PREFIX)
        mutual = TeacherStudentStep(student, teacher, optimizer, rates, state, settings, device.count)
    return Networks(student, teacher, burn_in, mutual, state, optimizer, detector)


def step_settings(config: Config, device: Device) -> StepSettings:
    """Weights of the losses and how gradients become updates."""
    return StepSettings(
        term_weights=(
            config.rpn_loss_cls_weight,
            config.rpn_loss_reg_weight,
            config.rcnn_loss_cls_weight,
            config.rcnn_loss_reg_weight,
        ),
        pseudo_term_weights=(
            config.rpn_pseudo_cls_weight,
            config.rpn_pseudo_reg_weight,
            config.rcnn_pseudo_cls_weight,
            config.rcnn_pseudo_reg_weight,
        ),
        supervised_weight=config.sup_loss_weight,
        unsupervised_weight=config.unsup_loss_weight,
        unsupervised_ramp=config.unsup_ramp_iter,
        clip_norm=config.clip_norm,
        dynamic_loss_scale=device.mixed_precision,
        initial_loss_scale=config.loss_scale if device.mixed_precision else 1.0,
        scale_window=config.loss_scale_window,
        burn_in_steps=config.burn_up_iter,
        threshold=config.bbox_threshold,
        ignore_threshold=config.bbox_ignore_threshold,
        keep_rate=config.ema_keep_rate,
        ramp=config.ema_ramp,
    )


def start_weights(config: Config, student: nn.Cell) -> str:
    """Load --pre_trained into the student; returns what was loaded.

    Raises:
        UserError: if a frozen backbone would stay random.
    """
    report = load_pretrained(student, config.pre_trained) if config.pre_trained else None
    loaded = report is not None and report.backbone_is_loaded
    if not loaded and (config.frozen_stages > 0 or config.frozen_batch_norm):
        raise UserError(
            f"pre_trained: frozen_stages {config.frozen_stages} and frozen_batch_norm {config.frozen_batch_norm} keep "
            "parts of the backbone as they are loaded, but no backbone was loaded: give --pre_trained WEIGHTS, "
            "or train it from scratch with --frozen_stages 0 --frozen_batch_norm false"
        )
    return str(report) if report else "no pre-trained weights: everything starts at random"


def describe(config: Config, data: TrainingData, device: Device, first_step: int, started_from: str) -> str:
    """What the run is about to do, for its log."""
    lines = [
        save_config(config),
        started_from,
        f"{len(data.labelled)} labelled and {len(data.unlabelled)} unlabelled images",
        f"{len(data.annotations.class_names)} classes: {', '.join(data.annotations.class_names)}",
        f"{device.count} x {config.device_target}, {'mixed precision' if device.mixed_precision else 'float32'}",
        f"steps {first_step} to {config.max_iter}; the first one compiles the network, which takes a while",
    ]
    if config.burn_up_iter == config.max_iter:
        lines.append(
            "supervised training: " + ("no unlabelled images" if not data.unlabelled else "burn-in is the whole run")
        )
    elif first_step < config.burn_up_iter:
        lines.append(
            f"burn-in: labels alone; the teacher starts at step {config.burn_up_iter}, until then its AP would be 0"
        )
    return "\n".join(lines)


def batches(config: Config, data: TrainingData, device: Device, first_step: int) -> Iterator[tuple[np.ndarray, ...]]:
    """The arguments of every step from first_step on."""
    settings = BatchSettings(
        height=config.img_height,
        width=config.img_width,
        keep_ratio=config.keep_ratio,
        flip_ratio=config.flip_ratio,
        max_gts=config.num_gts,
        seed=config.global_seed,
        batch_size=config.batch_size,
        workers=config.num_parallel_workers,
        rank=device.rank,
        rank_size=device.count,
    )
    labelled = training_batches(data.labelled, config.train_img_dir, settings, "labelled", first_step, config.max_iter)
    start = max(first_step, config.burn_up_iter)
    for _ in range(first_step, start):
        yield next(labelled)
    if start < config.max_iter:
        settings = replace(settings, batch_size=config.unlabelled_batch_size)
        unlabelled = training_batches(
            data.unlabelled, config.train_img_dir, settings, "unlabelled", start, config.max_iter
        )
        for batch, more in zip(labelled, unlabelled, strict=True):
            yield batch + more


def train(
    config: Config,
    data: TrainingData,
    device: Device,
    networks: Networks,
    folder: RunFolder,
    log: RunLog,
    facts: dict,
    first_step: int,
) -> None:
    """The loop over steps: log, evaluate and save at their intervals."""
    arriving = batches(config, data, device, first_step)
    waited = spent = 0.0
    count = 0
    for step in range(first_step, config.max_iter):
        if step == config.burn_up_iter:
            log.say(
                f"the teacher starts now, at step {step}: it labels the unlabelled images, and its AP counts from here"
            )
            copy_weights(networks.student, networks.teacher)
            count, waited, spent = 0, 0.0, 0.0
        step_cell = networks.burn_in if step < config.burn_up_iter else networks.mutual
        started = time.perf_counter()
        batch = [Tensor(column) for column in next(arriving)]
        waited += time.perf_counter() - started
        step_cell(*batch)
        count += 1
        done = step + 1
        last = done in (config.burn_up_iter, config.max_iter)
        if step == first_step or done % config.print_interval_iter == 0 or last:
            sums = step_cell.sums.take()
            spent += time.perf_counter() - started
            log.steps(step, averages_of(sums, count), spent / count, waited / count)
            count, waited, spent = 0, 0.0, 0.0
        else:
            spent += time.perf_counter() - started
        evaluates = data.evaluation and evaluation_is_due(config, done)
        saves = device.rank == 0 and (last or done % config.save_checkpoint_interval == 0)
        if saves:
            save(config, data, networks, folder, facts, done)
        if evaluates and device.rank == 0:
            facts = evaluate_now(config, data, networks, folder, log, facts, done)
            if saves:  # saved before too: an evaluation that fails must not cost the training
                save_state(networks.saved(), folder.state, facts)


def evaluation_is_due(config: Config, done: int) -> bool:
    """Whether student and teacher are evaluated after `done` steps: at the interval, and at the end of each phase."""
    at_interval = config.eval_interval_iter > 0 and done % config.eval_interval_iter == 0
    return at_interval or done in (config.burn_up_iter, config.max_iter)


def evaluate_now(
    config: Config,
    data: TrainingData,
    networks: Networks,
    folder: RunFolder,
    log: RunLog,
    facts: dict,
    done: int,
) -> dict:
    """AP of the student and, once it has started, of the teacher; keeps the best. Returns the facts with the best AP."""
    row, best = {}, facts["best"]
    roles = {"student": networks.student}
    if networks.latest is networks.teacher:
        roles["teacher"] = networks.teacher
    for role, network in roles.items():
        copy_weights(network, networks.detector)
        metrics = average_precision(config, data, networks.detector)
        row |= {f"{role}/{name}": value for name, value in metrics.items() if name != "per_class"}
        row |= {f"{role}/AP50/{name}": value["AP50"] for name, value in metrics["per_class"].items()}
        log.say(f"step {done}, {role} on {len(data.evaluation.images)} evaluation images:\n{format_table(metrics)}")
        if network is networks.latest and is_better(metrics, role, best):
            best = {"step": done, "role": role, "AP": metrics["AP"], "AP50": metrics["AP50"]}
            save_detector(network, folder.best, card(config, data, done))
            log.say(f"best {role} so far -> {folder.best}")
    log.numbers(done - 1, row)
    return {**facts, "best": best, "evaluated": done}


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


def card(config: Config, data: TrainingData, done: int) -> DetectorCard:
    """What a weight file of this run says of itself."""
    return DetectorCard(config.as_dict(), list(data.annotations.class_names), list(data.annotations.category_ids), done)


def save(config: Config, data: TrainingData, networks: Networks, folder: RunFolder, facts: dict, done: int) -> None:
    """Write student, teacher, the latest of them, and the state of the run."""
    about = card(config, data, done)
    save_detector(networks.student, folder.student(done), about)
    if networks.latest is networks.teacher:
        save_detector(networks.teacher, folder.teacher(done), about)
    save_detector(networks.latest, folder.latest, about)
    save_state(networks.saved(), folder.state, facts)
    folder.forget_old(config.keep_checkpoint_max)


if __name__ == "__main__":
    main()
