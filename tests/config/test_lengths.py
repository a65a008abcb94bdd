"""Epochs become steps, and the learning rate grows with the batch; the log shows the arithmetic."""

import pytest

from src.config.lengths import images_per_step, unreached, with_rate, with_steps
from src.config.load import load_config
from src.errors import UserError


def load(*words: str):
    """A configuration with a short warm-up."""
    return load_config("", ["--warmup_step", "5", *words])


def test_an_epoch_shows_every_labelled_image_once():
    config, said = with_steps(load("--max_epoch", "12", "--batch_size", "2"), labelled=101, unlabelled=0, devices=1)
    assert (config.max_iter, config.burn_up_iter, config.max_epoch) == (606, 606, None)
    assert said == ["max_epoch: 12 x 101 labelled images / 2 per step = step 606"]


def test_devices_and_accumulated_batches_shorten_the_run():
    words = ("--max_epoch", "10", "--batch_size", "2", "--accumulate_steps", "3")
    config, _ = with_steps(load(*words), labelled=100, unlabelled=0, devices=4)
    assert images_per_step(config, 4) == 24 and config.max_iter == 42  # 1000 / 24 = 41.7


def test_all_lengths_may_be_given_in_epochs():
    words = ("--max_epoch", "10", "--burn_up_epoch", "4", "--milestone_epochs", "6,9", "--eval_interval_epoch", "3")
    config, said = with_steps(load(*words, "--batch_size", "4"), labelled=50, unlabelled=7, devices=1)
    assert (config.max_iter, config.burn_up_iter, config.milestones) == (125, 50, (75, 113))
    assert config.eval_interval_iter == 38 and len(said) == 5
    assert (config.burn_up_epoch, config.milestone_epochs, config.eval_interval_epoch) == (None, (), None)
    again, nothing = with_steps(config, labelled=50, unlabelled=7, devices=1)
    assert again == config and nothing == []


def test_steps_stay_as_they_are_and_without_unlabelled_images_burn_in_is_the_run():
    config = load("--max_iter", "80", "--burn_up_iter", "30")
    assert with_steps(config, labelled=50, unlabelled=7, devices=2) == (config, [])
    assert with_steps(config, labelled=50, unlabelled=0, devices=2)[0].burn_up_iter == 80


def test_what_contradicts_itself_once_the_data_is_known_is_refused():
    with pytest.raises(UserError, match="burn_up_iter: must not exceed max_iter, got 3000 > 25"):
        with_steps(load("--max_epoch", "1"), labelled=50, unlabelled=7, devices=1)
    with pytest.raises(UserError, match="warmup_step: must not exceed max_iter, got 5 > 3"):
        with_steps(load("--max_epoch", "1"), labelled=5, unlabelled=0, devices=1)


def test_the_rate_is_scaled_only_when_asked():
    config = load("--base_lr", "0.02", "--batch_size", "2", "--accumulate_steps", "2")
    assert with_rate(config, 4) == (config, [])
    scaled, said = with_rate(load("--base_lr", "0.02", "--batch_size", "2", "--lr_reference_batch", "16"), 4)
    assert scaled.base_lr == pytest.approx(0.01) and scaled.lr_reference_batch is None
    assert said == ["base_lr: 0.02 x 8 images per step / lr_reference_batch 16 = 0.01"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--milestones", "40,650"), "milestones: [650] of [40, 650] are not before the end of the run (max_iter 80)"),
        (("--milestones", "80"), "milestones: [80] of [80]"),
        (("--lr_schedule", "step", "--lr_step_size", "80"), "lr_step_size: 80 steps, but the run has 80"),
        (("--unsup_ramp_iter", "100"), "unsup_ramp_iter: 100 steps, but only 30 steps have the teacher"),
    ],
)
def test_lengths_that_the_run_is_too_short_for_are_named_with_a_remedy_that_works(words, expected):
    run = ("--max_iter", "80", "--burn_up_iter", "50")
    [message] = unreached(load(*run, *words))
    assert message.startswith(expected) and "; give " in message
    remedies = {"milestones": "[]", "lr_step_size": "79", "unsup_ramp_iter": "30"}
    key = message.partition(":")[0]
    assert unreached(load(*run, *words, f"--{key}", remedies[key])) == []


def test_lengths_that_are_reached_or_not_used_are_no_matter():
    reached = ("--milestones", "40,79", "--unsup_ramp_iter", "30")
    unused = ("--lr_schedule", "cosine", "--milestones", "650")
    on_labels_alone = ("--unsup_ramp_iter", "100", "--burn_up_iter", "80")
    for words in (reached, unused, on_labels_alone, ("--milestone_epochs", "8,11")):
        assert unreached(load("--max_iter", "80", "--burn_up_iter", "50", *words)) == []
