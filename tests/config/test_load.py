"""The configuration: its files against its fields, the order of its sources, and all mistakes in one message."""

import os
import re
from dataclasses import replace

import pytest
import yaml

from src.command_line import nearest_path
from src.config.load import (
    CONFIG_FOLDER,
    Config,
    check_config,
    describe_differences,
    load_config,
    require,
    save_config,
)
from src.config.schema import KEYS
from src.errors import UserError
from src.parts.backbones.table import BACKBONES

LEAVES = sorted(path.name for path in CONFIG_FOLDER.glob("*.yaml") if path.name != "base.yaml")


def load(*words: str, **options) -> Config:
    """A configuration from words of the command line."""
    return load_config("", list(words), **options)


def mistakes(*words: str) -> str:
    """What is said of a wrong command line."""
    with pytest.raises(UserError) as raised:
        load(*words)
    return str(raised.value)


def leaf(tmp_path, text: str) -> tuple[str, str]:
    """The arguments that name a leaf with this text."""
    path = tmp_path / "leaf.yaml"
    path.write_text(text, encoding="utf-8")
    return "--config_path", str(path)


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_loads_and_states_only_differences(name):
    path = CONFIG_FOLDER / name
    text, base = path.read_text(encoding="utf-8"), load()
    stated, loaded = yaml.safe_load(text), load("--config_path", str(path))
    assert not [key for key in stated if getattr(loaded, key) == getattr(base, key)], "same as in base.yaml"
    assert {key for key in KEYS if getattr(loaded, key) != getattr(base, key)} == set(stated)
    assert re.match(r"# (bash scripts/[\w/]+\.sh|python -m src\.\w+) ", text), "a leaf opens with its command"
    assert len(re.findall(r"^\w+:", text, re.MULTILINE)) == len(stated), "a key stands twice"


def test_the_command_line_overrides_the_leaf_the_leaf_the_checkpoint_and_that_the_base(tmp_path):
    saved = {"fpn_out_channels": 1, "rcnn_fc_out_channels": 1, "num_gts": 111, "base_lr": 1.0, "max_iter": 1}

    def saved_settings(path: str) -> dict:
        assert path == "a.ckpt"
        return saved

    words = leaf(tmp_path, "fpn_out_channels: 2\nrcnn_fc_out_channels: 2\nmomentum: 0.5\ncheckpoint_path: a.ckpt\n")
    config = load(*words, "--rcnn_fc_out_channels", "3", saved_settings=saved_settings)
    assert (config.num_gts, config.fpn_out_channels, config.rcnn_fc_out_channels) == (111, 2, 3)
    assert (config.momentum, config.batch_size) == (0.5, 2)
    assert (config.base_lr, config.max_iter) == (load().base_lr, load().max_iter), (
        "a checkpoint says nothing of training"
    )
    assert load(*words).num_gts == 128


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (("--base_lr", "1e-4"), "base_lr", 1e-4),
        (("--base_lr", "2.5E-3"), "base_lr", 2.5e-3),
        (("--base_lr", "1"), "base_lr", 1.0),
        (("--milestones", "3,4"), "milestones", (3, 4)),
        (("--milestones", "[3,4]"), "milestones", (3, 4)),
        (("--milestones=[3, 4]",), "milestones", (3, 4)),
        (("--milestones", "7"), "milestones", (7,)),
        (("--milestones", "[]"), "milestones", ()),
        (("--anchor_ratios", "0.5,1,2e0"), "anchor_ratios", (0.5, 1.0, 2.0)),
        (
            ("--ssd_aspect_ratios", "[[2],[2,3],[],[2],[2],[2]]"),
            "ssd_aspect_ratios",
            ((2,), (2, 3), (), (2,), (2,), (2,)),
        ),
        (("--ssd_extras_out_channels", "8,8,8,8,8"), "ssd_extras_out_channels", (8, 8, 8, 8, 8)),
        (("--keep_ratio", "false"), "keep_ratio", False),
        (("--keep_ratio", "True"), "keep_ratio", True),
        (("--resume",), "resume", True),
        (("--resume", "false"), "resume", False),
        (("--mixed_precision", "auto"), "mixed_precision", "auto"),
        (("--mixed_precision", "true"), "mixed_precision", True),
        (("--pre_trained", "null"), "pre_trained", None),
        (("--pre_trained", "weights/a: b.ckpt"), "pre_trained", "weights/a: b.ckpt"),
        (("--save_checkpoint_path", "2024"), "save_checkpoint_path", "2024"),
        (("--save_checkpoint_path", "1e5"), "save_checkpoint_path", "1e5"),
        (("--train_img_dir", "1,2"), "train_img_dir", "1,2"),
    ],
)
def test_arguments_of_the_command_line(words, key, value):
    assert getattr(load(*words), key) == value


def test_all_mistakes_of_all_sources_come_in_one_message(tmp_path):
    words = leaf(tmp_path, "base_lrr: 0.1\nbatch_size: two\n")
    said = mistakes(*words, "--max_itre", "5", "--flip_ratio", "1.5", "--device_target", "TPU", "--num_gts", "0")
    assert "did you mean base_lr?" in said and "did you mean max_iter?" in said
    for key in ("batch_size", "flip_ratio", "device_target", "num_gts"):
        assert f"  {key}: " in said
    assert "'two'" in said and "1.5" in said and "'CPU', 'GPU' or 'Ascend'" in said
    assert "the configuration has 6 errors" in said


def test_values_that_no_number_or_date_can_be_are_named():
    big = "9" * 5000
    said = mistakes(
        "--max_iter", big, "--burn_up_iter", f"0x{'f' * 5000}", "--batch_size", "2026-99-99", "--milestones", "[" * 3000
    )
    for key in ("max_iter", "burn_up_iter", "batch_size", "milestones"):
        assert f"  {key}: " in said
    assert "got '2026-99-99'" in said and "got '0xff" in said and "got '99" in said and len(said) < 1700


def test_decimals_with_a_comma_are_answered_with_a_point():
    said = mistakes("--hours", "0,5", "--img_width", "3,2")
    assert said.count("; decimals have a point, not a comma") == 2


def test_percent_in_place_of_a_share_are_answered_with_the_share():
    said = mistakes("--flip_ratio", "50", "--photo_ratio", "-1", "--crop_ratio", "1000")
    assert "got 50; for 50 percent pass 0.5" in said and said.count("percent") == 1


def test_stray_arguments_and_unreadable_files_are_named(tmp_path):
    assert "'stray'" in mistakes("stray")
    assert "nothing.yaml" in mistakes("--config_path", "nothing.yaml")
    folder = nearest_path(CONFIG_FOLDER)
    assert f"; in {folder} there are base.yaml, demo_cpu.yaml, " in mistakes("--config_path", "nothing.yaml")
    for name in ("small_data", "small_data.yaml", "elsewhere/smalldata.yaml"):
        assert mistakes("--config_path", name).endswith(f"; did you mean {folder}/small_data.yaml?")
    near = CONFIG_FOLDER / "smalldata.yaml"
    assert f"; did you mean {CONFIG_FOLDER}/small_data.yaml?" in mistakes("--config_path", str(near))
    assert "not YAML" in mistakes(*leaf(tmp_path, "a: [1\n"))
    assert "expected 'key: value' lines, got list" in mistakes(*leaf(tmp_path, "- a\n"))


@pytest.mark.parametrize(
    "value",
    ["!!bool abc", "!!timestamp abc", "!!int ''", "!!float ''", "!!int 0x10", "!!int 1:30", "!!set {4, 8}", "!a 3"],
)
def test_tags_that_read_a_value_otherwise_are_refused(tmp_path, value):
    said = mistakes(*leaf(tmp_path, f"batch_size: {value}\n"))
    assert "not YAML: tags (!name) are not used here" in said and "line 1" in said


@pytest.mark.parametrize("value", ["a\\0b", "a\\ud800"])
def test_characters_that_no_file_name_holds_are_refused(tmp_path, value):
    assert "no text or file name holds the character" in mistakes(*leaf(tmp_path, f'unlabelled_img_dir: "{value}"\n'))


def test_keys_that_are_the_same_number_are_refused(tmp_path):
    assert "two keys are the same number" in mistakes(*leaf(tmp_path, "4: a\n4.0: b\n"))


def test_a_name_that_is_not_utf8_can_be_written_in_a_file(tmp_path):
    assert load_config("", leaf(tmp_path, 'pre_trained: "a\\udcff"\n')).pre_trained == os.fsdecode(b"a\xff")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--img_width 100", "img_width: must be a multiple of 32, got 100; the nearest is 96"),
        ("--img_height 7", "img_height: must be a multiple of 32, got 7; the nearest is 32"),
        ("--system ssd --img_height 301", "img_height: must be a multiple of 4, got 301; the nearest is 300"),
        ("--ssd_extras_out_channels 8,8", "ssd_extras_out_channels, so 3, got 6"),
        ("--ssd_extras_out_channels 7", "ssd_extras_out_channels: input should be a multiple of 2, got 7"),
        ("--ssd_min_scale 0.99", "ssd_min_scale: must not exceed ssd_max_scale, got 0.99 > 0.95"),
        ("--ssd_loss softmax", "ssd_loss: input should be 'focal' or 'hard_negative', got 'softmax'"),
        ("--burn_up_iter 9 --max_iter 8", "burn_up_iter: must not exceed max_iter, got 9 > 8"),
        ("--milestones 5,4", "milestones: must be in increasing order, got [5, 4]"),
        ("--max_iter 99 --burn_up_iter 9", "warmup_step: must not exceed max_iter, got 500 > 99; the rate would never"),
        (
            "--max_iter 9000 --max_epoch 9",
            "max_iter, max_epoch: they set the same length in steps and in epochs, give one; got 9000 and 9",
        ),
        (
            "--milestones 5 --milestone_epochs 1",
            "milestones, milestone_epochs: they set the same length in steps and in epochs",
        ),
        ("--milestone_epochs 5,4", "milestone_epochs: must be in increasing order, got [5, 4]"),
        (
            "--lr_schedule step",
            "lr_step_size: belongs to --lr_schedule step, which needs it, got None with --lr_schedule step",
        ),
        ("--lr_step_size 9", "got 9 with --lr_schedule multistep"),
        ("--opt_type lion", "opt_type: input should be 'momentum', 'sgd', 'adam' or 'adamw', got 'lion'"),
        ("--multi_scale 0.8,0.5", "multi_scale: must be the smallest and the largest factor, above 0, got [0.8, 0.5]"),
        ("--multi_scale 0.5,1.5", "multi_scale: "),
        (
            "--crop_ratio 0.5 --resize_sides 800,1333",
            "crop_ratio: a crop may be in portrait or landscape, so both sides of the input",
        ),
        ("--profile_steps 5", "profile_steps: must be the first and the last step, or empty, got [5]"),
        ("--profile_steps 10,20000", "profile_steps: must be below max_iter 20000, got [10, 20000]"),
        ("--neg_iou_thr 0.8", "neg_iou_thr: must not exceed pos_iou_thr, got 0.8 > 0.7"),
        ("--neg_iou_thr_stage2 0.6", "neg_iou_thr_stage2: must not exceed pos_iou_thr_stage2, got 0.6 > 0.5"),
        ("--num_gts 50", "test_max_per_img: must not exceed num_gts"),
        ("--bbox_ignore_threshold 0.8", "bbox_ignore_threshold: must not exceed bbox_threshold, got 0.8 > 0.7"),
        (
            "--label_prior_share 0.2",
            "label_prior_share: goes with --pseudo_label_thresholds label_prior, got 0.2 with fixed",
        ),
        ("--label_prior_interval_iter 9", "label_prior_interval_iter: goes with --pseudo_label_thresholds label_prior"),
        ("--pseudo_label_thresholds label_prior --label_prior_share 0", "label_prior_share: "),
        ("--pseudo_label_thresholds prior", "should be 'fixed' or 'label_prior', got 'prior'"),
        ("--eval_img_dir a", "eval_img_dir and eval_ann_file: give both or neither, got eval_img_dir a alone"),
        ("--eval_ann_file b", "eval_img_dir and eval_ann_file: give both or neither, got eval_ann_file b alone"),
        ("--anchor_scales []", "anchor_scales, anchor_ratios: at least one of each"),
        ("--ema_keep_rate 1", "ema_keep_rate: must be below 1"),
        ("--teacher_start average", "so supervised_ema must be true, got false"),
        (
            "--device_target cpu",
            "device_target: input should be 'CPU', 'GPU' or 'Ascend', got 'cpu'; did you mean CPU?",
        ),
        ("--file_format onnx", "input should be 'MINDIR', 'ONNX' or 'AIR', got 'onnx'; did you mean ONNX?"),
        ("--backbone ResNet_v1.5-50", "got 'ResNet_v1.5-50'; did you mean resnet_v1.5_50?"),
        ("--momentum 1", "momentum: "),
        ("--anchor_ratios 1,-1", "anchor_ratios: "),
        ("--milestones 1.5", "milestones: "),
        ("--base_lr nan", "base_lr: "),
        ("--clip_norm .inf", "clip_norm: "),
        (
            f"--num_parallel_workers 1{'0' * 400}",
            "num_parallel_workers: input should be less than or equal to 2147483647",
        ),
        (
            "--img_width 3200000 --img_height 3200",
            "a batch must not exceed 67108864 pixels, got 4 images of 3200000x3200",
        ),
        ("--test_batch_size 1000000", "a batch must not exceed 67108864 pixels, got 1000000 images of 1280x768"),
    ],
)
def test_contradictions_and_ranges(words, said):
    assert said in mistakes(*words.split())


def test_a_length_of_the_command_line_replaces_that_of_the_leaf_in_either_unit(tmp_path):
    config = load(*leaf(tmp_path, "max_iter: 9000\nmilestones: [5]\n"), "--max_epoch", "7", "--milestone_epochs", "3")
    assert (config.max_epoch, config.milestones, config.milestone_epochs) == (7, (), (3,))
    config = load(*leaf(tmp_path, "max_epoch: 7\neval_interval_epoch: 2\n"), "--max_iter", "8000")
    assert (config.max_iter, config.max_epoch, config.eval_interval_epoch) == (8000, None, 2)
    assert "max_iter, max_epoch" in mistakes(*leaf(tmp_path, "max_epoch: 7\nmax_iter: 800\n"))
    assert load(*leaf(tmp_path, save_config(load("--max_iter", "8000"))), "--max_epoch", "5").max_epoch == 5


def test_contradictions_come_together():
    said = mistakes("--img_width", "100", "--ema_keep_rate", "1", "--num_gts", "50")
    assert all(key in said for key in ("img_width", "ema_keep_rate", "test_max_per_img"))


def test_a_backbone_that_does_not_exist_is_one_of_the_mistakes(tmp_path):
    said = mistakes(*leaf(tmp_path, "backbone: resnet_51\n"), "--batch_size", "0", "--max_itre", "5")
    assert "the configuration has 3 errors" in said
    (line,) = (line for line in said.splitlines() if "backbone: " in line)
    assert "got 'resnet_51'" in line and all(f"'{name}'" in line for name in BACKBONES)


def test_every_backbone_is_accepted():
    assert {load("--backbone", name).backbone for name in BACKBONES} == set(BACKBONES)


def test_a_mistake_is_named_and_counted_once():
    said = mistakes("--milestones", "1.5,2.5")
    assert said.splitlines()[0] == "the configuration has 2 errors:"
    assert "the configuration has 1 error:" in mistakes("--anchor_scales", "0,0")


def test_a_saved_configuration_loads_as_itself(tmp_path):
    config = load("--milestones", "3,4", "--base_lr", "1e-5", "--train_img_dir", "größe/ä b", "--resume")
    assert load(*leaf(tmp_path, save_config(config))) == config
    assert check_config(config.as_dict()) == config
    part = {key: value for key, value in config.as_dict().items() if key != "max_iter"}
    assert check_config(part) == replace(config, max_iter=load().max_iter), "missing keys take their defaults"


def test_an_entry_script_names_all_it_misses():
    config = replace(load(), train_img_dir="a")
    require(config, "train_img_dir")
    with pytest.raises(UserError, match="missing: --train_ann_file, --checkpoint_path"):
        require(config, "train_img_dir", "train_ann_file", "checkpoint_path")


def test_help_states_default_and_meaning(capsys):
    with pytest.raises(SystemExit):
        load("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "learning rate after warm-up [0.005]" in said
    assert all(f"--{key} " in said for key in KEYS)


@pytest.mark.parametrize(
    "word, names",
    [("cat,traffic light", ("cat", "traffic light")), ("cat", ("cat",)), ('["a, b", c]', ("a, b", "c"))],
)
def test_class_names_are_a_list_of_texts(word, names):
    assert load_config("", ["--class_names", word]).class_names == names


@pytest.mark.parametrize(
    "words", [("--base_lr", "true"), ("--max_iter", "True"), ("--milestones", "[true, 3]"), ("--hours", "true")]
)
def test_truth_is_no_number(words, tmp_path):
    with pytest.raises(UserError, match=f"{words[0][2:]}: input should be a number, got "):
        load_config("", [*words, "--warmup_step", "1", "--burn_up_iter", "1"])
    (tmp_path / "leaf.yaml").write_text("anchor_scales: [true]\n")
    with pytest.raises(UserError, match=r"anchor_scales: input should be a number, got \[True\]"):
        load_config("", ["--config_path", str(tmp_path / "leaf.yaml")])
    assert load_config("", ["--keep_ratio", "yes", "--mixed_precision", "true"]).keep_ratio is True


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        *(
            ("batch_size", "010", 10),
            ("batch_size", "08", 8),
            ("batch_size", "+5", 5),
            ("milestones", "[010, 020]", (10, 20)),
        ),
        *(
            ("base_lr", "00.5", 0.5),
            ("base_lr", "1e-4", 1e-4),
            ("keep_ratio", "off", False),
            ("keep_ratio", "Yes", True),
        ),
        *(("class_names", "[no, 010, 1:30]", ("no", "010", "1:30")), ("save_checkpoint_path", "010", "010")),
    ],
)
def test_numbers_are_decimal_and_texts_are_texts(tmp_path, key, text, value):
    for words in ((f"--{key}", text), leaf(tmp_path, f"{key}: {text}\n")):
        config = load(*words)
        assert getattr(config, key) == value
        (tmp_path / "saved.yaml").write_text(save_config(config), encoding="utf-8")
        assert load("--config_path", str(tmp_path / "saved.yaml")) == config


@pytest.mark.parametrize("text", ["1_0", "0x10", "0o10", "0b1", "1:30", "yes", "on", "2024-01-01", "４"])
def test_other_spellings_of_numbers_are_refused_as_they_came(tmp_path, text):
    for words in (("--batch_size", text), leaf(tmp_path, f"batch_size: {text}\n")):
        assert re.search(rf"  batch_size: input should be a .*, got '{text}'", mistakes(*words))
    assert f"got ['{text}', 20]" in (said := mistakes("--milestones", f"[{text}, 20]")) or f"got '{text}'" in said


def test_a_folder_behind_resume_is_told_where_it_belongs():
    assert mistakes("--resume", "runs/a b").endswith(
        "resume: input should be true or false, got 'runs/a b'; the folder of the run has an option of its own: "
        "--save_checkpoint_path 'runs/a b' --resume"
    )


@pytest.mark.parametrize("words", [("--max_iter", "99999999999"), ("--hours", "1e308"), ("--max_iter", "1e300")])
def test_numbers_that_no_run_could_take_are_refused(words):
    with pytest.raises(UserError, match=words[0][2:]):
        load_config("", list(words))


def test_the_settings_that_differ_from_the_defaults_are_described_and_no_others():
    told = describe_differences(load("--img_width", "640", "--class_names", "cat,größe", "--anchor_scales", "4"))
    assert told == "class_names: [cat, größe], img_width: 640, anchor_scales: [4.0]"
    assert describe_differences(load()) == "none"
