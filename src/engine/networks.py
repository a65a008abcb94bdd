"""Builds networks, optimizer and the training step of each phase from the configuration."""

from dataclasses import dataclass

import numpy as np
from mindspore import nn

from src.checkpoint.detector_file import TEACHER_PREFIX, share_weights
from src.checkpoint.pretrained import load_pretrained
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.device import Device
from src.engine.optimizer import build_optimizer
from src.engine.schedule import ScheduleConfig, learning_rates
from src.errors import UserError
from src.network_define import LossConfig, RunState, StepConfig, TeacherStudentStep, TrainStep
from src.semi.ema import EmaConfig
from src.semi.pseudo_labels import PseudoLabelConfig
from src.semi.weight_update import UpdateConfig
from src.systems import build_network, loss_weights


@dataclass(frozen=True)
class Networks:
    """The networks of a run, with the training step of each phase.

    Attributes:
        teacher: None in a supervised run without supervised_ema.
        burn_in: training step of burn-in and of supervised runs.
        mutual: training step of teacher-student mutual learning (Liu et al. 2021); None in a supervised run.
        detector: a network in evaluation mode, into which evaluations copy the weights of student or teacher; without a teacher it
            has those of the student itself.
    """

    student: nn.Cell
    teacher: nn.Cell | None
    burn_in: TrainStep
    mutual: TeacherStudentStep | None
    state: RunState
    optimizer: nn.Optimizer
    detector: nn.Cell

    @property
    def latest(self) -> nn.Cell:
        """The network to use after the current step: the teacher once it has started, the student before."""
        started = self.mutual is not None and int(self.state.step.asnumpy()) > self.burn_in.config.burn_in_steps
        return self.teacher if started else self.student

    @property
    def roles(self) -> dict[str, nn.Cell]:
        """The networks to evaluate after the current step, by role: student, and teacher or EMA of the burn-in."""
        if self.latest is self.teacher:
            return {"student": self.student, "teacher": self.teacher}
        if self.burn_in.average is not None:
            return {"student": self.student, "average": self.teacher}
        return {"student": self.student}

    def step_cell(self, step: int) -> TrainStep | TeacherStudentStep:
        """The training step of the phase that step number `step` belongs to."""
        return self.burn_in if step < self.burn_in.config.burn_in_steps else self.mutual

    def saved(self) -> list[nn.Cell]:
        """The cells whose parameters are the state of the run."""
        return [cell for cell in (self.student, self.teacher, self.optimizer, self.state) if cell is not None]


def build_networks(config: Config, data: TrainingData, device: Device) -> Networks:
    """Build student, teacher, optimizer and the training step of each phase."""
    class_count = len(data.annotations.class_names)
    student, detector = (build_network(config, class_count, device.mixed_precision) for _ in range(2))
    student.set_train(True)
    detector.set_train(False)
    optimizer = build_optimizer(
        config.opt_type,
        student.trainable_params(),
        base_lr=config.base_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    schedule = ScheduleConfig(
        config.lr_schedule,
        base_lr=config.base_lr,
        warmup_steps=config.warmup_step,
        warmup_ratio=config.warmup_ratio,
        milestones=config.milestones,
        step_size=config.lr_step_size,
        gamma=config.gamma,
    )
    rates = learning_rates(schedule, config.max_iter)
    step = step_config(config, device)
    state = run_state(config, step, class_count)
    has_mutual = config.burn_up_iter < config.max_iter
    teacher = mutual = None
    if has_mutual or config.supervised_ema:
        teacher = build_network(config, class_count, device.mixed_precision)
        teacher.set_train(False)
        teacher.update_parameters_name(TEACHER_PREFIX)
    else:
        share_weights(student, detector)
    averaged = teacher if config.supervised_ema else None
    burn_in = TrainStep(student, optimizer, rates, state, step, device_count=device.count, averaged=averaged)
    if has_mutual:
        mutual = TeacherStudentStep(student, teacher, optimizer, rates, state, step, device_count=device.count)
    return Networks(
        student=student,
        teacher=teacher,
        burn_in=burn_in,
        mutual=mutual,
        state=state,
        optimizer=optimizer,
        detector=detector,
    )


def run_state(config: Config, step: StepConfig, class_count: int) -> RunState:
    """The state of a run before its first step."""
    thresholds = None
    if config.pseudo_label_thresholds == "label_prior":
        high, low = step.pseudo_labels.threshold, step.pseudo_labels.ignore_threshold
        thresholds = np.full(class_count, high), np.full(class_count, high if low is None else low)
    return RunState(step.update.initial_loss_scale, thresholds)


def step_config(config: Config, device: Device) -> StepConfig:
    """The configuration of losses, weight update, pseudo-labels and EMA."""
    term_weights, pseudo_term_weights = loss_weights(config)
    return StepConfig(
        loss=LossConfig(
            term_weights=tuple(term_weights.values()),
            pseudo_term_weights=tuple(pseudo_term_weights.values()),
            strong_view=config.strong_view,
            supervised_weight=config.sup_loss_weight,
            unsupervised_weight=config.unsup_loss_weight,
            unsupervised_ramp=config.unsup_ramp_iter,
        ),
        update=UpdateConfig(
            clip_norm=config.clip_norm,
            clip_together=config.clip_by == "all",
            batches=config.accumulate_steps,
            dynamic_loss_scale=device.mixed_precision,
            initial_loss_scale=config.loss_scale if device.mixed_precision else 1.0,
            scale_window=config.loss_scale_window,
        ),
        pseudo_labels=PseudoLabelConfig(
            threshold=config.bbox_threshold,
            ignore_threshold=config.bbox_ignore_threshold,
            max_gts=config.num_gts,
            mask_size=config.gt_mask_size,
            mask_threshold=config.mask_thr_binary,
        ),
        ema=EmaConfig(config.ema_keep_rate, config.ema_ramp),
        burn_in_steps=config.burn_up_iter,
        average_start=0 if config.teacher_start == "average" else config.burn_up_iter,
    )


def load_initial_weights(config: Config, student: nn.Cell) -> str:
    """Load --pre_trained into the student; returns a log message about the loaded weights.

    Raises:
        UserError: a frozen backbone would stay randomly initialised.
    """
    report = load_pretrained(student, config.pre_trained) if config.pre_trained else None
    loaded = report is not None and report.backbone_is_loaded
    if not loaded and (config.frozen_stages > 0 or config.frozen_batch_norm):
        raise UserError(
            f"pre_trained: frozen_stages {config.frozen_stages} and frozen_batch_norm {config.frozen_batch_norm} freeze "
            "parts of the backbone, but no backbone weights were loaded: pass --pre_trained WEIGHTS, "
            "or train it from scratch with --frozen_stages 0 --frozen_batch_norm false"
        )
    return str(report) if report else "no pre-trained weights: all weights are initialised at random"
