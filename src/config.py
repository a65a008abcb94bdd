"""The configuration of a run: typed, flat, read from YAML and command line, checked as a whole before anything is built.

`configs/base.yaml` holds every key once, with its default and meaning; a leaf file states only its difference. The comments of
base.yaml are the help texts of the command line.
"""

import argparse
import difflib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from src.errors import UserError
from src.parts.backbones import BACKBONES
from src.yaml_file import read_yaml

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "configs"

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Path_ = str | None

_SHOWN_LETTERS = 200  # of a value that is wrong


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Config:
    """All settings of a run; meaning and unit of each stand in configs/base.yaml."""

    device_target: Literal["CPU", "GPU", "Ascend"]
    device_id: Whole
    run_distribute: bool
    mixed_precision: Literal["auto"] | bool

    train_img_dir: Path_
    train_ann_file: Path_
    unlabelled_img_dir: Path_
    eval_img_dir: Path_
    eval_ann_file: Path_
    class_names: tuple[str, ...]
    mindrecord_dir: Path_
    mindrecord_wait: Positive
    num_parallel_workers: Count
    img_width: Count
    img_height: Count
    keep_ratio: bool
    resize_sides: tuple[Count, Count] | None
    flip_ratio: Share
    expand_ratio: Share
    multi_scale: tuple[Share, Share]
    photo_ratio: Share
    num_gts: Count

    system: Literal["faster_rcnn"]
    backbone: Literal[*BACKBONES]
    frozen_stages: Annotated[int, Field(ge=0, le=5)]
    frozen_batch_norm: bool
    fpn_out_channels: Count
    anchor_scales: tuple[Positive, ...]
    anchor_ratios: tuple[Positive, ...]
    anchor_rule: Literal["centred", "torchvision"]
    anchors_inside_only: bool
    black_is_padding: bool
    pos_iou_thr: Share
    neg_iou_thr: Share
    min_pos_iou: Share
    num_expected_rpn: Count
    num_expected_pos: Count
    pos_iou_thr_stage2: Share
    neg_iou_thr_stage2: Share
    num_expected_total_stage2: Count
    num_expected_pos_stage2: Count
    rcnn_focal_gamma: Weight
    rpn_proposal_nms_pre: Count
    rpn_proposal_max_num: Count
    rpn_proposal_nms_thr: Share
    rpn_nms_pre: Count
    rpn_max_num: Count
    rpn_nms_thr: Share
    roi_out_size: Count
    roi_sample_num: Count
    roi_finest_scale: Positive
    rcnn_fc_out_channels: Count
    test_score_thr: Share
    test_nms_pre: Count
    test_iou_thr: Share
    test_max_per_img: Count

    pre_trained: Path_
    global_seed: Whole
    batch_size: Count
    unlabelled_batch_size: Count
    accumulate_steps: Count
    strong_view: bool
    max_iter: Count
    max_epoch: Count | None
    burn_up_iter: Whole
    burn_up_epoch: Whole | None
    opt_type: Literal["momentum", "sgd", "adam", "adamw"]
    base_lr: Positive
    lr_reference_batch: Count | None
    lr_schedule: Literal["multistep", "step", "cosine"]
    milestones: tuple[Count, ...]
    milestone_epochs: tuple[Count, ...]
    lr_step_size: Count | None
    gamma: Positive
    warmup_step: Whole
    warmup_ratio: Share
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Weight
    clip_norm: Positive
    clip_by: Literal["each", "all"]
    max_skipped_steps: Count
    loss_scale: Positive
    loss_scale_window: Count

    ema_keep_rate: Share
    ema_ramp: bool
    bbox_threshold: Share
    bbox_ignore_threshold: Share | None
    sup_loss_weight: Weight
    unsup_loss_weight: Weight
    unsup_ramp_iter: Whole
    guard_share: Annotated[float, Field(ge=0, lt=1)]
    guard_precision: Share
    guard_action: Literal["lower", "stop"]
    rpn_loss_cls_weight: Weight
    rpn_loss_reg_weight: Weight
    rcnn_loss_cls_weight: Weight
    rcnn_loss_reg_weight: Weight
    rpn_pseudo_cls_weight: Weight
    rpn_pseudo_reg_weight: Weight
    rcnn_pseudo_cls_weight: Weight
    rcnn_pseudo_reg_weight: Weight

    save_checkpoint_path: str
    save_checkpoint_interval: Count
    keep_checkpoint_max: Count
    print_interval_iter: Count
    eval_interval_iter: Whole
    eval_interval_epoch: Count | None
    profile_steps: tuple[Whole, ...]
    resume: bool
    resume_anyway: bool
    overwrite: bool

    checkpoint_path: Path_
    infer_img_dir: Path_
    eval_output_dir: str
    test_batch_size: Count
    report: Path_
    draw_pics: bool

    model: Path_
    results: Path_
    file_format: Literal["MINDIR", "ONNX", "AIR"]
    file_name: Path_
    probabilities: bool
    check: Whole
    soc_version: Path_

    def as_dict(self) -> dict:
        """Plain values, tuples as lists, ready for YAML or JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


KEYS = tuple(field.name for field in fields(Config))
TEXT_KEYS = tuple(field.name for field in fields(Config) if field.type in (str, Path_))
# Of two keys that say one thing, in steps and in passes over the labelled images, a user gives one.
IN_EPOCHS = {
    "max_iter": "max_epoch",
    "burn_up_iter": "burn_up_epoch",
    "milestones": "milestone_epochs",
    "eval_interval_iter": "eval_interval_epoch",
}
# What a detector is, as opposed to how it is trained or run: a checkpoint brings these along.
RECIPE_KEYS = (
    *KEYS[KEYS.index("img_width") : KEYS.index("resize_sides") + 1],
    "num_gts",
    "class_names",
    *KEYS[KEYS.index("system") : KEYS.index("test_max_per_img") + 1],
)


def load_config(
    description: str,
    argv: list[str] | None = None,
    recipe_of: Callable[[str], dict] | None = None,
    defaults: dict | None = None,
) -> Config:
    """Read base.yaml, the checkpoint's recipe, the leaf of --config_path and the command line, each overriding the one before.

    Args:
        description: what the script does, for --help.
        recipe_of: reads the settings a checkpoint was trained with; its RECIPE_KEYS are taken for --checkpoint_path.
        defaults: where the script takes other ones than base.yaml states.

    Raises:
        UserError: with all mistakes of all sources in one message.
    """
    arguments, unknown = _parser(description).parse_known_args(argv)
    given = {key: _plain(key, text) for key, text in vars(arguments).items() if key in KEYS and text is not None}
    faults = [_unknown_key(word.split("=")[0].lstrip("-"), "command line") for word in unknown if word.startswith("--")]
    if not faults:
        faults = [f"command line: {word!r} belongs to no argument" for word in unknown]
    leaf = _read_yaml(Path(arguments.config_path)) if arguments.config_path else {}
    faults += [_unknown_key(key, arguments.config_path) for key in leaf if key not in KEYS]
    faults += _given_twice(leaf) + _given_twice(given)
    given = {key: value for key, value in leaf.items() if key in KEYS and not _is_replaced(key, given)} | given

    values = _read_yaml(CONFIG_FOLDER / "base.yaml") | (defaults or {})
    if recipe_of and given.get("checkpoint_path"):
        recipe = recipe_of(str(given["checkpoint_path"]))
        values.update({key: recipe[key] for key in RECIPE_KEYS if key in recipe})
    lists = {key for key, value in values.items() if isinstance(value, list)}
    given = {key: [value] if key in lists and not isinstance(value, list) else value for key, value in given.items()}
    return check_config(values | given, faults)


def _given_twice(source: dict) -> list[str]:
    """Lengths that one source gives in steps and in passes."""
    return [
        f"{steps}, {epochs}: they say the same, give one; got {source[steps]!r} and {source[epochs]!r}"
        for steps, epochs in IN_EPOCHS.items()
        if source.get(steps) not in (None, []) and source.get(epochs) not in (None, [])
    ]


def _is_replaced(key: str, stronger: dict) -> bool:
    """Whether a stronger source says in passes what this key says in steps, or the other way round."""
    other = IN_EPOCHS.get(key) or {epochs: steps for steps, epochs in IN_EPOCHS.items()}.get(key)
    return stronger.get(other) not in (None, [])


def check_config(values: dict, faults: list[str] | None = None) -> Config:
    """A Config from a complete dict of values.

    Raises:
        UserError: naming every unknown, missing or wrong value together with `faults`.
    """
    faults = list(faults or [])
    config = None
    try:
        config = TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        for item in error.errors():
            key = str(item["loc"][0]) if item["loc"] else "config"
            faults.append(f"{key}: {item['msg'][:1].lower()}{item['msg'][1:]}, got {_short(item['input'])}")
    if config is not None:
        faults += _contradictions(config)
    if faults:
        faults = list(dict.fromkeys(faults))  # two wrong numbers of a list may read alike
        count = "1 mistake" if len(faults) == 1 else f"{len(faults)} mistakes"
        raise UserError("\n  ".join([f"the configuration has {count}:", *faults]))
    return config


def _contradictions(config: Config) -> list[str]:
    """Values that are right one by one and wrong together."""
    faults = []

    def expect(holds: bool, message: str) -> None:
        if not holds:
            faults.append(message)

    for key in ("img_width", "img_height"):
        size = getattr(config, key)
        expect(
            size % 32 == 0,
            f"{key}: must be a multiple of 32, got {size}; the nearest is {max(32, round(size / 32) * 32)}",
        )
    steps_are_known = config.max_epoch is None  # else these are checked once the length of the data is known
    expect(
        not steps_are_known or config.burn_up_epoch is not None or config.burn_up_iter <= config.max_iter,
        f"burn_up_iter: must not exceed max_iter, got {config.burn_up_iter} > {config.max_iter}",
    )
    expect(
        not steps_are_known or config.warmup_step <= config.max_iter,
        f"warmup_step: must not exceed max_iter, got {config.warmup_step} > {config.max_iter}; the rate would never "
        "reach base_lr",
    )
    for key in ("milestones", "milestone_epochs"):
        values = list(getattr(config, key))
        expect(values == sorted(values), f"{key}: must rise, got {values}")
    expect(
        (config.lr_schedule == "step") == (config.lr_step_size is not None),
        f"lr_step_size: is what --lr_schedule step needs, and nothing else does, got {config.lr_step_size} and "
        f"{config.lr_schedule}",
    )
    smallest, largest = config.multi_scale
    expect(0 < smallest <= largest, f"multi_scale: smallest and largest share, above 0, got {list(config.multi_scale)}")
    watched = list(config.profile_steps)
    expect(
        len(watched) in (0, 2) and watched == sorted(watched),
        f"profile_steps: first and last step, or none, got {watched}",
    )
    expect(
        not watched or not steps_are_known or watched[-1] < config.max_iter,
        f"profile_steps: must lie before max_iter {config.max_iter}, got {watched}",
    )
    expect(
        config.neg_iou_thr <= config.pos_iou_thr,
        f"neg_iou_thr: must not exceed pos_iou_thr, got {config.neg_iou_thr} > {config.pos_iou_thr}",
    )
    expect(
        config.neg_iou_thr_stage2 <= config.pos_iou_thr_stage2,
        f"neg_iou_thr_stage2: must not exceed pos_iou_thr_stage2, got {config.neg_iou_thr_stage2} > {config.pos_iou_thr_stage2}",
    )
    expect(
        config.test_max_per_img <= config.num_gts,
        f"test_max_per_img: must not exceed num_gts (detections become pseudo-labels), got {config.test_max_per_img} > {config.num_gts}",
    )
    expect(
        config.resize_sides is None or config.keep_ratio,
        f"resize_sides: keeps the ratio of an image, so keep_ratio must be true, got {config.keep_ratio}",
    )
    evaluation = [f"{key} {value}" for key in ("eval_img_dir", "eval_ann_file") if (value := getattr(config, key))]
    expect(
        len(evaluation) != 1 or config.results is not None,  # results were found in the images already
        f"eval_img_dir and eval_ann_file: give both or neither, got {''.join(evaluation)} alone",
    )
    expect(
        bool(config.anchor_scales) and bool(config.anchor_ratios), "anchor_scales, anchor_ratios: at least one of each"
    )
    expect(
        config.bbox_ignore_threshold is None or config.bbox_ignore_threshold <= config.bbox_threshold,
        f"bbox_ignore_threshold: must not exceed bbox_threshold, got {config.bbox_ignore_threshold} > {config.bbox_threshold}",
    )
    expect(
        config.ema_keep_rate < 1,
        f"ema_keep_rate: must be below 1, or the teacher never learns, got {config.ema_keep_rate}",
    )
    return faults


def require(config: Config, *keys: str) -> None:
    """Check that an entry script got the keys it cannot do without.

    Raises:
        UserError: naming all missing ones.
    """
    missing = [key for key in keys if getattr(config, key) is None]
    if missing:
        raise UserError(
            "missing: " + ", ".join(f"--{key}" for key in missing) + " (or the same keys in the file of --config_path)"
        )


def save_config(config: Config) -> str:
    """The configuration as YAML text that `--config_path` reads."""
    return yaml.safe_dump(config.as_dict(), sort_keys=False, allow_unicode=True)


def _short(value: object) -> str:
    """The value as it was given, cut off where it gets long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config_path", metavar="FILE", help="YAML file that states differences from configs/base.yaml"
    )
    helps = _help_texts()
    for key in KEYS:
        if key in ("resume", "resume_anyway", "overwrite", "run_distribute", "probabilities"):
            parser.add_argument(f"--{key}", nargs="?", const="true", metavar="BOOL", help=helps[key])
        else:
            parser.add_argument(f"--{key}", metavar="VALUE", help=helps[key])
    return parser


def _help_texts() -> dict[str, str]:
    """What base.yaml says of each key: 'default; comment'."""
    texts = {}
    for line in (CONFIG_FOLDER / "base.yaml").read_text(encoding="utf-8").splitlines():
        found = re.match(r"(\w+): (.*?)\s+# (.*)$", line)
        if found:
            key, default, comment = found.groups()
            texts[key] = f"{comment} [{default}]".replace("%", "%%")
    return texts


def _plain(key: str, text: str) -> object:
    """A command-line word as YAML would read it; '1,2' is a list; names of files and anything that is not YAML stay text."""
    if key in TEXT_KEYS:
        return None if text in ("", "null") else text
    if key == "class_names" and not text.startswith("["):
        return [name.strip() for name in text.split(",")]
    if re.fullmatch(r"[-+.\deE]+(,[-+.\deE]+)+", text):
        text = f"[{text}]"
    # YAML 1.1 reads 1e-4 as text; the shell user means a number.
    if re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", text):
        return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _read_yaml(path: Path) -> dict:
    try:
        return read_yaml(path)
    except OSError as error:
        known = ", ".join(sorted(os.path.relpath(leaf) for leaf in CONFIG_FOLDER.glob("*.yaml")))
        raise UserError(f"cannot read config file {path}: {error.strerror}; there are {known}") from error


def _unknown_key(key: str, source: str) -> str:
    nearest = difflib.get_close_matches(str(key), KEYS, 1)
    return f"{source}: unknown key {key!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else "")
