"""Cost of inference: a batch of images from raw pixels to detections, in graph mode.

    python benchmarks/inference.py --peer /path/to/python/with/torchvision --json inference.json

The network is that of configs/base.yaml with random weights and three classes. Each class has a score of about 1/4, above the
threshold of 0.05, so NMS gets the largest possible input, here and in torchvision.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Callable

import numpy as np
from mindspore import Tensor, nn

from benchmarks import command, flops, measure, parts, setting
from src.config.load import Config
from src.errors import entry_point
from src.systems import build_network

CLASSES = 3


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time, FLOPs, memory and profiler shares of one call."""
    parser = command.options(
        __doc__, "height", "width", "batch_size", "repeats", "warmup", peer=True, batch_size=1, repeats=20
    )
    setting.add_config(parser)
    setting.add_without(parser)
    args = command.start(parser, argv)
    setting.leave_out(args.without)
    command.finish(args, measure_config(args, setting.config(args), ["inference"], image_flops))


def image_flops(network: nn.Cell, config: Config) -> float:
    """Floating-point operations per image."""
    return flops.of_detector(network, config.rpn_max_num, training=False)


def measure_config(
    args: argparse.Namespace, config: Config, task: list[str], flops_per_image: Callable[[nn.Cell, Config], float]
) -> dict:
    """Measure inference with a configuration.

    Args:
        task: arguments of peer.py; flops_per_image: floating-point operations per image, see `image_flops`.
    """
    setting.device(config)
    network = build_network(config, CLASSES).set_train(False)
    setting.scale_residual_branches(network)
    shape = (args.batch_size, 3, args.height, args.width)
    images = Tensor(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    image_sizes = Tensor(np.tile(np.float32(shape[2:]), (args.batch_size, 1)))

    def run() -> int:
        return int(network(images, image_sizes)[4].asnumpy().sum())

    batch_flops = args.batch_size * flops_per_image(network, config)
    result = measure.rounds({"inference": run}, task, args, {"inference": batch_flops})
    result["peak_memory_MB"] = measure.peak_memory()
    row = result["runs"]["inference"]
    row["ms_per_image"] = 1000 * row["seconds"]["median"] / args.batch_size
    row["detections_per_image"] = run() / args.batch_size
    result["compile_s"] = row["first_call"] - row["seconds"]["median"]
    result["shares"] = parts.shares(run, 3)
    return result


if __name__ == "__main__":
    main()
