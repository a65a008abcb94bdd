"""Training steps on a toy detector with losses that can be computed by hand, so that every weight is known exactly.

The toy has one weight per loss term and one frozen number. Term t of an image is weight_t * mean(image) / 255 * (boxes of it + 1),
so the gradient of weight_t is the sum of these factors and pseudo-boxes show in it. It detects two boxes per image, with the
score of its first weight and half of it.
"""

from dataclasses import fields, replace

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype

from src.network_define import LossConfig, RunState, StepConfig, TeacherStudentStep, TrainStep
from src.semi.ema import EmaConfig
from src.semi.pseudo_labels import PseudoLabelConfig
from src.semi.weight_update import UpdateConfig

pytestmark = pytest.mark.usefixtures("pynative")
in_both_modes = pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
RATES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], np.float32)
CONFIG = StepConfig(
    loss=LossConfig(
        term_weights=(1.0, 1.0, 1.0, 1.0),
        pseudo_term_weights=(1.0, 0.0, 1.0, 0.0),
        strong_view=True,
        supervised_weight=1.0,
        unsupervised_weight=2.0,
        unsupervised_ramp=0,
    ),
    update=UpdateConfig(
        clip_norm=1e6,
        clip_together=False,
        batches=1,
        dynamic_loss_scale=False,
        initial_loss_scale=1.0,
        scale_window=3,
    ),
    pseudo_labels=PseudoLabelConfig(threshold=0.5, ignore_threshold=None, max_gts=4, mask_size=4, mask_threshold=0.5),
    ema=EmaConfig(decay=0.5, ramp=False),
    burn_in_steps=0,
    average_start=0,
)
START = (0.8, 0.4, 0.2, 0.1)


def changed(config: StepConfig, **changes) -> StepConfig:
    """The configuration with other values of these fields, of its own or of the part that has them."""
    for name, value in changes.items():
        parts = [field.name for field in fields(config) if hasattr(getattr(config, field.name), name)]
        if parts:
            name, value = parts[0], replace(getattr(config, parts[0]), **{name: value})
        config = replace(config, **{name: value})
    return config


class Toy(nn.Cell):
    """See above."""

    loss_terms = ("rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")

    def __init__(self, prefix: str = "", start: tuple[float, ...] = START) -> None:
        super().__init__()
        self.weights = [Parameter(Tensor(value, mstype.float32), name=f"{prefix}w{i}") for i, value in enumerate(start)]
        self.w0, self.w1, self.w2, self.w3 = self.weights
        self.frozen = Parameter(Tensor(5.0, mstype.float32), name=f"{prefix}frozen", requires_grad=False)

    def losses(self, images, boxes, labels, valid, crowd, step, image_sizes):
        brightness = images.astype(mstype.float32).mean((1, 2, 3)) / 255.0
        factor = brightness * (valid.astype(mstype.float32).sum(-1) + 1.0)
        return self.w0 * factor, self.w1 * factor, self.w2 * factor, self.w3 * factor

    def construct(self, images, image_sizes):
        batch = images.shape[0]
        boxes = ops.ones((batch, 2, 4), mstype.float32)
        scores = ops.concat((self.w0.reshape(1), self.w0.reshape(1) / 2)).reshape(1, 2) * ops.ones(
            (batch, 1), mstype.float32
        )
        labels = ops.ones((batch, 2), mstype.int32)
        return boxes, scores, labels, ops.ones((batch, 2, 2), mstype.float32), scores > 0.0

    def values(self) -> np.ndarray:
        """The four weights."""
        return np.array([float(weight.asnumpy()) for weight in self.weights])


def picture(*brightness: float) -> Tensor:
    """A batch of uniform images."""
    return Tensor(np.stack([np.full((3, 4, 4), value, np.float32) for value in brightness]))


def labels(*counts: int) -> tuple[Tensor, ...]:
    """Ground truth with these numbers of objects per image, in four rows."""
    valid = np.arange(4)[None] < np.array(counts)[:, None]
    batch = len(counts)
    return (
        Tensor(np.zeros((batch, 4, 4), np.float32)),
        Tensor(np.ones((batch, 4), np.int32)),
        Tensor(valid),
        Tensor(np.zeros((batch, 4), bool)),
    )


def burn_in(config=CONFIG, momentum=0.0):
    """Student, run state and step."""
    student, state = Toy(), RunState(config.update.initial_loss_scale)
    optimizer = nn.Momentum(student.trainable_params(), 0.1, momentum)
    return student, state, TrainStep(student, optimizer, RATES, state, config)


def mutual(config=CONFIG, teacher_start=(0.0, 0.0, 0.0, 0.0)):
    """Student, teacher, run state and step."""
    student, teacher, state = Toy(), Toy("teacher.", teacher_start), RunState(config.update.initial_loss_scale)
    optimizer = nn.Momentum(student.trainable_params(), 0.1, 0.0)
    return student, teacher, state, TeacherStudentStep(student, teacher, optimizer, RATES, state, config)


STRONG, WEAK = picture(51.0, 102.0), picture(153.0, 204.0)  # 0.2, 0.4 and 0.6, 0.8
TRUTH = labels(1, 3)
# Mean over both views of both images of brightness * (objects + 1).
FACTOR = ((0.2 + 0.6) * 2 + (0.4 + 0.8) * 4) / 4
SIZES, ONE_SIZE = Tensor(np.full((2, 2), 4, np.float32)), Tensor(np.full((1, 2), 4, np.float32))
UNLABELLED = picture(127.5), picture(10.0), ONE_SIZE  # the strong view has brightness 0.5


def test_burn_in_trains_on_the_mean_over_both_views():
    student, state, step = burn_in()
    assert bool(step(STRONG, WEAK, SIZES, *TRUTH))
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[0] * FACTOR, rtol=1e-5)
    assert int(state.step.asnumpy()) == 1 and float(student.frozen.asnumpy()) == 5.0
    sums = step.sums.take().sums
    for value, name in zip(START, Toy.loss_terms):
        assert sums[name] == pytest.approx(value * FACTOR, rel=1e-5)
    assert sums["loss"] == pytest.approx(sum(START) * FACTOR, rel=1e-5)
    assert (sums["overflow"], sums["scaling_sens"], sums["lr"]) == (0.0, 1.0, pytest.approx(0.1))


def test_without_the_strong_view_each_labelled_image_is_trained_on_once():
    weak_alone = (0.6 * 2 + 0.8 * 4) / 2
    student, _, step = burn_in(changed(CONFIG, strong_view=False))
    step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[0] * weak_alone, rtol=1e-5)
    student, _, _, step = mutual(changed(CONFIG, strong_view=False))
    step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
    unlabelled = 2.0 * 0.5 * (1 + 1) * np.array(CONFIG.loss.pseudo_term_weights)  # one pseudo-box, as below
    np.testing.assert_allclose(student.values(), START - RATES[0] * (weak_alone + unlabelled), rtol=1e-5)


@pytest.mark.parametrize("strong_view", [True, False])
def test_two_equal_views_count_as_one(strong_view):
    weak_alone = (0.6 * 2 + 0.8 * 4) / 2
    student, _, step = burn_in(changed(CONFIG, strong_view=strong_view))
    step(WEAK, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[0] * weak_alone, rtol=1e-5)
    assert step.sums.take().sums["loss"] == pytest.approx(sum(START) * weak_alone, rel=1e-5)


class SumOverViews(TrainStep):
    """The model zoo's labelled loss: the views of an image are added."""

    def _loss(self, strong, weak, image_sizes, *ground_truth):
        images, sizes, truth = self._labelled(strong, weak, image_sizes, ground_truth)
        terms = self.student.losses(images, *truth, self.state.step, sizes)
        sums = tuple(term.sum() / strong.shape[0] for term in terms)
        total = sums[0] * 0.3 + sums[1] * 0.7 + sums[2] * 1.1 + sums[3] * 0.9
        return total, (total,) + sums


@in_both_modes
def test_a_supervised_weight_of_two_is_the_sum_over_both_views_to_the_bit(mode):
    ms.set_context(mode=mode)
    config = changed(CONFIG, term_weights=(0.3, 0.7, 1.1, 0.9), supervised_weight=2.0)
    student, _, step = burn_in(config, momentum=0.9)
    other, state = Toy(), RunState(1.0)
    added = SumOverViews(other, nn.Momentum(other.trainable_params(), 0.1, 0.9), RATES, state, config)
    for _ in range(3):
        step(STRONG, WEAK, SIZES, *TRUTH)
        added(STRONG, WEAK, SIZES, *TRUTH)
        np.testing.assert_array_equal(student.values(), other.values())
    assert step.sums.take().sums["loss"] == added.sums.take().sums["loss"]


class Sized(Toy):
    """Its loss grows with the height of an image, and its scores with the width."""

    def losses(self, images, boxes, labels, valid, crowd, step, image_sizes):
        terms = super().losses(images, boxes, labels, valid, crowd, step, image_sizes)
        return tuple(term * image_sizes[:, 0] for term in terms)

    def construct(self, images, image_sizes):
        boxes, scores, labels, probabilities, valid = super().construct(images, image_sizes)
        return boxes, scores * image_sizes[:, 1:], labels, probabilities, valid


@in_both_modes
def test_each_view_has_the_size_of_its_image(mode):
    ms.set_context(mode=mode)
    sizes, others = Tensor(np.array([[1, 9], [3, 9]], np.float32)), Tensor(np.array([[5, 1], [7, 0.1]], np.float32))
    labelled = ((0.2 + 0.6) * 2 * 1 + (0.4 + 0.8) * 4 * 3) / 4
    unlabelled = (
        0.5 * (1 + 1) * 5 + 1.0 * 1 * 7
    ) / 2  # the teacher sees one box in the first image, none in the narrow one

    student, state = Sized(), RunState(1.0)
    step = TrainStep(student, nn.Momentum(student.trainable_params(), 0.1, 0.0), RATES, state, CONFIG)
    step(STRONG, WEAK, sizes, *TRUTH)
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[0] * labelled, rtol=1e-4, atol=1e-6)

    student, teacher, state = Sized(), Sized("teacher."), RunState(1.0)
    optimizer = nn.Momentum(student.trainable_params(), 0.1, 0.0)
    step = TeacherStudentStep(student, teacher, optimizer, RATES, state, CONFIG)
    step(STRONG, WEAK, sizes, picture(127.5, 255.0), picture(1.0, 2.0), others, *TRUTH)
    pull = labelled + 2.0 * unlabelled * np.array(CONFIG.loss.pseudo_term_weights)
    np.testing.assert_allclose(student.values(), START - RATES[0] * pull, rtol=1e-4, atol=1e-6)


def test_each_term_and_their_sum_have_weights():
    weights = (0.5, 2.0, 0.0, 3.0)
    student, _, step = burn_in(changed(CONFIG, term_weights=weights, supervised_weight=0.5))
    step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(START - student.values(), 0.1 * FACTOR * 0.5 * np.array(weights), rtol=1e-4, atol=1e-7)
    assert step.sums.take().sums["rcnn_cls_loss"] == pytest.approx(
        0.2 * FACTOR, rel=1e-5
    )  # terms are logged unweighted


def test_each_step_has_the_rate_of_the_schedule_and_momentum_is_kept():
    student, _, step = burn_in(momentum=0.9)
    velocity, expected = 0.0, START[0]
    for rate in RATES[:4]:
        step(STRONG, WEAK, SIZES, *TRUTH)
        velocity = 0.9 * velocity + FACTOR
        expected -= rate * velocity
        assert student.values()[0] == pytest.approx(expected, rel=1e-5)
    assert step.sums.take().sums["lr"] == pytest.approx(RATES[:4].sum())
    assert set(step.sums.take().sums.values()) == {0.0}


def test_each_gradient_is_clipped_by_itself():
    student, _, step = burn_in(changed(CONFIG, clip_norm=1.0, term_weights=(1.0, 0.1, 1.0, 0.0)))
    step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(START - student.values(), 0.1 * np.array([1.0, 0.1 * FACTOR, 1.0, 0.0]), atol=1e-6)


@pytest.mark.parametrize("clip_norm", [1e6, 1.0])
def test_a_loss_scale_changes_no_update(clip_norm):
    plain, _, plain_step = burn_in(changed(CONFIG, clip_norm=clip_norm))
    scaled, _, scaled_step = burn_in(
        changed(CONFIG, clip_norm=clip_norm, dynamic_loss_scale=True, initial_loss_scale=1024.0)
    )
    for step in (plain_step, scaled_step):
        step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(scaled.values(), plain.values(), rtol=1e-5)
    assert scaled_step.sums.take().sums["loss"] == pytest.approx(plain_step.sums.take().sums["loss"])


@in_both_modes
def test_the_scale_doubles_after_its_window_and_halves_on_overflow(mode):
    ms.set_context(mode=mode)
    student, state, step = burn_in(changed(CONFIG, dynamic_loss_scale=True, initial_loss_scale=8.0))
    scales = []
    for number in range(7):
        before = student.values()
        image = picture(np.inf, 0.0) if number == 4 else STRONG
        finite = bool(step(image, WEAK, SIZES, *TRUTH))
        scales.append(float(state.loss_scale.asnumpy()))
        assert finite == (number != 4)
        assert (student.values() == before).all() == (number == 4)
    assert scales == [8, 8, 16, 16, 8, 8, 8]
    assert int(state.step.asnumpy()) == 7
    sums = step.sums.take().sums
    assert sums["overflow"] == 1 and np.isfinite(sums["loss"])


@pytest.mark.parametrize("broken", [np.inf, np.nan])
def test_without_a_loss_scale_too_a_gradient_that_is_not_finite_skips_the_step(broken):
    student, state, step = burn_in(momentum=0.9)
    assert not bool(step(picture(broken, 0.0), WEAK, SIZES, *TRUTH))
    np.testing.assert_allclose(student.values(), START)
    assert step.sums.take().sums["overflow"] == 1 and float(state.loss_scale.asnumpy()) == 1.0
    step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[1] * FACTOR, rtol=1e-5)


def test_the_scale_never_falls_below_one():
    _, state, step = burn_in(changed(CONFIG, dynamic_loss_scale=True, initial_loss_scale=1.0))
    step(picture(np.inf, 0.0), WEAK, SIZES, *TRUTH)
    assert float(state.loss_scale.asnumpy()) == 1.0


@in_both_modes
def test_the_teacher_moves_first_and_its_boxes_enter_the_loss(mode):
    ms.set_context(mode=mode)
    student, teacher, _, step = mutual()
    step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
    # The first step copies: the teacher scores 0.8 and 0.4, so one box is above 0.5 and the factor is 0.5 * (1 + 1).
    np.testing.assert_allclose(teacher.values(), START, rtol=1e-6)
    pull = FACTOR + 2.0 * 1.0 * np.array(CONFIG.loss.pseudo_term_weights)
    np.testing.assert_allclose(student.values(), START - 0.1 * pull, rtol=1e-4)
    sums = step.sums.take().sums
    assert (sums["pseudo_boxes"], sums["pseudo_score"]) == (1.0, pytest.approx(0.8))
    assert sums["rpn_cls_loss_pseudo"] == pytest.approx(0.8) and sums["rpn_reg_loss_pseudo"] == pytest.approx(0.4)
    assert sums["loss"] == pytest.approx(sum(START) * FACTOR + 2.0 * (0.8 + 0.2), rel=1e-5)

    after_one = student.values()
    step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
    np.testing.assert_allclose(teacher.values(), (np.array(START) + after_one) / 2, rtol=1e-5)


@in_both_modes
def test_thresholds_of_the_classes_are_read_at_each_step(mode):
    ms.set_context(mode=mode)
    student, teacher = Toy(), Toy("teacher.", START)
    state = RunState(1.0, (np.array([0.9, 0.1]), np.array([0.9, 0.1])))
    step = TeacherStudentStep(
        student, teacher, nn.Momentum(student.trainable_params(), 0.0, 0.0), 0 * RATES, state, CONFIG
    )
    counts = []
    for threshold in (None, 0.6, 0.3):  # the teacher scores 0.8 and 0.4, both of the first class
        if threshold is not None:
            ops.assign(state.thresholds, Tensor([threshold, 0.95], mstype.float32))
        step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
        sums = step.sums.take().sums
        counts.append((sums["pseudo_boxes"], round(sums["pseudo_score"], 3)))
    assert counts == [(0, 0), (1, 0.8), (2, 1.2)]


def test_an_image_without_a_confident_detection_is_background():
    student, _, _, step = mutual(changed(CONFIG, threshold=0.9))
    step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
    pull = FACTOR + 2.0 * 0.5 * np.array(CONFIG.loss.pseudo_term_weights)
    np.testing.assert_allclose(student.values(), START - 0.1 * pull, rtol=1e-4)
    assert step.sums.take().sums["pseudo_boxes"] == 0


def test_a_weight_of_zero_is_supervised_training():
    student, _, _, step = mutual(changed(CONFIG, unsupervised_weight=0.0))
    alone, _, supervised = burn_in()
    for _ in range(2):
        step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
        supervised(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(student.values(), alone.values(), rtol=1e-6)


def test_the_unsupervised_weight_grows_from_the_start_of_the_teacher():
    config = changed(CONFIG, unsupervised_ramp=4, burn_in_steps=2, supervised_weight=0.0, threshold=9.0)
    student, _, state, step = mutual(config)
    state.step.set_data(Tensor(2, mstype.int32))
    for age, share in enumerate([0.25, 0.5, 0.75, 1.0, 1.0]):
        before = student.values()
        step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
        moved = before - student.values()
        np.testing.assert_allclose(moved, RATES[2 + age] * share * 2.0 * 0.5 * np.array([1, 0, 1, 0]), atol=1e-6)


def test_two_unlabelled_images_count_as_their_mean():
    student, _, _, step = mutual()
    step(STRONG, WEAK, SIZES, picture(127.5, 255.0), picture(1.0, 2.0), SIZES, *TRUTH)
    pull = FACTOR + 2.0 * (0.5 + 1.0) / 2 * 2 * np.array(CONFIG.loss.pseudo_term_weights)
    np.testing.assert_allclose(student.values(), START - 0.1 * pull, rtol=1e-4)
    assert step.sums.take().sums["pseudo_boxes"] == 1.0


class BrokenLoss(Toy):
    """Its third term is the logarithm of 1 - brightness: not finite on a white image, and without a gradient."""

    def losses(self, images, boxes, labels, valid, crowd, step, image_sizes):
        terms = super().losses(images, boxes, labels, valid, crowd, step, image_sizes)
        brightness = images.astype(mstype.float32).mean((1, 2, 3)) / 255.0
        return terms[0], terms[1], terms[2] + ops.stop_gradient(ops.log(1.0 - brightness)), terms[3]


@in_both_modes
def test_a_loss_that_is_not_finite_skips_the_step_and_its_terms_are_kept(mode):
    ms.set_context(mode=mode)
    student, state = BrokenLoss(), RunState(1.0)
    step = TrainStep(student, nn.Momentum(student.trainable_params(), 0.1, 0.9), RATES, state, CONFIG)
    step(STRONG, WEAK, SIZES, *TRUTH)
    before = student.values()
    assert not bool(step(picture(255.0, 0.0), WEAK, SIZES, *TRUTH))
    assert (student.values() == before).all()
    assert int(state.skipped.asnumpy()) == 1
    seen = step.sums.take()
    assert (seen.bad_step, seen.skipped_in_a_row, seen.skipped_until) == (1, 1, 1)
    assert seen.bad_terms["rcnn_cls_loss"] == -np.inf and seen.bad_terms["rpn_cls_loss"] > 0
    # What is averaged comes from the step that was taken.
    assert seen.sums["rpn_cls_loss"] == pytest.approx(START[0] * FACTOR, rel=1e-5) and seen.sums["overflow"] == 1


def test_rows_of_skipped_steps_are_counted_over_log_lines():
    _, state, step = burn_in()
    bad = picture(np.nan, 0.0)
    peaks, rows = [], []
    for images in ((STRONG, bad, bad), (bad, STRONG, bad), (STRONG, STRONG)):
        for image in images:
            step(image, WEAK, SIZES, *TRUTH)
        seen = step.sums.take()
        rows.append((seen.skipped_in_a_row, seen.skipped_until))
        peaks.append(seen.peak_loss)
    assert rows == [(2, 2), (3, 3), (0, 0)]
    assert int(state.skipped.asnumpy()) == 0
    assert peaks[0] == pytest.approx(sum(START) * FACTOR, rel=1e-5) and min(peaks) >= 0


@in_both_modes
def test_the_teacher_moves_once_for_each_step_that_was_taken(mode):
    ms.set_context(mode=mode)
    config = changed(CONFIG, unsupervised_weight=0.0)

    def follow(images) -> list[np.ndarray]:
        """Values of student and teacher after each step."""
        student, teacher, _, step = mutual(config)
        step.update.learning_rates = Tensor(np.full(8, 0.1, np.float32))
        seen = []
        for image in images:
            step(image, WEAK, SIZES, *UNLABELLED, *TRUTH)
            seen.append(np.concatenate((student.values(), teacher.values())))
        return seen

    bad = picture(np.inf, 0.0)
    plain, with_bad = follow([STRONG] * 3), follow([STRONG, STRONG, bad, bad, STRONG])
    np.testing.assert_allclose(with_bad[1], plain[1])
    # The first bad step still brings the teacher to where the third good one would have brought it; then both stay.
    np.testing.assert_allclose(with_bad[2], np.concatenate((plain[1][:4], plain[2][4:])), rtol=1e-6)
    assert (with_bad[3] == with_bad[2]).all()
    np.testing.assert_allclose(with_bad[4], plain[2], rtol=1e-6)


def averaged(config):
    """Student, average and step of burn-in."""
    student, average, state = Toy(), Toy("teacher.", (0.0, 0.0, 0.0, 0.0)), RunState(config.update.initial_loss_scale)
    optimizer = nn.Momentum(student.trainable_params(), 0.1, 0.0)
    return student, average, TrainStep(student, optimizer, RATES, state, config, averaged=average)


@in_both_modes
@pytest.mark.parametrize("batches", [1, 2])
def test_the_average_of_burn_in_is_the_mean_of_the_students_of_steps_taken(mode, batches):
    ms.set_context(mode=mode)
    student, average, step = averaged(changed(CONFIG, decay=0.9, ramp=True, batches=batches))
    expected, students, parts = np.zeros(4), [np.array(START)], [(STRONG, WEAK, SIZES, *TRUTH)]
    if batches == 2:
        parts = [(*part, *truth) for part, truth in zip(PARTS, PART_TRUTHS)]
    bad = picture(*[np.inf] * (3 - batches))
    for number in range(5):
        for part in parts:
            step(bad if number == 2 else part[0], *part[1:])
        # Each step begins with the student before it; that of step 3 is skipped over, because step 2 moved nothing.
        seen = [values for index, values in enumerate(students) if index != 3]
        if number != 3:
            weights = np.array([[1.0], [1 / 2], [1 / 3], [1 / 3], [1 / 5]])[number]
            expected = seen[-1] * weights + expected * (1 - weights)
        np.testing.assert_allclose(average.values(), expected, rtol=1e-5)
        students.append(student.values())
    assert (students[3] == students[2]).all() and float(average.frozen.asnumpy()) == 5.0


def test_an_average_changes_nothing_of_its_student():
    student, _, with_average = averaged(CONFIG)
    alone, _, without = burn_in()
    for _ in range(3):
        with_average(STRONG, WEAK, SIZES, *TRUTH)
        without(STRONG, WEAK, SIZES, *TRUTH)
    assert (student.values() == alone.values()).all()


@pytest.mark.parametrize(("average_start", "share"), [(0, 1 / 4), (3, 1.0)])
def test_a_teacher_continues_the_average_of_burn_in_or_starts_as_a_copy(average_start, share):
    config = changed(CONFIG, decay=0.9, ramp=True, burn_in_steps=3, average_start=average_start)
    _, teacher, state, step = mutual(config)
    state.step.set_data(Tensor(3, mstype.int32))
    step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
    np.testing.assert_allclose(teacher.values(), share * np.array(START), rtol=1e-5)


class WithBatchNorm(Toy):
    """The toy behind a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.set_train(True)

    def losses(self, images, boxes, labels, valid, crowd, step, image_sizes):
        return super().losses(self.norm(images), boxes, labels, valid, crowd, step, image_sizes)


@in_both_modes
def test_a_skipped_step_restores_the_moving_statistics(mode):
    ms.set_context(mode=mode)
    student, state = WithBatchNorm(), RunState(1.0)
    step = TrainStep(student, nn.Momentum(student.trainable_params(), 0.1, 0.9), RATES, state, CONFIG)
    means = [student.norm.moving_mean.asnumpy().copy()]
    for image in (STRONG, picture(np.inf, 0.0), STRONG):
        step(image, WEAK, SIZES, *TRUTH)
        means.append(student.norm.moving_mean.asnumpy().copy())
    assert (means[1] > means[0]).all() and (means[2] == means[1]).all() and (means[3] > means[2]).all()


def test_the_unsupervised_weight_can_be_lowered_from_outside():
    student, _, state, step = mutual(changed(CONFIG, supervised_weight=0.0, threshold=9.0))
    for factor in (1.0, 0.5, 0.0):
        state.unsupervised_factor.set_data(Tensor(factor, mstype.float32))
        before = student.values()
        step(STRONG, WEAK, SIZES, *UNLABELLED, *TRUTH)
        moved = before - student.values()
        rate = RATES[int(state.step.asnumpy()) - 1]
        np.testing.assert_allclose(moved, rate * factor * 2.0 * 0.5 * np.array([1, 0, 1, 0]), atol=1e-6)


PARTS = [(picture(51.0), picture(153.0), ONE_SIZE), (picture(102.0), picture(204.0), ONE_SIZE)]
PART_TRUTHS = [labels(1), labels(3)]
UNLABELLED_PARTS = [(picture(100.0), picture(10.0), ONE_SIZE), (picture(155.0), picture(20.0), ONE_SIZE)]


@in_both_modes
@pytest.mark.parametrize("clip_norm", [1e6, 1.0])
def test_two_batches_of_one_image_make_the_step_of_one_batch_of_two(mode, clip_norm):
    ms.set_context(mode=mode)
    config = changed(CONFIG, clip_norm=clip_norm, burn_in_steps=0)
    whole, whole_teacher, whole_state, one_batch = mutual(config)
    student, teacher, state, half = mutual(changed(config, batches=2))
    unlabelled = tuple(ops.concat(pair) for pair in zip(*UNLABELLED_PARTS))
    for number in range(3):
        one_batch(STRONG, WEAK, SIZES, *unlabelled, *TRUTH)
        before = student.values()
        half(*PARTS[0], *UNLABELLED_PARTS[0], *PART_TRUTHS[0])
        assert (student.values() == before).all() and int(state.step.asnumpy()) == number
        half(*PARTS[1], *UNLABELLED_PARTS[1], *PART_TRUTHS[1])
        np.testing.assert_allclose(student.values(), whole.values(), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(teacher.values(), whole_teacher.values(), rtol=1e-5, atol=1e-7)
        assert int(state.step.asnumpy()) == int(whole_state.step.asnumpy()) == number + 1
        sums, wanted = half.sums.take().sums, one_batch.sums.take().sums
        for name, value in wanted.items():
            assert sums[name] / 2 == pytest.approx(value, rel=1e-4, abs=1e-6), name


@in_both_modes
def test_a_batch_that_is_not_finite_skips_all_batches_of_its_step_and_no_other(mode):
    ms.set_context(mode=mode)
    student, state, step = burn_in(changed(CONFIG, batches=2))
    for broken in (0, 1):
        for number, ((strong, weak, sizes), truth) in enumerate(zip(PARTS, PART_TRUTHS)):
            step(picture(np.nan) if number == broken else strong, weak, sizes, *truth)
        assert student.values() == pytest.approx(START)
        assert int(state.skipped.asnumpy()) == broken + 1
    sums = step.sums.take().sums
    assert sums["overflow"] == 4 and np.isfinite(sums["loss"])
    for part, truth in zip(PARTS, PART_TRUTHS):
        step(*part, *truth)
    np.testing.assert_allclose(student.values(), np.array(START) - RATES[2] * FACTOR, rtol=1e-5)
    assert int(state.skipped.asnumpy()) == 0 and int(state.step.asnumpy()) == 3


def test_gradients_can_be_clipped_together():
    student, _, step = burn_in(changed(CONFIG, clip_norm=1.0, clip_together=True, term_weights=(3.0, 4.0, 0.0, 0.0)))
    step(STRONG, WEAK, SIZES, *TRUTH)
    np.testing.assert_allclose(START - student.values(), 0.1 * np.array([0.6, 0.8, 0.0, 0.0]), atol=1e-6)
