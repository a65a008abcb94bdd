"""The only reader of a network's configuration: from a name to a network."""

from mindspore import dtype as mstype
from mindspore import nn

from src.config.load import Config
from src.config.schema import PSEUDO_WEIGHT_KEYS, WEIGHT_KEYS
from src.FasterRcnn.faster_rcnn import FasterRcnn
from src.FasterRcnn.proposals import ProposalLimits
from src.FasterRcnn.rcnn import RoiTargets
from src.FasterRcnn.rpn import RpnTargets
from src.MaskRcnn.mask_rcnn import MaskRcnn
from src.parts.convolution import use_native_kernels
from src.parts.detections import DetectionLimits
from src.parts.resnet import ResNet
from src.Ssd.loss import SsdTargets
from src.Ssd.ssd import Ssd


def build_network(config: Config, class_count: int, mixed_precision: bool = False, portable: bool = False) -> nn.Cell:
    """A detector with fresh weights.

    Args:
        class_count: number of classes without background.
        mixed_precision: compute in float16, keep weights in float32.
        portable: use operators only that can be exported; else, on a CPU, also C++ kernels.
    """
    native_kernels = not portable and not mixed_precision and config.device_target == "CPU"
    network = _BUILDERS[config.system](config, class_count + 1, native_kernels)
    if native_kernels:
        use_native_kernels(network)
    if mixed_precision:
        _compute_in_float16(network)
    return network


def _compute_in_float16(network: nn.Cell) -> None:
    """All layers with weights; boxes, targets and losses stay in float32."""
    for part in network.cells():
        if list(part.get_parameters()):
            part.to_float(mstype.float16)
        for _, cell in part.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):  # statistics are too fine for float16, and must not move in a copy
                cell.to_float(mstype.float32)


def loss_weights(config: Config) -> tuple[dict[str, float], dict[str, float]]:
    """Weight of each loss term of the network, by its name and in its order: of labelled images, and of pseudo-labelled ones."""
    terms = _DETECTORS[config.system].loss_terms
    labelled = {term: getattr(config, WEIGHT_KEYS[term]) for term in terms}
    return labelled, {term: getattr(config, PSEUDO_WEIGHT_KEYS[term]) for term in terms}


def _faster_rcnn(config: Config, class_count: int, native_kernels: bool) -> FasterRcnn:
    return _two_stages(FasterRcnn, config, class_count, native_kernels)


def _mask_rcnn(config: Config, class_count: int, native_kernels: bool) -> FasterRcnn:
    sizes = {"mask_pooled_size": config.mask_out_size, "mask_channels": config.rcnn_mask_out_channels}
    return _two_stages(MaskRcnn, config, class_count, native_kernels, **sizes)


def _two_stages(
    kind: type[FasterRcnn], config: Config, class_count: int, native_kernels: bool, **more: int
) -> FasterRcnn:
    """Faster R-CNN, or what is built on it and takes `more`."""
    return kind(
        backbone=ResNet(config.backbone, config.frozen_stages, config.frozen_batch_norm),
        class_count=class_count,
        height=config.img_height,
        width=config.img_width,
        channels=config.fpn_out_channels,
        hidden=config.rcnn_fc_out_channels,
        anchor_scales=config.anchor_scales,
        anchor_ratios=config.anchor_ratios,
        anchor_rule=config.anchor_rule,
        anchors_inside_only=config.anchors_inside_only,
        black_is_padding=config.black_is_padding,
        max_gts=config.num_gts,
        pooled_size=config.roi_out_size,
        sampling=config.roi_sample_num,
        finest_scale=config.roi_finest_scale,
        rpn_targets=RpnTargets(
            config.pos_iou_thr,
            config.neg_iou_thr,
            config.min_pos_iou,
            config.num_expected_rpn,
            config.num_expected_pos,
        ),
        roi_targets=RoiTargets(
            config.pos_iou_thr_stage2,
            config.neg_iou_thr_stage2,
            config.num_expected_total_stage2,
            config.num_expected_pos_stage2,
            config.rcnn_focal_gamma,
        ),
        train_proposals=ProposalLimits(
            config.rpn_proposal_nms_pre, config.rpn_proposal_max_num, config.rpn_proposal_nms_thr
        ),
        test_proposals=ProposalLimits(config.rpn_nms_pre, config.rpn_max_num, config.rpn_nms_thr),
        detections=_limits(config),
        native_kernels=native_kernels,
        **more,
    )


def _ssd(config: Config, class_count: int, native_kernels: bool) -> Ssd:
    """It has no kernels of its own: `native_kernels` reach its convolutions alone."""
    return Ssd(
        backbone=ResNet(config.backbone, config.frozen_stages, config.frozen_batch_norm, stages=3, last_stride=1),
        class_count=class_count,
        height=config.img_height,
        width=config.img_width,
        extra_channels=config.ssd_extras_out_channels,
        ratios=config.ssd_aspect_ratios,
        smallest=config.ssd_min_scale,
        largest=config.ssd_max_scale,
        targets=SsdTargets(
            config.ssd_match_threshold,
            config.ssd_loss,
            config.ssd_focal_gamma,
            config.ssd_focal_alpha,
            config.ssd_negative_ratio,
        ),
        limits=_limits(config),
        black_is_padding=config.black_is_padding,
    )


def _limits(config: Config) -> DetectionLimits:
    return DetectionLimits(config.test_score_thr, config.test_iou_thr, config.test_max_per_img, config.test_nms_pre)


_DETECTORS = {"faster_rcnn": FasterRcnn, "mask_rcnn": MaskRcnn, "ssd": Ssd}
_BUILDERS = {"faster_rcnn": _faster_rcnn, "mask_rcnn": _mask_rcnn, "ssd": _ssd}
