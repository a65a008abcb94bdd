"""What a step costs, from the arithmetic of the network and the speed of the machine in a product of matrices.

Counted are multiply-adds of convolutions and dense layers, two operations each. A layer that is trained costs three times its forward
pass. By these counts the steps and detections of benchmarks/README.md reach 0.88 to 1.02 of the speed of a matrix product (ResNet-50,
384x640: 604 GFLOP counted and 606 measured for a supervised step of two images).
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from src.parts.backbones.table import BACKBONES
from src.wording import counted

_REACHED = 0.95  # part of the speed of a matrix product that a step reaches (benchmarks/README.md)
_OVERHEAD = 0.08  # seconds per image of a step: NMS, sampling, reading and augmenting, which no arithmetic counts (not measured)

# name: (whole ResNet, stem, stem and C2), billions of multiply-adds per million pixels; the published count of a ResNet at
# 224x224 (He et al. 2016, table 1), divided by 0.050176 million pixels.
_RESNET = {
    "resnet_v1_10": (17.7, 2.35, 6.9),
    "resnet_v1_18": (36.1, 2.35, 11.5),
    "resnet_v1_34": (72.9, 2.35, 16.1),
    "resnet_v1_50": (76.9, 2.35, 15.6),
    "resnet_v1.5_50": (81.5, 2.35, 15.6),
    "resnet_v1_101": (151.0, 2.35, 15.6),
    "resnet_v1.5_101": (155.0, 2.35, 15.6),
    "resnet_v1_152": (225.0, 2.35, 15.6),
    "resnet_v1.5_152": (229.0, 2.35, 15.6),
}
_SSD = 2.1  # the SSD of 300x300 by its ResNet-34: 82 GFLOP a trained image (benchmarks/README.md)
_PYRAMID_CELLS = (1 / 16) * (1 + 1 / 4 + 1 / 16 + 1 / 64)  # of P2 to P5, per pixel

_SIDE = 1024  # of the matrices that are multiplied
_SECONDS = 0.5  # that the measurement takes


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        device: CPU, GPU or Ascend; cores: those that this process may use; memory: GB.
        gflops: billions of float32 operations per second in a product of matrices; None: not known (GPU, Ascend).
        all_cores: of the machine, if this process may not use all of them.
    """

    device: str
    cores: int
    memory: float
    gflops: float | None
    all_cores: int | None = None

    @property
    def counted_cores(self) -> str:
        """The number of cores in words."""
        if self.all_cores is None:
            return counted(self.cores, "core")
        return f"{self.cores} of {counted(self.all_cores, 'core')} (this process may use no others)"


def this_machine(device: str, processes: int = 1) -> Machine:
    """What each of so many processes has of the machine that the program runs on; takes half a second on a CPU."""
    cores, all_cores = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    gflops = _measured_gflops() / processes if device == "CPU" else None
    return Machine(device, cores, memory / processes, gflops, all_cores if cores < all_cores else None)


def _measured_gflops() -> float:
    """The fastest of the products that half a second has room for: slower ones shared the processor with something else."""
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), np.float32)
    best, stop = np.inf, time.perf_counter() + _SECONDS
    while True:
        started = time.perf_counter()
        matrix @ matrix
        ended = time.perf_counter()
        best = min(best, ended - started)
        if ended > stop:
            return 2 * _SIDE**3 / best / 1e9


def forward(now: Mapping, width: int, height: int, rois: int, masks: int = 0) -> float:
    """Operations of one image through the whole network, in billions.

    Args:
        now: settings; rois, masks: RoIs that go through the box head, and through the mask head.
    """
    megapixels = width * height / 1e6
    backbone = _RESNET[now["backbone"]][0] * megapixels
    if now["system"] == "ssd":
        return 2 * _SSD * backbone
    channels, hidden = now["fpn_out_channels"], now["rcnn_fc_out_channels"]
    laterals = (30 if BACKBONES[now["backbone"]][1] else 7.5) * channels * megapixels / 1e3
    pyramid = 18 * channels**2 * _PYRAMID_CELLS * megapixels / 1e3  # two 3x3 convolutions: the pyramid's and the RPN's
    head = rois * (now["roi_out_size"] ** 2 * channels * hidden + hidden**2) / 1e9
    mask_channels, cells = now["rcnn_mask_out_channels"], now["mask_out_size"] ** 2
    mask_head = masks * cells * (27 * mask_channels**2 + 9 * channels * mask_channels + 4 * mask_channels**2) / 1e9
    return 2 * (backbone + laterals + pyramid + head + mask_head)


def trained(now: Mapping, width: int, height: int) -> float:
    """Operations of one view in a training step, in billions: forward, and twice that for the gradients of what is trained."""
    masks = now["num_expected_pos_stage2"] if now["system"] == "mask_rcnn" else 0
    whole = forward(now, width, height, now["num_expected_total_stage2"], masks)
    complete, stem, with_c2 = _RESNET[now["backbone"]]
    stages = now["frozen_stages"]
    frozen = (0, stem, with_c2)[stages] if stages < 3 else with_c2 + (complete - with_c2) * (stages - 2) / 3
    return 3 * whole - 2 * 2 * frozen * width * height / 1e6


def detection(now: Mapping, width: int, height: int) -> float:
    """Operations of one image in detection, in billions."""
    masks = now["test_max_per_img"] if now["system"] == "mask_rcnn" else 0
    return forward(now, width, height, now["rpn_max_num"], masks)


def step_seconds(now: Mapping, gflops: float, semi: bool, width: int | None = None, height: int | None = None) -> float:
    """Seconds of a training step.

    Args:
        now: settings; gflops: speed of the machine in a matrix product; semi: with unlabelled images and their teacher;
            width, height: of the network input, if not those of the settings.
    """
    width, height = width or now["img_width"], height or now["img_height"]
    views = now["batch_size"] * (2 if now["strong_view"] else 1) + (now["unlabelled_batch_size"] if semi else 0)
    work = views * trained(now, width, height)
    images = views
    if semi:
        work += now["unlabelled_batch_size"] * detection(now, width, height)
        images += now["unlabelled_batch_size"]
    return now["accumulate_steps"] * (work / (gflops * _REACHED) + images * _OVERHEAD)


def detection_seconds(now: Mapping, gflops: float) -> float:
    """Seconds per image of an evaluation or of infer.py."""
    return detection(now, now["img_width"], now["img_height"]) / (gflops * _REACHED) + _OVERHEAD


def memory_gb(now: Mapping, width: int, height: int, semi: bool) -> float:
    """Memory of training, GB, a little too much rather than too little: what benchmarks/README.md measured with ResNet-50 (3.6 GB
    for two views of 384x640, 6.8 for two of 768x1280, 7.1 for a semi-supervised step of six and two at 384x640)."""
    images = now["batch_size"] * (2 if now["strong_view"] else 1) + (2 * now["unlabelled_batch_size"] if semi else 0)
    return 2.5 + (1.0 if semi else 0.0) + 2.2 * images * width * height / 1e6
