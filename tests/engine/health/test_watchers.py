"""Each watcher is shown its fault and what looks like it; the numbers of the learning rates come from real runs."""

import numpy as np
import pytest

from src.engine.health.data_time import SlowData
from src.engine.health.learning_rate import RateTooHigh, untrained_loss
from src.engine.health.pseudo_boxes import NoPseudoBoxes, SilentUnlabelledLoss, TooManyPseudoBoxes, patience_of
from src.engine.health.teacher import TeacherWorse, confused_classes
from src.engine.health.watch import Watch
from src.engine.health.watcher import Watcher

ROW = {"loss": 2.0, "peak_loss": 1.5, "unsup_loss": 0.5, "pseudo_boxes": 2.0, "steps": 50}
ROW |= {"iter_time": 1.0, "data_time": 0.01}
# The demo from scratch, three classes, at its rate of 0.01 and at 0.1: the first loss, then for 20 steps each the greatest mean of 5.
USUAL_PEAKS = [4.278, 3.413, 1.548, 1.872, 1.709, 1.671, 1.632, 1.469]
TENFOLD_PEAKS = [4.278, 3.754, 84.53, 594.1, 2749.0, 11.53, 3.113, 24.32]
STRICTER = "raise --bbox_threshold"


def first_word(watcher: Watcher, rows) -> tuple[int, str] | None:
    """Number of the first line to which a watcher has something to say, and its sentence."""
    for number, row in enumerate(rows):
        sentence = watcher.at_log_line(50 * number, ROW | row)
        if sentence:
            return number, sentence
    return None


def test_an_unlabelled_loss_of_zero_is_told_after_a_while():
    number, sentence = first_word(SilentUnlabelledLoss(200), [{}] + [{"unsup_loss": 0.0}] * 9)
    assert number == 4 and "has been 0 for 200 steps" in sentence and "--unsup_loss_weight" in sentence


def test_an_unlabelled_loss_that_comes_and_goes_or_is_not_there_yet_is_fine():
    assert first_word(SilentUnlabelledLoss(200), [{"unsup_loss": 0.0}, {"unsup_loss": 0.0}, {}] * 5) is None
    watcher, burn_in = SilentUnlabelledLoss(20), {key: value for key, value in ROW.items() if key != "unsup_loss"}
    assert [watcher.at_log_line(step, burn_in) for step in range(9)] == [None] * 9


def test_no_pseudo_boxes():
    number, sentence = first_word(NoPseudoBoxes(100, 0.7), [{"pseudo_boxes": 0.0}] * 9)
    assert number == 1 and "no pseudo-box" in sentence and "--bbox_threshold 0.7" in sentence
    assert first_word(NoPseudoBoxes(100, 0.7), [{"pseudo_boxes": 0.0}, {"pseudo_boxes": 0.02}] * 5) is None
    _, sentence = first_word(NoPseudoBoxes(100, None), [{"pseudo_boxes": 0.0}] * 9)
    assert "the threshold of its class" in sentence and "raise --label_prior_share" in sentence


@pytest.mark.parametrize(("objects", "boxes", "told"), [(3.0, 7.0, True), (3.0, 5.0, False), (0.2, 1.0, False)])
def test_far_more_pseudo_boxes_than_objects(objects, boxes, told):
    found = first_word(TooManyPseudoBoxes(100, objects, STRICTER), [{"pseudo_boxes": boxes}] * 9)
    assert (found is not None) == told
    if told:
        assert "7.0 pseudo-boxes per unlabelled image, but labelled images have 3.0 objects" in found[1]


def test_what_lasts_long_follows_the_length_of_the_phase():
    assert [patience_of(steps) for steps in (0, 80, 1000, 100_000)] == [20, 20, 100, 200]


def test_one_line_alone_says_nothing():
    assert first_word(NoPseudoBoxes(20, 0.7), [{"pseudo_boxes": 0.0, "steps": 500}]) is None


def test_a_learning_rate_ten_times_too_high():
    untrained = 2 * untrained_loss({"rpn_cls_loss": 1.0, "rcnn_cls_loss": 1.0, "rcnn_reg_loss": 9.0}, 3, 0.0)
    number, sentence = first_word(RateTooHigh(untrained, 0.1), [{"peak_loss": peak} for peak in TENFOLD_PEAKS])
    assert number == 2 and "rose to 84.5" in sentence and "a --base_lr of 0.01 instead of 0.1" in sentence
    assert first_word(RateTooHigh(untrained, 0.01), [{"peak_loss": peak} for peak in USUAL_PEAKS]) is None


def test_a_trained_start_may_rise_to_what_is_usual_for_an_untrained_one():
    assert first_word(RateTooHigh(4.0, 0.01), [{"peak_loss": peak} for peak in (0.3, 1.2, 3.9)]) is None


def test_the_loss_of_a_network_that_knows_nothing():
    # Two answers of the RPN, four classes with the background.
    assert untrained_loss({"rpn_cls_loss": 1.0, "rcnn_cls_loss": 1.0, "rcnn_reg_loss": 9.0}, 3, 0.0) == pytest.approx(
        np.log(2) + np.log(4)
    )
    assert untrained_loss({"rpn_cls_loss": 0.5, "rcnn_cls_loss": 2.0}, 3, 2.0) == pytest.approx(
        0.5 * np.log(2) + 2 * 0.75**2 * np.log(4)
    )
    # For each object a matched box and three of background.
    assert untrained_loss({"ssd_cls_loss": 0.5, "ssd_reg_loss": 1.0}, 3, 0.0) == pytest.approx(0.5 * 4 * np.log(4))


def test_loading_slower_than_training():
    number, sentence = first_word(SlowData(2), [{}, {"data_time": 0.4}, {"data_time": 0.4}])
    assert number == 2 and "40% of each step's 1.00 s" in sentence and "--num_parallel_workers (now 2)" in sentence
    assert first_word(SlowData(2), [{"data_time": 0.9}, {"data_time": 0.2}] * 5) is None


def test_a_teacher_worse_than_its_student():
    said = TeacherWorse(40, 0.9996, STRICTER).at_evaluation(100, {"student/AP": 0.40, "teacher/AP": 0.30})
    assert "the teacher (AP 0.300) is worse than its student (AP 0.400)" in said and "--ema_keep_rate" in said
    assert TeacherWorse(40, 0.9996, STRICTER).at_evaluation(100, {"student/AP": 0.40, "teacher/AP": 0.38}) is None
    assert TeacherWorse(40, 0.9996, STRICTER).at_evaluation(100, {"student/AP": 0.40}) is None
    assert TeacherWorse(40, 0.9996, STRICTER).at_evaluation(100, {"student/AP": None, "teacher/AP": None}) is None
    assert TeacherWorse(40, 0.9996, STRICTER).at_evaluation(100, {"student/AP": 0.4, "teacher/AP": None}) is None, (
        "nothing measured is not worse"
    )


def test_a_teacher_of_few_steps_is_not_compared():
    """It is still what it started as; one with a fast EMA may be compared earlier."""
    worse = {"student/AP": 0.40, "teacher/AP": 0.30}
    for keep_rate, steps in ((0.9996, 50), (1.0, 50), (0.97, 33)):
        assert TeacherWorse(40, keep_rate, STRICTER).at_evaluation(40 + steps - 1, worse) is None
        assert f"after {steps} steps" in TeacherWorse(40, keep_rate, STRICTER).at_evaluation(40 + steps, worse)


NAMES = ["cat", "dog", "owl", "pig"]


def test_labels_shifted_by_one_show_in_what_found_objects_are_called():
    for shift in (1, -1):
        counts = np.roll(np.diag([9, 8, 7, 6]), shift, axis=1)
        name, sentence = confused_classes(counts + 1, NAMES)
        assert name == "labels_shifted" and "shifted by one: of 46 objects" in sentence
    assert "pig is classified as owl" in sentence


def test_another_order_of_classes_shows_too():
    counts = np.zeros((4, 4), int)
    counts[[0, 1, 2, 3], [1, 0, 3, 2]] = 9
    name, sentence = confused_classes(counts, NAMES)
    assert name == "class_order" and "cat is classified as dog, dog is classified as cat" in sentence
    assert confused_classes(np.array([[0, 9], [9, 1]]), NAMES[:2])[0] == "class_order"


def test_usual_mistakes_are_no_mix_up():
    assert confused_classes(np.diag([9, 9, 9, 9]) + 2, NAMES) is None
    assert (
        confused_classes(np.array([[30, 1], [20, 1]]), NAMES[:2]) is None
    )  # the rare class is classified as by the frequent one
    assert confused_classes(np.array([[1, 30], [0, 0]]), NAMES[:2]) is None  # one class alone tells no order
    assert confused_classes(np.zeros((4, 4), int), NAMES) is None


def test_each_fault_is_told_once_also_after_a_resume():
    def watch(memory=None) -> Watch:
        return Watch([NoPseudoBoxes(100, 0.7), SlowData(2)], memory)

    empty, slow = ROW | {"pseudo_boxes": 0.0}, ROW | {"pseudo_boxes": 0.0, "data_time": 0.5}
    first = watch()
    assert first.at_log_line(0, empty) == []
    second = watch(first.memory())  # the line before the stop counts
    assert [name for name, _ in second.at_log_line(50, empty)] == ["no_pseudo_boxes"]
    third = watch(second.memory())
    assert third.at_log_line(100, slow) == []
    assert [name for name, _ in third.at_log_line(150, slow)] == ["slow_data"]
    assert third.at_log_line(200, slow) == [] and third.unreported([("slow_data", "again"), ("other", None)]) == []
