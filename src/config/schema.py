"""All settings of a run, typed; `src.config.load` reads them, `configs/base.yaml` says what they mean."""

from dataclasses import asdict, fields
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from src.parts.backbones import BACKBONES

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Path_ = str | None

SYSTEMS_WITH_MASKS = ("mask_rcnn",)  # their data need outlines, and their networks give masks as the sixth output


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
    crop_ratio: Share
    expand_ratio: Share
    multi_scale: tuple[Share, Share]
    photo_ratio: Share
    num_gts: Count

    system: Literal["faster_rcnn", "mask_rcnn", "ssd"]
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
    mask_out_size: Count
    rcnn_mask_out_channels: Count
    mask_thr_binary: Annotated[float, Field(gt=0, lt=1)]
    mask_pasting: Literal["exact", "torchvision"]
    gt_mask_size: Count
    ssd_extras_out_channels: tuple[Annotated[int, Field(ge=2, multiple_of=2)], ...]
    ssd_aspect_ratios: tuple[tuple[Positive, ...], ...]
    ssd_min_scale: Positive
    ssd_max_scale: Positive
    ssd_match_threshold: Share
    ssd_loss: Literal["focal", "hard_negative"]
    ssd_focal_gamma: Weight
    ssd_focal_alpha: Share
    ssd_negative_ratio: Positive
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
    supervised_ema: bool
    teacher_start: Literal["student", "average"]
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
    rcnn_loss_mask_fb_weight: Weight
    rpn_pseudo_cls_weight: Weight
    rpn_pseudo_reg_weight: Weight
    rcnn_pseudo_cls_weight: Weight
    rcnn_pseudo_reg_weight: Weight
    rcnn_pseudo_mask_weight: Weight
    ssd_loss_cls_weight: Weight
    ssd_loss_reg_weight: Weight
    ssd_pseudo_cls_weight: Weight
    ssd_pseudo_reg_weight: Weight

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

    @property
    def has_masks(self) -> bool:
        """Whether the detector has masks beside boxes."""
        return self.system in SYSTEMS_WITH_MASKS

    def as_dict(self) -> dict:
        """Plain values, tuples as lists, ready for YAML or JSON."""
        return {key: _lists(value) for key, value in asdict(self).items()}


def _lists(value: object) -> object:
    """The value with lists in place of tuples, at any depth."""
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


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
