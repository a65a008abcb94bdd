"""Detection in batches of several sizes: seconds and processor time per image, for the default of --test_batch_size.

    python benchmarks/batch_sizes.py --height 384 --width 640 --json batch_sizes.json

One network computes a batch of each size in turn, so a busy minute affects all of them. The network is that of configs/base.yaml with
random weights, or of --config_path.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from collections.abc import Callable

import numpy as np
from mindspore import Tensor, nn

from benchmarks import command, measure, setting
from benchmarks.inference import CLASSES
from src.errors import entry_point
from src.systems import build_network

SIZES = (1, 2, 4, 8)


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time a batch of each size, and report the times per image."""
    parser = command.options(__doc__, "height", "width", "repeats", "warmup", repeats=10, warmup=2)
    setting.add_config(parser)
    args = command.start(parser, argv)
    args.batch_size = max(SIZES)
    config = setting.config(args)
    setting.device(config)
    network = build_network(config, CLASSES).set_train(False)
    setting.scale_residual_branches(network)
    runs = {f"batch_size_{size}": detection(network, size, args.height, args.width) for size in SIZES}
    result = measure.rounds(runs, [], args)
    for size, row in zip(SIZES, result["runs"].values(), strict=True):
        row["ms_per_image"] = 1000 * row["seconds"]["median"] / size
        row["processor_ms_per_image"] = 1000 * row["cpu_seconds"]["median"] / size
    command.finish(args, result | {"peak_memory_MB": measure.peak_memory()})


def detection(network: nn.Cell, size: int, height: int, width: int) -> Callable[[], int]:
    """A call that detects in one batch of random images."""
    images = Tensor(np.random.default_rng(0).integers(0, 256, (size, 3, height, width), np.uint8))
    image_sizes = Tensor(np.tile(np.float32([height, width]), (size, 1)))
    return lambda: int(network(images, image_sizes)[4].asnumpy().sum())


if __name__ == "__main__":
    main()
