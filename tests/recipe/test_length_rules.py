"""Lengths of a run: what labels need, as far as the time goes."""

import numpy as np
import pytest

from src.recipe.start_weights import Weights
from tests.recipe.situations import LAPTOP, SETS, decided, facts, values


def steps_of(data, **options) -> int:
    """Steps that are chosen."""
    return values(decided(data, **options))["max_iter"]


def test_labelled_images_are_seen_thirty_times_where_there_is_time():
    chosen = values(decided(facts(images=100), hours=100.0))
    assert chosen["max_iter"] * chosen["batch_size"] == pytest.approx(3000, rel=0.05)
    chosen = values(decided(facts(images=1000), hours=1000.0))
    assert chosen["max_iter"] * chosen["batch_size"] == pytest.approx(30000, rel=0.05)


def test_few_labels_are_seen_more_often_but_one_image_not_for_ever():
    assert steps_of(facts(images=20), hours=100.0) == 800
    assert steps_of(SETS["one image"], hours=100.0) == 200


def test_hours_bound_the_steps_and_too_few_are_named():
    data = facts(images=400)
    counts = [steps_of(data, hours=hours) for hours in (0.2, 1, 3, 10, 100)]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    assert "too few to learn much from" in decided(data, hours=0.2)["max_iter"].warning
    assert not decided(data, hours=100.0)["max_iter"].warning


def test_a_machine_twice_as_fast_does_nearly_twice_as_many_steps():
    fast = type(LAPTOP)("CPU", 2, 16.0, 2 * LAPTOP.gflops)
    fixed = {"img_width": 640, "img_height": 480}
    slow_steps, fast_steps = (
        values(decided(facts(images=2000), fixed, hours=2.0, machine=machine))["max_iter"] for machine in (LAPTOP, fast)
    )
    assert 1.3 * slow_steps < fast_steps <= 2.2 * slow_steps


@pytest.mark.parametrize("name", SETS)
def test_phases_lie_within_the_run(name):
    chosen = values(decided(SETS[name]))
    length = chosen["max_iter"]
    assert 1 <= chosen["burn_up_iter"] <= length and chosen["warmup_step"] <= length
    assert (chosen["burn_up_iter"] == length) == (SETS[name].unlabelled == 0)
    assert chosen["milestones"] == [length * 4 // 5] and chosen["warmup_step"] < length * 4 // 5
    assert 10 <= 1 / (1 - chosen["ema_keep_rate"]) <= max(10, length / 8) + 1
    if SETS[name].unlabelled:
        assert chosen["unsup_ramp_iter"] <= length - chosen["burn_up_iter"]
        assert chosen["bbox_ignore_threshold"] < chosen["bbox_threshold"]
    else:
        assert not {"unsup_loss_weight", "bbox_threshold"} & chosen.keys()
    assert (chosen["eval_interval_iter"] == 0) == (SETS[name].evaluation == 0)


@pytest.mark.parametrize("given", [{"lr_schedule": "cosine"}, {"max_iter": 1}])
def test_there_is_no_milestone_where_no_rate_would_drop(given):
    assert values(decided(facts(), given))["milestones"] == []


def test_evaluations_take_a_fifth_of_the_time_at_most():
    many = values(decided(facts(evaluation=100_000), hours=1.0))
    assert many["eval_interval_iter"] == 0
    few = values(decided(facts(evaluation=10), hours=1.0))
    assert int(np.ceil(few["max_iter"] / few["eval_interval_iter"])) in (7, 8)


def test_training_from_scratch_trains_everything_on_larger_batches():
    chosen = values(decided(SETS["usual"], weights=Weights()))
    assert (chosen["frozen_stages"], chosen["frozen_batch_norm"], chosen["batch_size"]) == (0, False, 4)
    assert chosen["backbone"] == "resnet_v1_10"
