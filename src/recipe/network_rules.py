"""Rules of the network: which detector, what it starts from, what of it is trained, how wide it is."""

from src.recipe.choice import Choice, Rule, Settings, Situation

SMALL_MACHINE = 8  # cores; with as many or fewer the network is the small one of the plans in docs/EVIDENCE.md
CROWDED = 30  # objects in one image, from which more proposals are needed

# Weights of a detector fit these settings alone.
OF_A_DETECTOR = (
    *("system", "backbone", "fpn_out_channels", "rcnn_fc_out_channels", "roi_out_size", "roi_sample_num"),
    *("anchor_scales", "anchor_ratios", "anchor_rule", "anchors_inside_only", "roi_finest_scale", "black_is_padding"),
    *("rcnn_mask_out_channels", "mask_out_size", "ssd_extras_out_channels", "ssd_aspect_ratios"),
    *("ssd_min_scale", "ssd_max_scale", "ssd_loss"),
)


def start(situation: Situation, now: Settings) -> list[Choice]:
    """What the weights of a detector fix: its network and its anchors."""
    settings = situation.weights.settings
    reason = "as the detector of pre_trained has it, from which training starts"
    own = {"roi_finest_scale"} if settings.get("system") == "ssd" else {"ssd_min_scale", "ssd_max_scale", "ssd_loss"}
    return [Choice(key, settings[key], reason) for key in OF_A_DETECTOR if key in settings and key not in own]


def kept_by_weights(rule: Rule) -> Rule:
    """A rule that chooses nothing which the weights of a detector fix."""

    def kept(situation: Situation, now: Settings) -> list[Choice]:
        fixed = situation.weights.settings.keys() & set(OF_A_DETECTOR)
        return [choice for choice in rule(situation, now) if choice.key not in fixed]

    return kept


def detector(situation: Situation, now: Settings) -> list[Choice]:
    """Detector and backbone."""
    weights = situation.weights
    reason = "AP 0.278 on face masks in 35 minutes, SSD 0.223 in 27 (docs/RESULTS.md)"
    if weights.backbone:
        why = "what pre_trained holds"
    elif weights.path:
        why = "pre_trained names no ResNet that is known here"
    else:
        why = "no weights to start from, so the smallest; with pre_trained weights a detector gets far more out of few labels"
    backbone = weights.backbone or ("resnet_v1.5_50" if weights.path else "resnet_v1_10")
    return [Choice("system", "faster_rcnn", reason), Choice("backbone", backbone, why)]


def frozen_parts(situation: Situation, now: Settings) -> list[Choice]:
    """What stays as it was loaded."""
    if situation.weights.path is None:
        reason = "there are no weights that could stay as they are"
        return [Choice("frozen_stages", 0, reason), Choice("frozen_batch_norm", False, reason)]
    if situation.weights.settings and situation.data.labelled < 20:
        stages, why = (
            3,
            "a detector, and fewer than 20 labelled images: C3 stays too (after Wang et al. 2020; not measured)",
        )
    else:
        stages, why = 2, "stem and C2 stay as loaded, as in detectron2, torchvision and all runs of docs/RESULTS.md"
    still = "batches of few images have no statistics worth having (He et al. 2016, appendix A)"
    return [Choice("frozen_stages", stages, why), Choice("frozen_batch_norm", True, still)]


def widths(situation: Situation, now: Settings) -> list[Choice]:
    """Channels and RoIs."""
    if now["system"] == "ssd":
        return []
    small = situation.machine.device == "CPU" and situation.machine.cores <= SMALL_MACHINE
    crowded = situation.data.most_rows > CROWDED
    most = f"the fullest labelled image has {situation.data.most_rows} objects"
    choices = []
    if small:
        cores = f"{situation.machine.counted_cores}: the small network of docs/EVIDENCE.md"
        choices.append(Choice("fpn_out_channels", 128, cores))
    if small or not crowded:
        rois, proposals, detected = (256, 1000, 600) if crowded else (128, 500, 300)
        source = "as in configs/small_data.yaml" if not crowded else "twice those of configs/small_data.yaml"
        choices += [
            Choice("num_expected_total_stage2", rois, f"{most}; {source}"),
            Choice("num_expected_pos_stage2", rois // 4, "a quarter of them (Girshick 2015, section 2.3)"),
            Choice("rpn_proposal_nms_pre", proposals, source),
            Choice("rpn_proposal_max_num", proposals, source),
            Choice("rpn_nms_pre", proposals, source),
            Choice("rpn_max_num", detected, source),
        ]
    return choices


def class_loss(situation: Situation, now: Settings) -> list[Choice]:
    """The class loss of the box head."""
    if now["system"] == "ssd":
        return []
    reason = "cross-entropy: a short run needs a confident teacher (configs/small_data.yaml)"
    return [Choice("rcnn_focal_gamma", 0.0, reason)]
