"""Builds networks; the only module that reads the settings of a network."""

from mindspore import dtype as mstype
from mindspore import nn

from src.config.load import Config
from src.config.schema import PSEUDO_WEIGHT_KEYS, WEIGHT_KEYS
from src.FasterRcnn.faster_rcnn import BoxHeadConfig, FasterRcnn, RpnConfig
from src.FasterRcnn.proposals import ProposalConfig
from src.FasterRcnn.roi_align import RoiAlignConfig
from src.MaskRcnn.mask_rcnn import MaskHeadConfig, MaskRcnn
from src.parts.anchors import AnchorConfig
from src.parts.backbones.convolution import use_native_kernels
from src.parts.backbones.image_features import ImageFeatures
from src.parts.backbones.resnet import ResNet
from src.parts.detections import DetectionConfig
from src.parts.matcher import MatchThresholds
from src.parts.pixels import InputConfig
from src.parts.sampler import SamplingConfig
from src.Ssd.default_boxes import DefaultBoxConfig
from src.Ssd.loss import SsdLossConfig
from src.Ssd.ssd import Ssd


def build_network(config: Config, class_count: int, mixed_precision: bool = False, portable: bool = False) -> nn.Cell:
    """A detector with random weights.

    Args:
        class_count: number of classes without background.
        mixed_precision: compute in float16, keep weights in float32.
        portable: use only MindSpore operators, which can be exported; otherwise also C++ kernels on a CPU.
    """
    native_kernels = not portable and not mixed_precision and config.device_target == "CPU"
    network = _BUILDERS[config.system](config, class_count + 1, native_kernels)
    if native_kernels:
        use_native_kernels(network)
    if mixed_precision:
        _compute_in_float16(network)
    return network


def build_image_features(config: Config) -> ImageFeatures:
    """The backbone alone, for features of whole images."""
    backbone = ResNet(config.backbone, config.frozen_stages, config.frozen_batch_norm)
    return ImageFeatures(backbone, _input(config), stride=32)


def _compute_in_float16(network: nn.Cell) -> None:
    """Set all layers with weights to float16; boxes, targets and losses stay in float32."""
    for part in network.cells():
        if list(part.get_parameters()):
            part.to_float(mstype.float16)
        for _, cell in part.cells_and_names():
            # Float16 is not precise enough for moving statistics, and a float16 copy of them would get the updates.
            if isinstance(cell, nn.BatchNorm2d):
                cell.to_float(mstype.float32)


def loss_weights(config: Config) -> tuple[dict[str, float], dict[str, float]]:
    """Loss weights by loss term, in the order of the network: for labelled and for pseudo-labelled images."""
    terms = _DETECTORS[config.system].loss_terms
    labelled = {term: getattr(config, WEIGHT_KEYS[term]) for term in terms}
    return labelled, {term: getattr(config, PSEUDO_WEIGHT_KEYS[term]) for term in terms}


def _faster_rcnn(config: Config, class_count: int, native_kernels: bool) -> FasterRcnn:
    return FasterRcnn(class_count=class_count, **_two_stages(config, native_kernels))


def _mask_rcnn(config: Config, class_count: int, native_kernels: bool) -> MaskRcnn:
    mask_head = MaskHeadConfig(config.mask_out_size, config.rcnn_mask_out_channels)
    return MaskRcnn(mask_head, class_count, **_two_stages(config, native_kernels))


def _two_stages(config: Config, native_kernels: bool) -> dict:
    """Arguments shared by Faster R-CNN and Mask R-CNN."""
    rpn = RpnConfig(
        anchors=AnchorConfig(
            config.anchor_scales, config.anchor_ratios, config.anchor_rule, config.anchors_inside_only
        ),
        sampling=SamplingConfig(
            MatchThresholds(config.pos_iou_thr, config.neg_iou_thr, config.min_pos_iou),
            size=config.num_expected_rpn,
            max_positive=config.num_expected_pos,
        ),
        train_proposals=ProposalConfig(
            config.rpn_proposal_nms_pre, config.rpn_proposal_max_num, config.rpn_proposal_nms_thr
        ),
        test_proposals=ProposalConfig(config.rpn_nms_pre, config.rpn_max_num, config.rpn_nms_thr),
    )
    box_head = BoxHeadConfig(
        roi_align=RoiAlignConfig(config.roi_out_size, config.roi_sample_num, config.roi_finest_scale, native_kernels),
        hidden=config.rcnn_fc_out_channels,
        sampling=SamplingConfig(
            # No low-quality matches: a proposal that overlaps no object well is background.
            MatchThresholds(config.pos_iou_thr_stage2, config.neg_iou_thr_stage2, config.pos_iou_thr_stage2),
            size=config.num_expected_total_stage2,
            max_positive=config.num_expected_pos_stage2,
        ),
        max_gts=config.num_gts,
        focal_gamma=config.rcnn_focal_gamma,
    )
    return {
        "backbone": ResNet(config.backbone, config.frozen_stages, config.frozen_batch_norm),
        "input_config": _input(config),
        "channels": config.fpn_out_channels,
        "rpn": rpn,
        "box_head": box_head,
        "detection": _detection(config),
    }


def _ssd(config: Config, class_count: int, native_kernels: bool) -> Ssd:
    """native_kernels is not used: SSD has native kernels only for convolutions, which `build_network` sets."""
    return Ssd(
        backbone=ResNet(config.backbone, config.frozen_stages, config.frozen_batch_norm, stages=3, last_stride=1),
        class_count=class_count,
        input_config=_input(config),
        extra_channels=config.ssd_extras_out_channels,
        default_box=DefaultBoxConfig(config.ssd_aspect_ratios, config.ssd_min_scale, config.ssd_max_scale),
        loss=SsdLossConfig(
            # The best default box of an object is positive at any IoU.
            MatchThresholds(config.ssd_match_threshold, config.ssd_match_threshold, low_quality=0.0),
            kind=config.ssd_loss,
            focal_gamma=config.ssd_focal_gamma,
            focal_alpha=config.ssd_focal_alpha,
            negative_ratio=config.ssd_negative_ratio,
        ),
        detection=_detection(config),
    )


def _input(config: Config) -> InputConfig:
    return InputConfig(config.img_height, config.img_width, config.black_is_padding)


def _detection(config: Config) -> DetectionConfig:
    return DetectionConfig(
        score_threshold=config.test_score_thr,
        nms_iou=config.test_iou_thr,
        count=config.test_max_per_img,
        candidates=config.test_nms_pre,
    )


_DETECTORS = {"faster_rcnn": FasterRcnn, "mask_rcnn": MaskRcnn, "ssd": Ssd}
_BUILDERS = {"faster_rcnn": _faster_rcnn, "mask_rcnn": _mask_rcnn, "ssd": _ssd}
