"""One training step as one graph: `TrainStep` learns from labels, `TeacherStudentStep` from labels and pseudo-labels.

Networks and optimizer are handed in; nothing is built here. What a run must remember between steps (step number, loss scale)
are parameters of the step cells, so they are saved and resumed like weights. Sums of what is logged stay on the device until
the host asks for them.

Axes: B labelled images, U unlabelled images, H and W the network input in pixels, G rows of ground truth.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore import dtype as mstype

from src.semi.ema import MovingAverage
from src.semi.pseudo_labels import pseudo_labels


@dataclass(frozen=True)
class StepSettings:
    """How a loss becomes an update.

    Attributes:
        term_weights: weight of each loss term of labelled images, in the order of the network's `losses`.
        pseudo_term_weights: the same for pseudo-labelled images.
        supervised_weight, unsupervised_weight: of the labelled and of the unlabelled sum.
        unsupervised_ramp: steps over which the unsupervised weight grows linearly from 0; 0 is none.
        clip_norm: greatest L2 norm of each parameter's gradient.
        dynamic_loss_scale: for float16; float32 needs none. scale_window: good steps before the scale doubles.
        burn_in_steps: step number at which the teacher starts; threshold: least score of a pseudo-label;
            ignore_threshold: least score of a detection that is at least not background; None: all others are.
        keep_rate, ramp: of the teacher's moving average, see `MovingAverage`.
    """

    term_weights: tuple[float, ...]
    pseudo_term_weights: tuple[float, ...]
    supervised_weight: float
    unsupervised_weight: float
    unsupervised_ramp: int
    clip_norm: float
    dynamic_loss_scale: bool
    initial_loss_scale: float
    scale_window: int
    burn_in_steps: int
    threshold: float
    ignore_threshold: float | None
    keep_rate: float
    ramp: bool


class RunState(nn.Cell):
    """What both phases share and a checkpoint keeps: step number, loss scale, good steps since it last changed."""

    def __init__(self, initial_loss_scale: float) -> None:
        super().__init__(auto_prefix=False)
        self.step = Parameter(Tensor(0, mstype.int32), name="run.step", requires_grad=False)
        self.loss_scale = Parameter(
            Tensor(initial_loss_scale, mstype.float32), name="run.loss_scale", requires_grad=False
        )
        self.good_steps = Parameter(Tensor(0, mstype.int32), name="run.good_steps", requires_grad=False)


class _Update(nn.Cell):
    """From scaled gradients to new weights: average over devices, unscale, check, clip, step."""

    def __init__(
        self,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        settings: StepSettings,
        device_count: int,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.learning_rates = Tensor(np.asarray(learning_rates, np.float32))
        self.state = state
        self.clip_norm = settings.clip_norm
        self.dynamic = settings.dynamic_loss_scale
        self.window = settings.scale_window
        self.reducer = (
            nn.DistributedGradReducer(optimizer.parameters, True, device_count) if device_count > 1 else ops.identity
        )

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Apply gradients of the scaled loss. Returns whether all were finite (else nothing but the scale moved) and the rate."""
        gradients = self.reducer(gradients)
        lengths = [_length(gradient) for gradient in gradients]
        finite = ops.isfinite(sum(lengths))
        rate = self.learning_rates[self.state.step]
        if finite:
            longest = self.clip_norm * self.state.loss_scale
            updates = ()
            for gradient, length in zip(gradients, lengths):
                # Clip and unscale by one factor: min(longest / length, 1) / scale.
                updates = updates + (gradient * (self.clip_norm / ops.maximum(length, longest)),)
            ops.assign(self.optimizer.learning_rate, rate)
            self.optimizer(updates)
        if self.dynamic:
            self._move_scale(finite)
        ops.assign_add(self.state.step, Tensor(1, mstype.int32))
        return finite, rate

    def _move_scale(self, finite: Tensor) -> None:
        good = ops.where(finite, self.state.good_steps + 1, 0)
        scale = ops.where(
            finite, self.state.loss_scale, ops.maximum(self.state.loss_scale * 0.5, Tensor(1.0, mstype.float32))
        )
        scale = ops.where(good >= self.window, scale * 2.0, scale)
        ops.assign(self.state.loss_scale, scale)
        ops.assign(self.state.good_steps, ops.where(good >= self.window, 0, good).astype(mstype.int32))


class _Sums(nn.Cell):
    """Sums over steps of what is logged, kept on the device."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(auto_prefix=False)
        self.names = names
        self.total = Parameter(Tensor(np.zeros(len(names), np.float32)), name="log_sums", requires_grad=False)

    def construct(self, values: tuple[Tensor, ...]) -> None:
        """Add one step; values that are not finite count as 0."""
        row = ops.concat([value.astype(mstype.float32).reshape(1) for value in values])
        ops.assign_add(self.total, ops.where(ops.isfinite(row), row, 0.0))

    def take(self) -> dict[str, float]:
        """The sums since the last call, by name; starts again at 0. The only copy from the device to the host."""
        values = self.total.asnumpy().copy()
        self.total.set_data(Tensor(np.zeros_like(values)))
        return dict(zip(self.names, values.tolist(), strict=True))


LOSS_TERMS = ("rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")
PSEUDO_TERMS = tuple(f"{name}_pseudo" for name in LOSS_TERMS)


class _Step(nn.Cell):
    """What both phases have: the student, how its loss becomes an update, and sums for the log."""

    def __init__(
        self,
        names: tuple[str, ...],
        student: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        settings: StepSettings,
        device_count: int,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.student = student
        self.settings = settings
        self.state = state
        self.update = _Update(optimizer, learning_rates, state, settings, device_count)
        self.sums = _Sums(("loss", *names, "overflow", "scaling_sens", "lr"))
        self.gradient = ops.value_and_grad(self._loss, None, ParameterTuple(optimizer.parameters), has_aux=True)


class TrainStep(_Step):
    """Burn-in and plain supervised training: each labelled image in its strong and its weak view."""

    def __init__(
        self,
        student: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        settings: StepSettings,
        device_count: int = 1,
    ) -> None:
        super().__init__(LOSS_TERMS, student, optimizer, learning_rates, state, settings, device_count)

    def _loss(self, strong: Tensor, weak: Tensor, boxes: Tensor, labels: Tensor, valid: Tensor, crowd: Tensor):
        terms = self.student.losses(
            ops.concat((strong, weak)),
            ops.concat((boxes, boxes)),
            ops.concat((labels, labels)),
            ops.concat((valid, valid)),
            ops.concat((crowd, crowd)),
            self.state.step,
        )
        means = _means(terms, strong.shape[0])
        total = self.settings.supervised_weight * _weighted(means, self.settings.term_weights)
        return total * self.state.loss_scale, (total,) + means

    def construct(
        self, strong: Tensor, weak: Tensor, boxes: Tensor, labels: Tensor, valid: Tensor, crowd: Tensor
    ) -> Tensor:
        """One step.

        Args:
            strong, weak: [B, 3, H, W] uint8, RGB; boxes [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input;
            labels [B, G] int32; valid, crowd [B, G] bool.

        Returns:
            Scalar bool: the gradients were finite and the weights moved.
        """
        (_, logged), gradients = self.gradient(strong, weak, boxes, labels, valid, crowd)
        finite, rate = self.update(gradients)
        self.sums(logged + (ops.logical_not(finite), self.state.loss_scale, rate))
        return finite


class TeacherStudentStep(_Step):
    """Mutual learning: the teacher labels the weak view of unlabelled images, the student learns from their strong view too."""

    def __init__(
        self,
        student: nn.Cell,
        teacher: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        settings: StepSettings,
        device_count: int = 1,
    ) -> None:
        names = (*LOSS_TERMS, *PSEUDO_TERMS, "pseudo_boxes", "pseudo_score")
        super().__init__(names, student, optimizer, learning_rates, state, settings, device_count)
        self.teacher = teacher
        self.average = MovingAverage(teacher, student, settings.keep_rate, settings.ramp)

    def _loss(
        self, images: Tensor, boxes: Tensor, labels: Tensor, valid: Tensor, crowd: Tensor, labelled: int, weight: Tensor
    ):
        terms = self.student.losses(images, boxes, labels, valid, crowd, self.state.step)
        views = 2 * labelled
        means = _means([term[:views] for term in terms], labelled)
        pseudo = _means([term[views:] for term in terms], images.shape[0] - views)
        total = self.settings.supervised_weight * _weighted(means, self.settings.term_weights)
        total = total + weight * _weighted(pseudo, self.settings.pseudo_term_weights)
        return total * self.state.loss_scale, (total,) + means + pseudo

    def construct(
        self,
        strong: Tensor,
        weak: Tensor,
        boxes: Tensor,
        labels: Tensor,
        valid: Tensor,
        crowd: Tensor,
        unlabelled_strong: Tensor,
        unlabelled_weak: Tensor,
    ) -> Tensor:
        """One step; the first six arguments as for `TrainStep`, then the two views of unlabelled images [U, 3, H, W] uint8.

        Returns:
            Scalar bool: the gradients were finite and the weights moved.
        """
        age = self.state.step - self.settings.burn_in_steps
        # 1. The teacher follows the student of the last step and looks at the weak view.
        keep = self.average(age)
        detections = self.teacher(ops.depend(unlabelled_weak, keep))
        pseudo = pseudo_labels(detections, self.settings.threshold, self.settings.ignore_threshold, boxes.shape[1])
        # 2. The student learns from everything in one batch.
        weight = Tensor(self.settings.unsupervised_weight, mstype.float32)
        if self.settings.unsupervised_ramp > 0:
            share = (age.astype(mstype.float32) + 1.0) / self.settings.unsupervised_ramp
            weight = weight * ops.minimum(share, Tensor(1.0, mstype.float32))
        (_, logged), gradients = self.gradient(
            ops.concat((strong, weak, unlabelled_strong)),
            ops.concat((boxes, boxes, pseudo[0])),
            ops.concat((labels, labels, pseudo[1])),
            ops.concat((valid, valid, pseudo[2])),
            ops.concat((crowd, crowd, pseudo[3])),
            strong.shape[0],
            weight,
        )
        finite, rate = self.update(gradients)
        # 3. What users ask for: how many pseudo-boxes an image, and how sure the teacher was of them.
        count = pseudo[2].astype(mstype.float32).sum()
        score = (detections[1] * (detections[1] > self.settings.threshold).astype(mstype.float32)).sum()
        seen = Tensor(1.0 / unlabelled_weak.shape[0], mstype.float32)
        self.sums(logged + (count * seen, score * seen, ops.logical_not(finite), self.state.loss_scale, rate))
        return finite


def _length(gradient: Tensor) -> Tensor:
    """The L2 norm. Row by row, because a sum over all axes at once takes five times as long on a CPU."""
    rows = gradient.reshape(gradient.shape[0] if gradient.ndim else 1, -1)
    return ops.sqrt(ops.square(rows).sum(-1).sum())


def _means(terms: tuple[Tensor, ...], images: int) -> tuple[Tensor, ...]:
    """Each term [N] summed and divided by the number of images (a labelled image is there in two views)."""
    result = ()
    for term in terms:
        result = result + (term.sum() / images,)
    return result


def _weighted(means: tuple[Tensor, ...], weights: tuple[float, ...]) -> Tensor:
    total = means[0] * weights[0]
    for mean, weight in zip(means[1:], weights[1:]):
        total = total + mean * weight
    return total
