"""What is stated beside each setting, and configs/base.yaml, which is written from it."""

import re
from dataclasses import fields

from src.config.base_file import base_text
from src.config.load import CONFIG_FOLDER, default_settings, load_config
from src.config.schema import DETECTOR_KEYS, FREE_KEYS, GROUPS, IN_EPOCHS, KEYS, PSEUDO_WEIGHT_KEYS, WEIGHT_KEYS
from src.parts.backbones.table import BACKBONES
from src.yaml_file import read_yaml

BASE = (CONFIG_FOLDER / "base.yaml").read_text(encoding="utf-8")


def test_base_yaml_is_what_the_schema_states():
    assert base_text() == BASE, "run: python -m src.config.base_file"
    assert read_yaml(CONFIG_FOLDER / "base.yaml") == default_settings() == load_config("", []).as_dict()


def test_base_yaml_states_every_key_once_with_a_comment():
    lines = [line for line in BASE.splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"(\w+): (\S|\S.*?\S) +# \w.*", line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found) if not match]
    assert tuple(match[1] for match in found) == KEYS


def test_groups_hold_every_key_once_in_order():
    assert [field.name for group in GROUPS.values() for field in fields(group)] == list(KEYS)


def test_every_backbone_is_named():
    (comment,) = re.findall(r"^backbone: .*# (.*)$", BASE, re.MULTILINE)
    assert sorted(comment.split(", ")) == sorted(BACKBONES)


def test_a_checkpoint_brings_along_what_the_network_needs():
    wanted = {"img_width", "img_height", "keep_ratio", "num_gts", "class_names"}
    assert {field.name for field in fields(GROUPS["network"])} | wanted <= set(DETECTOR_KEYS)
    assert not set(DETECTOR_KEYS) & {"train_img_dir", "batch_size", "max_iter", "device_target", "resume", "base_lr"}


def test_a_resumed_run_may_change_what_it_writes_but_not_what_is_trained():
    assert {"save_checkpoint_path", "print_interval_iter", "eval_img_dir", "num_parallel_workers"} <= FREE_KEYS
    assert not FREE_KEYS & {*DETECTOR_KEYS, "train_img_dir", "batch_size", "max_iter", "base_lr", "global_seed"}
    assert not FREE_KEYS & {*WEIGHT_KEYS.values(), *PSEUDO_WEIGHT_KEYS.values()}


def test_a_length_in_epochs_replaces_one_in_steps():
    assert IN_EPOCHS == {
        "max_iter": "max_epoch",
        "burn_up_iter": "burn_up_epoch",
        "milestones": "milestone_epochs",
        "eval_interval_iter": "eval_interval_epoch",
    }
