"""What every recipe must be, whatever the data; and that what is given wins."""

from dataclasses import replace

import pytest
import yaml

from src.config.load import check_config, default_settings
from src.config.schema import KEYS
from src.errors import UserError
from src.recipe.compute_cost import Machine
from src.recipe.decide import LENGTHS, decide, leaf_text
from src.recipe.start_weights import Weights
from tests.recipe.situations import LAPTOP, SETS, decided, facts, situation, values

GPU = Machine("GPU", cores=16, memory=64.0, gflops=None)


@pytest.mark.parametrize("weights", [Weights(), Weights("a.npz", "resnet_v1.5_50")], ids=["scratch", "resnet50"])
@pytest.mark.parametrize("hours", [0.05, 3.0, None])
@pytest.mark.parametrize("name", SETS)
def test_a_recipe_is_a_valid_configuration_with_a_reason_for_every_line(name, hours, weights):
    choices = decided(SETS[name], hours=hours, weights=weights)
    assert choices.keys() <= set(KEYS)
    check_config(default_settings() | values(choices))
    text = leaf_text(["head"], choices)
    assert yaml.safe_load(text) == {key: _as_yaml(value) for key, value in values(choices).items()}
    for line in text.splitlines()[1:]:
        assert len(line.partition(" # ")[2]) > 5, line


def test_a_device_that_was_never_timed_gets_a_recipe_too():
    choices = decided(SETS["usual"], hours=None, machine=GPU)
    check_config(default_settings() | values(choices))
    assert "never timed" in choices["max_iter"].reason


# What must be seen in the recipe of a data set, beside that of the usual one.
SEEN = {
    "all tiny": lambda own, usual: (
        own["img_width"] > usual["img_width"] and own["anchor_scales"] < usual["anchor_scales"]
    ),
    "all huge": lambda own, usual: own["img_width"] <= 4000 / 8 and own["anchor_scales"] > usual["anchor_scales"],
    "one class": lambda own, usual: own == usual,
    "panoramas": lambda own, usual: own["img_width"] >= 6 * own["img_height"],
    "one image": lambda own, usual: own["max_iter"] <= 200 and own["burn_up_iter"] < own["max_iter"],
    "300 objects per image": lambda own, usual: own["num_gts"] >= 300 and own["test_max_per_img"] >= 300,
    "no unlabelled": lambda own, usual: own["burn_up_iter"] == own["max_iter"] and "unsup_loss_weight" not in own,
    "no evaluation": lambda own, usual: own["eval_interval_iter"] == 0,
}


@pytest.mark.parametrize("name", SEEN)
def test_what_is_unusual_about_a_data_set_shows_in_its_recipe(name):
    assert SEEN[name](values(decided(SETS[name])), values(decided(SETS["usual"])))


def test_without_an_object_there_is_no_recipe():
    with pytest.raises(UserError, match="none of the 3 labelled images has an object.*label some"):
        decided(facts(images=3, per_image=0))


GIVEN = {
    "anchor_scales": [8],
    "img_width": 96,
    "img_height": 64,
    "max_iter": 90,
    "max_epoch": 3,
    "burn_up_iter": 5000,
    "burn_up_epoch": 2,
    "batch_size": 7,
    "supervised_ema": False,
    "bbox_threshold": 0.1,
    "num_gts": 70,
    "test_max_per_img": 200,
    "system": "ssd",
    "warmup_step": 3000,
    "milestones": [2500],
    "eval_interval_epoch": 4,
    "fpn_out_channels": 64,
}


@pytest.mark.parametrize("name", ["usual", "no unlabelled", "one image"])
@pytest.mark.parametrize("key", GIVEN)
def test_what_is_given_stays_and_fits_the_rest(key, name):
    choices = decided(SETS[name], {key: GIVEN[key]}, hours=0.2)
    assert choices[key].value == GIVEN[key] and choices[key].reason == "as given"
    check_config(default_settings() | values(choices))


def test_the_rest_follows_what_is_given():
    usual = SETS["usual"]
    assert values(decided(usual, {"anchor_scales": [8]}))["roi_finest_scale"] == 56
    assert values(decided(usual, {"max_iter": 90}))["burn_up_iter"] == 45
    in_epochs = values(decided(usual, {"max_epoch": 3, "batch_size": 2}))  # 3 passes over 100 images, 2 per step
    assert in_epochs["burn_up_iter"] == 75 and "max_iter" not in in_epochs
    assert values(decided(usual, {"batch_size": 7}))["unlabelled_batch_size"] == 7
    assert "anchor_scales" not in values(decided(usual, {"system": "ssd"}))
    small = values(decided(usual, {"img_width": 320}))
    assert small["img_height"] < values(decided(usual, {"img_width": 640}))["img_width"]


def test_a_later_stage_changes_lengths_alone():
    earlier = values(decided(facts(images=20, side=(30, 60)), hours=0.3))
    later = values(decided(facts(images=200, side=(8, 500), per_image=90), earlier=earlier, hours=2.0))
    changed = {key for key in earlier if later[key] != earlier[key]}
    assert changed <= LENGTHS and {"max_iter", "burn_up_iter", "num_gts"} <= changed
    check_config(default_settings() | later)
    fuller = values(decided(facts(per_image=2), earlier=earlier | {"num_gts": 512}))
    assert fuller["num_gts"] == 512


def test_a_later_stage_is_not_trained_for_fewer_steps_because_the_machine_is_busy():
    """Stages are compared: a round of 13 steps after one of 36 is worse whatever was labelled."""
    busy = replace(LAPTOP, gflops=LAPTOP.gflops / 4)
    earlier = values(decided(facts(images=20), hours=0.2))
    alone = values(decided(facts(images=30), hours=0.2, machine=busy))
    assert alone["max_iter"] < earlier["max_iter"]
    later = decided(facts(images=30), earlier=earlier, hours=0.2, machine=busy)
    assert later["max_iter"].value == earlier["max_iter"] and later["burn_up_iter"].value == earlier["burn_up_iter"]
    assert "as in the stage before, so that both can be compared" in later["max_iter"].warning
    shorter = values(decided(facts(images=30), {"hours": 0.1}, earlier, hours=0.1, machine=busy))
    assert shorter["max_iter"] < earlier["max_iter"], "hours that are given now count"


def test_a_detector_to_start_from_keeps_its_network_and_anchors():
    own = {"system": "faster_rcnn", "backbone": "resnet_v1.5_50", "anchor_scales": [8], "anchor_rule": "torchvision"}
    own |= {
        "fpn_out_channels": 256,
        "rcnn_fc_out_channels": 1024,
        "roi_finest_scale": 56.0,
        "img_width": 1344,
        "max_iter": 1,
    }
    choices = decided(SETS["all tiny"], weights=Weights("coco.ckpt", "resnet_v1.5_50", own))
    kept = {key: own[key] for key in own.keys() - {"img_width", "max_iter"}}
    assert kept.items() <= values(choices).items()
    assert values(choices)["img_width"] != 1344 and values(choices)["max_iter"] != 1
    assert "detector of pre_trained" in choices["anchor_scales"].reason
    assert values(decided(facts(images=5), weights=Weights("coco.ckpt", "resnet_v1.5_50", own)))["frozen_stages"] == 3


def test_the_order_of_keys_given_does_not_matter():
    some = {"max_iter": 500, "batch_size": 2}
    one = decide(situation(SETS["usual"]), default_settings(), some)
    other = decide(situation(SETS["usual"]), default_settings(), dict(reversed(some.items())))
    assert values(one) == values(other)


def _as_yaml(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
