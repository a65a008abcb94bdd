"""Settings of the detectors: backbone, RPN, heads, SSD, post-processing."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from src.config.setting import Count, Positive, Share, Weight, detector_setting
from src.parts.backbones import BACKBONES


@dataclass(frozen=True)
class NetworkSettings:
    """The detector; all of them are restored from a checkpoint."""

    system: Literal["faster_rcnn", "mask_rcnn", "ssd"] = detector_setting(
        "faster_rcnn", "the detector: faster_rcnn, mask_rcnn (boxes and masks) or ssd"
    )
    backbone: Literal[*BACKBONES] = detector_setting("resnet_v1.5_50", ", ".join(BACKBONES))
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = detector_setting(
        2, "parts of the backbone that are not trained: 0 none, 1 stem, 2 stem and C2, ... 5 all"
    )
    frozen_batch_norm: bool = detector_setting(
        True, "batch norm keeps its loaded statistics; false updates them (training from scratch)"
    )
    fpn_out_channels: Count = detector_setting(256, "channels of the feature pyramid and the RPN")
    anchor_scales: tuple[Positive, ...] = detector_setting(
        (8,), "side of an anchor in strides (4, 8, 16, 32, 64 pixels)"
    )
    anchor_ratios: tuple[Positive, ...] = detector_setting((0.5, 1.0, 2.0), "height / width of anchors")
    anchor_rule: Literal["centred", "torchvision"] = detector_setting(
        "centred",
        "centred: anchors around the middle of a cell; torchvision: in whole pixels around its upper left corner",
    )
    anchors_inside_only: bool = detector_setting(
        True,
        "anchors that cross the border of the input are neither matched nor trained on (Ren et al. 2015, section 3.3)",
    )
    black_is_padding: bool = detector_setting(
        False,
        (
            "padding at the bottom and at the right becomes the mean colour, and boxes are clipped to the image; an "
            "exported model takes black edges for padding"
        ),
    )
    pos_iou_thr: Share = detector_setting(0.7, "RPN: IoU from which an anchor is positive")
    neg_iou_thr: Share = detector_setting(0.3, "RPN: IoU below which an anchor is negative")
    min_pos_iou: Share = detector_setting(
        0.3, "RPN: least IoU at which the best anchor of an object is positive all the same"
    )
    num_expected_rpn: Count = detector_setting(256, "RPN: anchors sampled per image")
    num_expected_pos: Count = detector_setting(128, "RPN: positives among them, at most")
    pos_iou_thr_stage2: Share = detector_setting(0.5, "box head: IoU from which a proposal is positive")
    neg_iou_thr_stage2: Share = detector_setting(0.5, "box head: IoU below which a proposal is negative")
    num_expected_total_stage2: Count = detector_setting(512, "box head: RoIs sampled per image")
    num_expected_pos_stage2: Count = detector_setting(128, "box head: positives among them, at most")
    rcnn_focal_gamma: Weight = detector_setting(1.5, "box head: exponent of the focal class loss; 0 is cross-entropy")
    rpn_proposal_nms_pre: Count = detector_setting(2000, "training: anchors per level that are decoded, before NMS")
    rpn_proposal_max_num: Count = detector_setting(2000, "training: proposals per image, after NMS")
    rpn_proposal_nms_thr: Share = detector_setting(0.7, "training: IoU threshold of the NMS of proposals")
    rpn_nms_pre: Count = detector_setting(1000, "detection: anchors per level that are decoded, before NMS")
    rpn_max_num: Count = detector_setting(1000, "detection: proposals per image, after NMS")
    rpn_nms_thr: Share = detector_setting(0.7, "detection: IoU threshold of the NMS of proposals")
    roi_out_size: Count = detector_setting(7, "RoIAlign: output cells per side")
    roi_sample_num: Count = detector_setting(2, "RoIAlign: sampling points per cell and side")
    roi_finest_scale: Positive = detector_setting(
        56, "RoIAlign: RoIs of up to twice this side (pixels) are pooled from the finest level"
    )
    rcnn_fc_out_channels: Count = detector_setting(1024, "width of the two dense layers of the box head")
    mask_out_size: Count = detector_setting(14, "mask head: cells per side of its RoIAlign; a mask has twice as many")
    rcnn_mask_out_channels: Count = detector_setting(256, "mask head: channels of its convolutions")
    mask_thr_binary: Annotated[float, Field(gt=0, lt=1)] = detector_setting(
        0.5, "a pixel is inside the object where the probability of its mask is greater"
    )
    mask_pasting: Literal["exact", "torchvision"] = detector_setting(
        "exact",
        "how masks become pixels of the image: exact, or torchvision (half a pixel wider, for weights from there)",
    )
    gt_mask_size: Count = detector_setting(56, "cells per side of a ground-truth mask, in the box of its object")
    ssd_extras_out_channels: tuple[Annotated[int, Field(ge=2, multiple_of=2)], ...] = detector_setting(
        (512, 512, 256, 256, 256), "SSD: channels of each extra feature map behind the backbone's"
    )
    ssd_aspect_ratios: tuple[tuple[Positive, ...], ...] = detector_setting(
        ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
        "SSD: aspect ratios of the default boxes of each feature map, each upright too, beside two squares",
    )
    ssd_min_scale: Positive = detector_setting(
        0.2, "SSD: scale of the default boxes of the first feature map, as a share of the input"
    )
    ssd_max_scale: Positive = detector_setting(
        0.95, "SSD: scale of the default boxes of the last feature map, as a share of the input"
    )
    ssd_match_threshold: Share = detector_setting(
        0.5, "SSD: IoU from which a default box is matched to an object; the best default box of an object always is"
    )
    ssd_loss: Literal["focal", "hard_negative"] = detector_setting(
        "focal", "SSD: focal (sigmoid, all default boxes) or hard_negative (softmax with hard negative mining)"
    )
    ssd_focal_gamma: Weight = detector_setting(2.0, "SSD: exponent of the focal class loss")
    ssd_focal_alpha: Share = detector_setting(
        0.75, "SSD: weight of positives in the focal loss; negatives have 1 - alpha"
    )
    ssd_negative_ratio: Positive = detector_setting(3.0, "SSD: hard negatives per positive, of hard_negative")
    test_score_thr: Share = detector_setting(0.05, "score threshold of detections")
    test_nms_pre: Count = detector_setting(1000, "detection: candidates per image, pairs of box and class, before NMS")
    test_iou_thr: Share = detector_setting(0.5, "detection: IoU threshold of NMS, class by class")
    test_max_per_img: Count = detector_setting(100, "detections per image, after NMS")
