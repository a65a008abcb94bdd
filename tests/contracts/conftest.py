"""The detectors that the contract tests are run for, with random weights amplified so that scores differ clearly."""

from collections.abc import Callable
from dataclasses import dataclass

import mindspore as ms
import pytest
from mindspore import nn

from src.config.load import Config, load_config
from src.systems import build_network


def _amplify_two_stages(network: nn.Cell) -> None:
    for part in (network.rpn.objectness, network.rpn.offsets, network.box_head.classes):
        part.weight.set_data(part.weight * 20)


def _amplify_ssd(network: nn.Cell) -> None:
    for head in network.multi_box.classes:
        head.pointwise.weight.set_data(head.pointwise.weight * 30)
        head.pointwise.bias.set_data(head.pointwise.bias * 0.3)


@dataclass(frozen=True)
class Detector:
    """A kind of detector, and the settings of a tiny one for the tests.

    Attributes:
        options: settings beside those of the tiny network; training: settings of a run that fits four images.
        amplify: enlarges random weights of the prediction heads.
        config_path: settings of the tiny network.
    """

    name: str
    options: tuple[str, ...]
    training: tuple[str, ...]
    amplify: Callable[[nn.Cell], None]
    config_path: str = ""

    def config(self, *options: str) -> Config:
        """Settings, with further options of a command line."""
        return load_config("", ["--config_path", self.config_path, *self.options, *options])

    def build(self, class_count: int, *options: str, mixed_precision: bool = False) -> nn.Cell:
        """A network in evaluation mode; equal options give equal weights."""
        ms.set_seed(1)
        network = build_network(self.config(*options), class_count, mixed_precision)
        self.amplify(network)
        return network.set_train(False)


_MASKS = "--system mask_rcnn --rcnn_mask_out_channels 16 --mask_out_size 4 --gt_mask_size 16"
_SSD = "--system ssd --ssd_extras_out_channels 32,32,16,16,16 --ssd_min_scale 0.2 --ssd_max_scale 0.8"
_TWO_STAGES_TRAINING = "--rcnn_fc_out_channels 128 --rcnn_focal_gamma 0 --bbox_threshold 0.5 --max_iter 164 --burn_up_iter 160 --base_lr 0.01"
_LABEL_PRIOR = "--pseudo_label_thresholds label_prior --label_prior_share 1 --label_prior_interval_iter 2"
_SSD_TRAINING = f"{_LABEL_PRIOR} --base_lr 0.02 --bbox_threshold 0.3 --max_iter 98 --burn_up_iter 94"
_MASKS_TRAINING = f"{_TWO_STAGES_TRAINING} {_LABEL_PRIOR} --mask_out_size 14 --gt_mask_size 28"
DETECTORS = [
    Detector(name, tuple(options.split()), tuple(training.split()), amplify)
    for name, options, training, amplify in (
        ("faster_rcnn", "--system faster_rcnn", _TWO_STAGES_TRAINING, _amplify_two_stages),
        ("mask_rcnn", _MASKS, _MASKS_TRAINING, _amplify_two_stages),
        ("ssd_focal", f"{_SSD} --ssd_loss focal", _SSD_TRAINING, _amplify_ssd),
        ("ssd_hard_negative", f"{_SSD} --ssd_loss hard_negative", _SSD_TRAINING, _amplify_ssd),
    )
]


@pytest.fixture(scope="session", params=DETECTORS, ids=lambda each: each.name)
def detector(request, tiny_config) -> Detector:
    """Each kind of detector in turn."""
    kind = request.param
    return Detector(kind.name, kind.options, kind.training, kind.amplify, str(tiny_config))


@pytest.fixture(scope="session")
def network(detector) -> nn.Cell:
    """For two classes."""
    return detector.build(2)


@pytest.fixture(scope="session")
def finds_padding(detector) -> nn.Cell:
    """The weights of `network`, and padding becomes the mean colour."""
    return detector.build(2, "--black_is_padding", "true")
