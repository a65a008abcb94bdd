"""Settings of the detectors: backbone, RPN, heads, SSD, post-processing."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from src.config.setting import Count, Positive, Share, Weight, detector_setting
from src.parts.backbones.table import BACKBONES


@dataclass(frozen=True)
class NetworkSettings:
    """The detector; all of these settings are restored from a checkpoint."""

    system: Literal["faster_rcnn", "mask_rcnn", "ssd"] = detector_setting(
        "faster_rcnn", "the detector: faster_rcnn, mask_rcnn (boxes and masks) or ssd"
    )
    backbone: Literal[*BACKBONES] = detector_setting("resnet_v1.5_50", ", ".join(BACKBONES))
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = detector_setting(
        2, "frozen parts of the backbone: 0 none, 1 stem, 2 stem and C2, ... 5 all"
    )
    frozen_batch_norm: bool = detector_setting(
        True, "batch norm keeps the loaded statistics; false: they are updated (training from scratch)"
    )
    fpn_out_channels: Count = detector_setting(256, "channels of the feature pyramid and the RPN")
    anchor_scales: tuple[Positive, ...] = detector_setting(
        (8,), "anchor side length in multiples of the level's stride (4, 8, 16, 32, 64 pixels)"
    )
    anchor_ratios: tuple[Positive, ...] = detector_setting((0.5, 1.0, 2.0), "height / width of anchors")
    anchor_rule: Literal["centred", "torchvision"] = detector_setting(
        "centred",
        "centred: anchors around the centre of a cell; torchvision: around its top left corner, in whole pixels",
    )
    anchors_inside_only: bool = detector_setting(
        True,
        "anchors that cross the border of the input are ignored in training (Ren et al. 2015, section 3.3)",
    )
    black_is_padding: bool = detector_setting(
        False,
        (
            "fill the padding with the mean colour and clip boxes to the image; an exported model takes black rows "
            "and columns at the bottom and right for padding"
        ),
    )
    pos_iou_thr: Share = detector_setting(0.7, "RPN: minimum IoU of a positive anchor")
    neg_iou_thr: Share = detector_setting(0.3, "RPN: IoU below which an anchor is negative")
    min_pos_iou: Share = detector_setting(
        0.3, "RPN: minimum IoU at which the best anchor of an object is positive (low-quality match)"
    )
    num_expected_rpn: Count = detector_setting(256, "RPN: anchors sampled per image")
    num_expected_pos: Count = detector_setting(128, "RPN: maximum number of positives among them")
    pos_iou_thr_stage2: Share = detector_setting(0.5, "box head: minimum IoU of a positive proposal")
    neg_iou_thr_stage2: Share = detector_setting(0.5, "box head: IoU below which a proposal is negative")
    num_expected_total_stage2: Count = detector_setting(512, "box head: RoIs sampled per image")
    num_expected_pos_stage2: Count = detector_setting(128, "box head: maximum number of positives among them")
    rcnn_focal_gamma: Weight = detector_setting(
        1.5, "box head: gamma of the focal classification loss; 0: cross-entropy"
    )
    rpn_proposal_nms_pre: Count = detector_setting(2000, "training: top-scoring anchors per level, before NMS")
    rpn_proposal_max_num: Count = detector_setting(2000, "training: proposals per image, after NMS")
    rpn_proposal_nms_thr: Share = detector_setting(0.7, "training: IoU threshold of NMS on proposals")
    rpn_nms_pre: Count = detector_setting(1000, "detection: top-scoring anchors per level, before NMS")
    rpn_max_num: Count = detector_setting(1000, "detection: proposals per image, after NMS")
    rpn_nms_thr: Share = detector_setting(0.7, "detection: IoU threshold of NMS on proposals")
    roi_out_size: Count = detector_setting(7, "RoIAlign: output cells per side")
    roi_sample_num: Count = detector_setting(2, "RoIAlign: sampling points per cell and side")
    roi_finest_scale: Positive = detector_setting(
        56, "RoIAlign: RoIs with a side of up to twice this (pixels) are pooled from the finest level"
    )
    rcnn_fc_out_channels: Count = detector_setting(1024, "width of the two fully connected layers of the box head")
    mask_out_size: Count = detector_setting(
        14, "mask head: output cells per side of its RoIAlign; masks have twice as many"
    )
    rcnn_mask_out_channels: Count = detector_setting(256, "mask head: channels of its convolutions")
    mask_thr_binary: Annotated[float, Field(gt=0, lt=1)] = detector_setting(
        0.5, "mask probability above which a pixel belongs to the object"
    )
    mask_pasting: Literal["exact", "torchvision"] = detector_setting(
        "exact",
        "how masks are pasted into the image: exact, or torchvision (half a pixel wider, for its weights)",
    )
    gt_mask_size: Count = detector_setting(56, "cells per side of a ground-truth mask over its box")
    ssd_extras_out_channels: tuple[Annotated[int, Field(ge=2, multiple_of=2)], ...] = detector_setting(
        (512, 512, 256, 256, 256), "SSD: channels of each extra feature map after the backbone's"
    )
    ssd_aspect_ratios: tuple[tuple[Positive, ...], ...] = detector_setting(
        ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
        "SSD: aspect ratios of default boxes per feature map; their reciprocals and two squares are added",
    )
    ssd_min_scale: Positive = detector_setting(
        0.2, "SSD: scale of the default boxes of the first feature map, as a share of the input"
    )
    ssd_max_scale: Positive = detector_setting(
        0.95, "SSD: scale of the default boxes of the last feature map, as a share of the input"
    )
    ssd_match_threshold: Share = detector_setting(
        0.5, "SSD: minimum IoU of a matched default box; the best default box of an object is always matched"
    )
    ssd_loss: Literal["focal", "hard_negative"] = detector_setting(
        "focal", "SSD: focal (sigmoid, all default boxes) or hard_negative (softmax with hard negative mining)"
    )
    ssd_focal_gamma: Weight = detector_setting(2.0, "SSD: gamma of the focal loss")
    ssd_focal_alpha: Share = detector_setting(
        0.75, "SSD: alpha of the focal loss, the weight of positives; negatives have 1 - alpha"
    )
    ssd_negative_ratio: Positive = detector_setting(
        3.0, "SSD: ratio of negatives to positives, for ssd_loss hard_negative"
    )
    test_score_thr: Share = detector_setting(0.05, "score threshold of detections")
    test_nms_pre: Count = detector_setting(1000, "detection: top-scoring pairs of box and class per image, before NMS")
    test_iou_thr: Share = detector_setting(0.5, "detection: IoU threshold of NMS, per class")
    test_max_per_img: Count = detector_setting(100, "detections per image, after NMS")
