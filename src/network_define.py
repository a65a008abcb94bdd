"""A training step as one graph: `TrainStep` trains on labels, `TeacherStudentStep` on labels and pseudo-labels.

Networks and optimizer are passed in; nothing is built here. The state between steps (step number, loss scale) is held in parameters
of the step cells, so it is saved and restored like weights. Sums of logged values stay on the device until the host reads them.

A network names its `loss_terms`; `losses` takes, between images and step, its ground truth of G rows per image:
boxes [B, G, 4] float32 (x1, y1, x2, y2) in pixels of the input, labels [B, G] int32, valid [B, G] bool, crowd [B, G] bool, and
for a network with masks also masks, see `src.semi.pseudo_labels`. Image sizes, [B, 2] float32, are height and width
within the input, the same in both views. Nothing here depends on the kind of detector.

Axes: B labelled images, U unlabelled images, H and W the network input in pixels, G rows of ground truth.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore import dtype as mstype

from src.semi.batch_norm_statistics import MovingStatistics
from src.semi.ema import EmaConfig, MovingAverage
from src.semi.pseudo_labels import PseudoLabelConfig, pseudo_labels, score_thresholds
from src.semi.step_sums import STEP_KEYS, StepSums
from src.semi.weight_update import Update, UpdateConfig


@dataclass(frozen=True)
class LossConfig:
    """Sum of the loss terms.

    Attributes:
        term_weights: weight of each loss term of labelled images, in the order of the network's `loss_terms`.
        pseudo_term_weights: the same for pseudo-labelled images.
        strong_view: train on both views of labelled images; otherwise on the weak view alone.
        supervised_weight, unsupervised_weight: of the labelled and of the unlabelled loss, each a mean over its views.
        unsupervised_ramp: steps over which the unsupervised weight grows linearly from 0; 0 is none.
    """

    term_weights: tuple[float, ...]
    pseudo_term_weights: tuple[float, ...]
    strong_view: bool
    supervised_weight: float
    unsupervised_weight: float
    unsupervised_ramp: int


@dataclass(frozen=True)
class StepConfig:
    """Configuration of both phases, burn-in and mutual learning.

    Attributes:
        burn_in_steps: step at which mutual learning starts.
        average_start: step at which the EMA of the teacher starts.
    """

    loss: LossConfig
    update: UpdateConfig
    pseudo_labels: PseudoLabelConfig
    ema: EmaConfig
    burn_in_steps: int
    average_start: int


class RunState(nn.Cell):
    """The state that both phases share and that is saved with a run.

    Attributes:
        step: number of the next step; loss_scale; good_steps: steps without overflow since it last changed.
        skipped: number of steps just skipped in a row, because a loss or a gradient was not finite.
        unsupervised_factor: multiplies the weight of the unsupervised losses; the training loop lowers it when pseudo-labels are bad.
        thresholds, ignore_thresholds: score thresholds of pseudo-labels by class, [C] float32, which the training loop estimates;
            None: those of the configuration.

    Args:
        thresholds: both [C] at the start, equal or the first one greater.
    """

    def __init__(self, initial_loss_scale: float, thresholds: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        super().__init__(auto_prefix=False)
        self.step = Parameter(Tensor(0, mstype.int32), name="run.step", requires_grad=False)
        self.loss_scale = Parameter(
            Tensor(initial_loss_scale, mstype.float32), name="run.loss_scale", requires_grad=False
        )
        self.good_steps = Parameter(Tensor(0, mstype.int32), name="run.good_steps", requires_grad=False)
        self.skipped = Parameter(Tensor(0, mstype.int32), name="run.skipped", requires_grad=False)
        self.unsupervised_factor = Parameter(
            Tensor(1.0, mstype.float32), name="run.unsupervised_factor", requires_grad=False
        )
        self.thresholds = self.ignore_thresholds = None
        if thresholds is not None:
            high, low = (Tensor(values, mstype.float32) for values in thresholds)
            self.thresholds = Parameter(high, name="run.thresholds", requires_grad=False)
            self.ignore_thresholds = Parameter(low, name="run.ignore_thresholds", requires_grad=False)


class _Step(nn.Cell):
    """The common part of both phases: the student, its weight update, and sums for the log."""

    def __init__(
        self,
        names: tuple[str, ...],
        student: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        config: StepConfig,
        device_count: int,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.student = student
        self.config = config
        self.state = state
        self.update = Update(optimizer, learning_rates, state, config.update, device_count)
        self.sums = StepSums(("loss", *names, *STEP_KEYS))
        self.statistics = MovingStatistics(student)
        self.gradient = ops.value_and_grad(self._loss, None, ParameterTuple(optimizer.parameters), has_aux=True)

    def _labelled(
        self, strong: Tensor, weak: Tensor, image_sizes: Tensor, ground_truth: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Labelled images in the views that are trained on, with the size and ground truth of each."""
        if not self.config.loss.strong_view:
            return weak, image_sizes, ground_truth
        truth = ()
        for rows in ground_truth:
            truth = truth + (ops.concat((rows, rows)),)
        return ops.concat((strong, weak)), ops.concat((image_sizes, image_sizes)), truth

    def _finish(
        self, gradients: tuple[Tensor, ...], logged: tuple[Tensor, ...], more: tuple[Tensor, ...], labelled_loss: Tensor
    ) -> Tensor:
        """Take or skip the step and sum up its values for the log; `logged` begins with the total loss. Returns whether it was taken."""
        finite, rate, next_step, complete = self.update(gradients, logged[0])
        self.statistics.restore_unless(finite)
        skipped = ops.where(finite, 0, self.state.skipped + 1).astype(mstype.int32)
        lost = ops.logical_not(finite)
        usable = finite
        if self.config.update.batches > 1:  # a step is taken or skipped at its last batch, with all its batches
            skipped = ops.where(complete, skipped, self.state.skipped)
            lost = lost.astype(mstype.float32) * self.config.update.batches
            usable = ops.logical_and(finite, ops.isfinite(logged[0]))
        ops.assign(self.state.skipped, skipped)
        values = logged + more + (lost, self.state.loss_scale, rate)
        self.sums(values, usable, next_step - 1, skipped, labelled_loss)
        return finite


class TrainStep(_Step):
    """Burn-in and plain supervised training: each labelled image in its strong and its weak view, or in the weak one alone.

    Args:
        averaged: a network that becomes the EMA of the student from step 0 on; None: there is no average.
    """

    def __init__(
        self,
        student: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        config: StepConfig,
        device_count: int = 1,
        averaged: nn.Cell | None = None,
    ) -> None:
        super().__init__(student.loss_terms, student, optimizer, learning_rates, state, config, device_count)
        self.average = None
        if averaged is not None:
            self.average = MovingAverage(averaged, student, config.ema)

    def _loss(self, strong: Tensor, weak: Tensor, image_sizes: Tensor, *ground_truth: Tensor):
        images, sizes, truth = self._labelled(strong, weak, image_sizes, ground_truth)
        terms = self.student.losses(images, *truth, self.state.step, sizes)
        means = _means(terms)
        total = self.config.loss.supervised_weight * _weighted(means, self.config.loss.term_weights)
        return total * self.state.loss_scale, (total,) + means

    def construct(self, strong: Tensor, weak: Tensor, image_sizes: Tensor, *ground_truth: Tensor) -> Tensor:
        """One step.

        Args:
            strong, weak: [B, 3, H, W] uint8, RGB; image_sizes, ground_truth: as above.

        Returns:
            Scalar bool: losses and gradients were finite and the weights were updated.
        """
        first = self.update.is_first()
        if self.average is not None:  # with the student after the last step, as for the teacher
            self.average(self.state.step, ops.logical_and(self.state.skipped == 0, first))
        if first:
            self.statistics()
        (_, logged), gradients = self.gradient(strong, weak, image_sizes, *ground_truth)
        return self._finish(gradients, logged, (), logged[0])


class TeacherStudentStep(_Step):
    """Mutual learning: the student is trained on the strong view of unlabelled images with the pseudo-labels of the teacher on the weak view."""

    def __init__(
        self,
        student: nn.Cell,
        teacher: nn.Cell,
        optimizer: nn.Optimizer,
        learning_rates: np.ndarray,
        state: RunState,
        config: StepConfig,
        device_count: int = 1,
    ) -> None:
        pseudo_terms = tuple(f"{name}_pseudo" for name in student.loss_terms)
        names = (*student.loss_terms, *pseudo_terms, "unsup_loss", "pseudo_boxes", "pseudo_score")
        super().__init__(names, student, optimizer, learning_rates, state, config, device_count)
        self.teacher = teacher
        self.average = MovingAverage(teacher, student, config.ema)

    def _loss(self, unlabelled: int, weight: Tensor, images: Tensor, image_sizes: Tensor, *ground_truth: Tensor):
        terms = self.student.losses(images, *ground_truth, self.state.step, image_sizes)
        labelled = images.shape[0] - unlabelled
        means = _means([term[:labelled] for term in terms])
        pseudo = _means([term[labelled:] for term in terms])
        unsupervised = weight * _weighted(pseudo, self.config.loss.pseudo_term_weights)
        total = self.config.loss.supervised_weight * _weighted(means, self.config.loss.term_weights) + unsupervised
        return total * self.state.loss_scale, (total,) + means + pseudo + (unsupervised,)

    def construct(
        self,
        strong: Tensor,
        weak: Tensor,
        image_sizes: Tensor,
        unlabelled_strong: Tensor,
        unlabelled_weak: Tensor,
        unlabelled_sizes: Tensor,
        *ground_truth: Tensor,
    ) -> Tensor:
        """One step.

        Args:
            strong, weak: [B, 3, H, W] uint8, RGB; image_sizes, ground_truth: as above, of labelled images.
            unlabelled_strong, unlabelled_weak: [U, 3, H, W] uint8, RGB; unlabelled_sizes: [U, 2] float32.

        Returns:
            Scalar bool: losses and gradients were finite and the weights were updated.
        """
        age = self.state.step - self.config.burn_in_steps
        # 1. The teacher is updated with the student of the last step, unless that was skipped, and detects on the weak view.
        first = self.update.is_first()
        average_age = self.state.step - self.config.average_start
        decay = self.average(average_age, ops.logical_and(self.state.skipped == 0, first))
        detections = self.teacher(ops.depend(unlabelled_weak, decay), unlabelled_sizes)
        of_classes = None
        if self.state.thresholds is not None:
            of_classes = (self.state.thresholds, self.state.ignore_thresholds)
        pseudo = pseudo_labels(detections, self.config.pseudo_labels, of_classes)
        pseudo_boxes, _, pseudo_valid, *_ = pseudo
        # 2. The student is trained on labelled and pseudo-labelled images in one batch.
        weight = self.config.loss.unsupervised_weight * self.state.unsupervised_factor
        if self.config.loss.unsupervised_ramp > 0:
            share = (age.astype(mstype.float32) + 1.0) / self.config.loss.unsupervised_ramp
            weight = weight * ops.minimum(share, Tensor(1.0, mstype.float32))
        if first:
            self.statistics()
        images, sizes, truth = self._labelled(strong, weak, image_sizes, ground_truth)
        all_truth = ()
        for ours, more in zip(truth, pseudo):
            all_truth = all_truth + (ops.concat((ours, more)),)
        # Without this dependency both networks would run at the same time and compete for the cores.
        images = ops.depend(ops.concat((images, unlabelled_strong)), pseudo_boxes)
        sizes = ops.concat((sizes, unlabelled_sizes))
        (_, logged), gradients = self.gradient(unlabelled_strong.shape[0], weight, images, sizes, *all_truth)
        # 3. For the log: pseudo-boxes per image and their scores.
        count = pseudo_valid.astype(mstype.float32).sum()
        _, scores, found_labels, *_ = detections
        threshold, _ = score_thresholds(found_labels, self.config.pseudo_labels, of_classes)
        score = (scores * (scores > threshold).astype(mstype.float32)).sum()
        per_image = Tensor(1.0 / unlabelled_weak.shape[0], mstype.float32)
        return self._finish(gradients, logged, (count * per_image, score * per_image), logged[0] - logged[-1])


def _means(terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The mean of each term [N] over all views of all images, as in Unbiased Teacher (Liu et al. 2021)."""
    result = ()
    for term in terms:
        result = result + (term.sum() / term.shape[0],)
    return result


def _weighted(means: tuple[Tensor, ...], weights: tuple[float, ...]) -> Tensor:
    total = means[0] * weights[0]
    for mean, weight in zip(means[1:], weights[1:]):
        total = total + mean * weight
    return total


class WithFeatures(nn.Cell):
    """A detector whose last output is the features of its detections, [B, K, F] float32."""

    def __init__(self, detector: nn.Cell) -> None:
        super().__init__()
        self.detector = detector

    def construct(self, images: Tensor, image_sizes: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs of the detector, then features."""
        outputs, maps = self.detector.detect(images, image_sizes)
        return outputs + (self.detector.detection_features(maps, outputs[0]),)
