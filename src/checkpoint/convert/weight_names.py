"""Maps weight names of other projects to those of this one.

This project uses torchvision's names for the layers of a ResNet, MindSpore's for batch norm, and a prefix for the part
of the detector (`backbone.`, `fpn.`, `rpn.`, `box_head.`, `mask_head.`).
"""

import re

FOREIGN_SUFFIXES = (".pth", ".pt", ".safetensors")  # of files that src.convert_checkpoint must convert

# Prefixes of wrapper cells that a network was saved with.
_WRAPPER = re.compile(r"^(module|network|student|teacher)\.")
# Optimizer slots of Momentum and Adam, step counters, learning rates and loss scales.
_NOT_A_WEIGHT = re.compile(
    r"^(moments|accum|stat|moment1|moment2)\."
    r"|^(learning_rate|momentum|weight_decay|global_step|current_iterator_step|last_overflow_iterator_step|beta[12]_power)$"
    r"|^(epoch_num|step_num|batch_num|loss_scale|scale_sense|step|good_steps)$"
    r"|\bnum_batches_tracked$"
)
# (pattern, replacement), applied in this order.
_RENAMES = (
    (re.compile(r"^backbone\.body\."), "backbone."),  # torchvision's detectors
    (re.compile(r"^feature_extractor\.module\."), "backbone."),  # MindSpore's model zoo, SSD
    (re.compile(r"^(conv1|bn1|layer[1-4])\."), r"backbone.\1."),  # a bare ResNet
    (re.compile(r"\.down_sample(_layer)?\.(?=\d)"), ".downsample."),  # MindSpore's model zoo, classification
    (re.compile(r"\.conv_down_sample\."), ".downsample.0."),  # MindSpore's model zoo, detection
    (re.compile(r"\.bn_down_sample\."), ".downsample.1."),
    (re.compile(r"\.(bn\d|downsample\.1)\.weight$"), r".\1.gamma"),
    (re.compile(r"\.(bn\d|downsample\.1)\.bias$"), r".\1.beta"),
    (re.compile(r"\.running_mean$"), ".moving_mean"),
    (re.compile(r"\.running_var$"), ".moving_variance"),
)


def is_weight(name: str) -> bool:
    """False for optimizer slots, step counters and the like."""
    return _NOT_A_WEIGHT.search(name) is None


def common_name(name: str) -> str:
    """The name of a weight in this project; unknown names are returned unchanged.

    Known names are those of ResNets and detectors of torchvision and MindSpore, and of checkpoints of this project. A
    bare ResNet and the backbone of a detector get the same name, so the `common_name` of a parameter can be compared
    with that of a weight in a file.
    """
    name = _WRAPPER.sub("", name)
    for pattern, replacement in _RENAMES:
        name = pattern.sub(replacement, name)
    return name
