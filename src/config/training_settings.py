"""Settings of training: optimization, and teacher and pseudo-labels."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from src.config.setting import Count, Hours, OptionalPath, Positive, Share, Weight, Whole, free_setting, setting


@dataclass(frozen=True)
class TrainingSettings:
    """Length, batches, optimizer and learning rate."""

    pre_trained: OptionalPath = free_setting(
        None, "weights to start from: .ckpt or .npz; convert others with python -m src.convert_checkpoint"
    )
    global_seed: Whole = setting(10, "random seed of image order, augmentation and sampling")
    batch_size: Count = setting(
        2,
        (
            "labelled images per batch and device, each in two views (see strong_view); export.py: batch size of "
            "the model, there 1 by default"
        ),
    )
    unlabelled_batch_size: Count = setting(2, "unlabelled images per batch and device")
    accumulate_steps: Count = setting(
        1, "gradient accumulation steps: batches whose gradients are averaged in one step"
    )
    strong_view: bool = setting(
        True,
        (
            "train on a strong and a weak view of labelled images; false: on the weak view alone, as usual in "
            "supervised training"
        ),
    )
    max_iter: Count = setting(20000, "steps of the run")
    max_epoch: Count | None = setting(
        None, "epochs of the run (passes over the labelled images), instead of max_iter", instead_of="max_iter"
    )
    hours: Hours | None = free_setting(
        None,
        (
            "hours that the run may take, evaluations included: the recipe (--config_path auto) plans with them, and a run that "
            "will take longer says so before it starts; null: the recipe plans with 3"
        ),
    )
    burn_up_iter: Whole = setting(
        3000, "steps of burn-in before the teacher starts; equal to max_iter: plain supervised training"
    )
    burn_up_epoch: Whole | None = setting(None, "epochs of burn-in, instead of burn_up_iter", instead_of="burn_up_iter")
    opt_type: Literal["momentum", "sgd", "adam", "adamw"] = setting(
        "momentum",
        "momentum (SGD with velocity), sgd (without), adam, adamw (no weight decay of biases and batch norm)",
    )
    base_lr: Positive = setting(0.005, "learning rate after warm-up")
    lr_reference_batch: Count | None = setting(
        None,
        (
            "labelled images per step, over all devices, that base_lr is for: linear scaling of the learning rate "
            "to the actual number (Goyal et al. 2017); null: no scaling"
        ),
    )
    lr_schedule: Literal["multistep", "step", "cosine"] = setting(
        "multistep",
        (
            "multistep (times gamma at each milestone), step (at each multiple of lr_step_size) or cosine (down to 0 at "
            "the end)"
        ),
    )
    milestones: tuple[Count, ...] = setting((), "steps at which the learning rate drops")
    milestone_epochs: tuple[Count, ...] = setting(
        (), "epochs at which the learning rate drops, instead of milestones", instead_of="milestones"
    )
    lr_step_size: Count | None = setting(None, "steps between two drops of the learning rate, for lr_schedule step")
    gamma: Positive = setting(0.1, "factor of the learning rate at a drop")
    warmup_step: Whole = setting(500, "steps of linear warm-up")
    warmup_ratio: Share = setting(0.0625, "learning rate at step 0 as a share of base_lr")
    momentum: Annotated[float, Field(ge=0, lt=1)] = setting(0.9, "momentum coefficient of opt_type momentum")
    weight_decay: Weight = setting(0.0001, "weight decay coefficient")
    clip_norm: Positive = setting(5.0, "gradient clipping: maximum L2 norm")
    clip_by: Literal["each", "all"] = setting(
        "each", "gradient clipping: each (norm of every parameter's gradient by itself) or all (global norm)"
    )
    max_skipped_steps: Count = free_setting(
        50,
        (
            "stop the run after more than this number of steps in a row with non-finite losses or gradients "
            "(checked at log lines)"
        ),
    )
    loss_scale: Positive = setting(65536, "initial loss scale of mixed precision")
    loss_scale_window: Count = setting(500, "steps in a row with finite gradients after which the loss scale doubles")


@dataclass(frozen=True)
class TeacherSettings:
    """The teacher, pseudo-labels, and the weight of every loss term."""

    ema_keep_rate: Share = setting(
        0.9996, "EMA decay of the teacher per step; it averages over about 1 / (1 - decay) steps"
    )
    ema_ramp: bool = setting(
        True, "ramp up the EMA decay from 0, so that the teacher follows the student in short runs too"
    )
    supervised_ema: bool = setting(
        False,
        (
            "keep an EMA of the student in burn-in and in supervised runs too; it is evaluated as well, under the "
            "name average"
        ),
    )
    teacher_start: Literal["student", "average"] = setting(
        "student",
        (
            "initial weights of the teacher after burn-in: student (a copy of it) or average (the EMA of burn-in, "
            "needs supervised_ema)"
        ),
    )
    bbox_threshold: Share = setting(0.7, "score threshold of pseudo-labels")
    bbox_ignore_threshold: Share | None = setting(
        None, "detections with scores from this one to bbox_threshold become ignore regions; null: background"
    )
    pseudo_label_thresholds: Literal["fixed", "label_prior"] = setting(
        "fixed",
        (
            "score thresholds of pseudo-labels: fixed (the two above) or label_prior (one per class and one of its ignore regions, so "
            "that every class gets as many pseudo-labels as labelled images let expect; LabelMatch)"
        ),
    )
    label_prior_share: Annotated[float, Field(gt=0, le=1)] = setting(
        0.4,
        "share of the expected objects of a class that become pseudo-labels; the others become ignore regions (0.2: LabelMatch)",
        outside_graph=True,
    )
    label_prior_interval_iter: Count = setting(
        500, "steps between two estimates of the thresholds of label_prior", outside_graph=True
    )
    sup_loss_weight: Weight = setting(
        1.0,
        "weight of the supervised losses, averaged over both views (Unbiased Teacher); 2.0: summed (model zoo)",
    )
    unsup_loss_weight: Weight = setting(
        4.0, "weight of the unsupervised losses, averaged over images (4.0: Unbiased Teacher)"
    )
    unsup_ramp_iter: Whole = setting(0, "steps of linear ramp-up of unsup_loss_weight from 0")
    guard_share: Annotated[float, Field(ge=0, lt=1)] = setting(
        0.0, "share of labelled images held out to measure pseudo-labels (unlabelled in training); 0: none"
    )
    guard_precision: Share = setting(0.5, "minimum precision of pseudo-labels on the held-out images (IoU 0.5)")
    guard_action: Literal["lower", "stop"] = setting(
        "lower", "action below guard_precision: lower (halve the weight of unsupervised losses) or stop (end the run)"
    )
    rpn_loss_cls_weight: Weight = setting(1.0, "labelled images: RPN objectness loss", weight_of="rpn_cls_loss")
    rpn_loss_reg_weight: Weight = setting(1.0, "labelled images: RPN box regression loss", weight_of="rpn_reg_loss")
    rcnn_loss_cls_weight: Weight = setting(
        1.0, "labelled images: box head classification loss", weight_of="rcnn_cls_loss"
    )
    rcnn_loss_reg_weight: Weight = setting(1.0, "labelled images: box head regression loss", weight_of="rcnn_reg_loss")
    rcnn_loss_mask_fb_weight: Weight = setting(1.0, "labelled images: mask loss", weight_of="rcnn_mask_loss")
    rpn_pseudo_cls_weight: Weight = setting(1.0, "pseudo-labels: RPN objectness loss", pseudo_weight_of="rpn_cls_loss")
    rpn_pseudo_reg_weight: Weight = setting(
        0.0,
        "pseudo-labels: RPN box regression loss (0: Unbiased Teacher; 1: the model zoo's recipe)",
        pseudo_weight_of="rpn_reg_loss",
    )
    rcnn_pseudo_cls_weight: Weight = setting(
        1.0, "pseudo-labels: box head classification loss", pseudo_weight_of="rcnn_cls_loss"
    )
    rcnn_pseudo_reg_weight: Weight = setting(
        0.0,
        "pseudo-labels: box head regression loss (0: Unbiased Teacher; 1: the model zoo's recipe)",
        pseudo_weight_of="rcnn_reg_loss",
    )
    rcnn_pseudo_mask_weight: Weight = setting(1.0, "pseudo-labels: mask loss", pseudo_weight_of="rcnn_mask_loss")
    ssd_loss_cls_weight: Weight = setting(1.0, "labelled images: SSD classification loss", weight_of="ssd_cls_loss")
    ssd_loss_reg_weight: Weight = setting(1.0, "labelled images: SSD box regression loss", weight_of="ssd_reg_loss")
    ssd_pseudo_cls_weight: Weight = setting(
        1.0, "pseudo-labels: SSD classification loss", pseudo_weight_of="ssd_cls_loss"
    )
    ssd_pseudo_reg_weight: Weight = setting(
        0.0, "pseudo-labels: SSD box regression loss", pseudo_weight_of="ssd_reg_loss"
    )
