"""Settings of training: the supervised part, and teacher and pseudo-labels."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from src.config.setting import Count, OptionalPath, Positive, Share, Weight, Whole, free_setting, setting


@dataclass(frozen=True)
class TrainingSettings:
    """Length, batches, optimizer and learning rate."""

    pre_trained: OptionalPath = free_setting(
        None, "weights to start from: .ckpt or .npz; convert others with python -m src.convert_checkpoint"
    )
    global_seed: Whole = setting(10, "seed of split order, augmentation and sampling")
    batch_size: Count = setting(
        2,
        (
            "labelled images per step and device, each in two views (see strong_view); export.py: images per batch of "
            "the model, there 1 by default"
        ),
    )
    unlabelled_batch_size: Count = setting(2, "unlabelled images per step and device")
    accumulate_steps: Count = setting(
        1, "gradient accumulation steps: batches whose gradients are averaged in one step"
    )
    strong_view: bool = setting(
        True,
        (
            "train on a strongly augmented view of labelled images too; false: on the weak view alone, as detectors "
            "are trained without a teacher"
        ),
    )
    max_iter: Count = setting(20000, "steps of the run")
    max_epoch: Count | None = setting(
        None, "instead of max_iter: epochs, passes over the labelled images", instead_of="max_iter"
    )
    hours: Positive | None = free_setting(
        None,
        (
            "hours that the run may take, evaluations included: the recipe (--config_path auto) plans with them, and a run that "
            "will take longer says so before it starts; null: the recipe plans with 3"
        ),
    )
    burn_up_iter: Whole = setting(
        3000, "steps of burn-in before the teacher starts; equal to max_iter: plain supervised training"
    )
    burn_up_epoch: Whole | None = setting(None, "instead of burn_up_iter: epochs", instead_of="burn_up_iter")
    opt_type: Literal["momentum", "sgd", "adam", "adamw"] = setting(
        "momentum", "momentum (SGD with velocity), sgd (without), adam, adamw (decays no biases and no batch norm)"
    )
    base_lr: Positive = setting(0.005, "learning rate after warm-up")
    lr_reference_batch: Count | None = setting(
        None,
        (
            "labelled images per step, over all devices, that base_lr is meant for: the rate is scaled to their "
            "number (Goyal et al. 2017); null: it is not"
        ),
    )
    lr_schedule: Literal["multistep", "step", "cosine"] = setting(
        "multistep",
        (
            "multistep (times gamma at each milestone), step (at each multiple of lr_step_size) or cosine (down to 0 at "
            "the end)"
        ),
    )
    milestones: tuple[Count, ...] = setting((), "steps at which the rate drops")
    milestone_epochs: tuple[Count, ...] = setting((), "instead of milestones: epochs", instead_of="milestones")
    lr_step_size: Count | None = setting(None, "steps between two drops of lr_schedule step")
    gamma: Positive = setting(0.1, "factor of the learning rate at a drop")
    warmup_step: Whole = setting(500, "steps of linear warm-up")
    warmup_ratio: Share = setting(0.0625, "learning rate at step 0 as a share of base_lr")
    momentum: Annotated[float, Field(ge=0, lt=1)] = setting(0.9, "momentum coefficient of opt_type momentum")
    weight_decay: Weight = setting(0.0001, "weight decay coefficient")
    clip_norm: Positive = setting(5.0, "gradient clipping: greatest L2 norm")
    clip_by: Literal["each", "all"] = setting(
        "each", "gradient clipping: each (the gradient of every parameter by itself) or all (their global norm)"
    )
    max_skipped_steps: Count = free_setting(
        50,
        (
            "the run stops after so many steps in a row with losses or gradients that are not finite (checked at log "
            "lines)"
        ),
    )
    loss_scale: Positive = setting(65536, "initial loss scale of mixed precision")
    loss_scale_window: Count = setting(500, "finite steps after which the loss scale doubles")


@dataclass(frozen=True)
class TeacherSettings:
    """The semi-supervised phase, and the weight of every loss term."""

    ema_keep_rate: Share = setting(
        0.9996, "EMA decay of the teacher per step; the average goes back about 1 / (1 - decay) steps"
    )
    ema_ramp: bool = setting(True, "let the decay grow with the steps taken, so that a short run has a teacher too")
    supervised_ema: bool = setting(
        False,
        (
            "keep an EMA of the student in burn-in and in supervised runs too; it is evaluated beside the student as "
            "average"
        ),
    )
    teacher_start: Literal["student", "average"] = setting(
        "student",
        (
            "first weights of the teacher after burn-in: student, a copy; average, the EMA of the burn-in (needs "
            "supervised_ema)"
        ),
    )
    bbox_threshold: Share = setting(0.7, "score threshold of pseudo-labels")
    bbox_ignore_threshold: Share | None = setting(
        None, "detections with a score from here up to bbox_threshold become ignore regions; null: they are background"
    )
    sup_loss_weight: Weight = setting(
        1.0,
        "weight of the labelled losses, means over both views (Unbiased Teacher); 2.0 makes them the model zoo's sum",
    )
    unsup_loss_weight: Weight = setting(
        4.0, "weight of the losses on pseudo-labels, means over images (4.0: Unbiased Teacher)"
    )
    unsup_ramp_iter: Whole = setting(0, "steps over which unsup_loss_weight grows from 0")
    guard_share: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.0, "share of the labelled images that is held out: unlabelled in training, to measure pseudo-labels; 0: none"
    )
    guard_precision: Share = setting(0.5, "least precision of the pseudo-labels on the held-out images (IoU 0.5)")
    guard_action: Literal["lower", "stop"] = setting(
        "lower", "below it: lower (halve the weight of pseudo-labels at each evaluation) or stop (end the phase)"
    )
    rpn_loss_cls_weight: Weight = setting(1.0, "labelled: RPN objectness", weight_of="rpn_cls_loss")
    rpn_loss_reg_weight: Weight = setting(1.0, "labelled: RPN boxes", weight_of="rpn_reg_loss")
    rcnn_loss_cls_weight: Weight = setting(1.0, "labelled: classes", weight_of="rcnn_cls_loss")
    rcnn_loss_reg_weight: Weight = setting(1.0, "labelled: boxes", weight_of="rcnn_reg_loss")
    rcnn_loss_mask_fb_weight: Weight = setting(1.0, "labelled: masks", weight_of="rcnn_mask_loss")
    rpn_pseudo_cls_weight: Weight = setting(1.0, "pseudo-labels: RPN objectness", pseudo_weight_of="rpn_cls_loss")
    rpn_pseudo_reg_weight: Weight = setting(
        0.0,
        "pseudo-labels: RPN boxes (0: Unbiased Teacher; 1: the model zoo's recipe)",
        pseudo_weight_of="rpn_reg_loss",
    )
    rcnn_pseudo_cls_weight: Weight = setting(1.0, "pseudo-labels: classes", pseudo_weight_of="rcnn_cls_loss")
    rcnn_pseudo_reg_weight: Weight = setting(
        0.0, "pseudo-labels: boxes (0: Unbiased Teacher; 1: the model zoo's recipe)", pseudo_weight_of="rcnn_reg_loss"
    )
    rcnn_pseudo_mask_weight: Weight = setting(1.0, "pseudo-labels: masks", pseudo_weight_of="rcnn_mask_loss")
    ssd_loss_cls_weight: Weight = setting(1.0, "labelled: SSD classes", weight_of="ssd_cls_loss")
    ssd_loss_reg_weight: Weight = setting(1.0, "labelled: SSD boxes", weight_of="ssd_reg_loss")
    ssd_pseudo_cls_weight: Weight = setting(1.0, "pseudo-labels: SSD classes", pseudo_weight_of="ssd_cls_loss")
    ssd_pseudo_reg_weight: Weight = setting(0.0, "pseudo-labels: SSD boxes", pseudo_weight_of="ssd_reg_loss")
