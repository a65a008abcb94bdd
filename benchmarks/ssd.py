"""Cost of SSD: a training step on a batch, and inference on one image, compared with torchvision's SSD300.

    python benchmarks/ssd.py --peer /path/to/python/with/torchvision --json ssd.json

training    --batch_size images, one view per image: forward, backward and the optimizer
detection   one image, from raw pixels to detections

Each is measured in its own process. The network is that of configs/ssd_resnet34.yaml with random weights and three classes.
torchvision's backbone is VGG-16, so "ratio_per_GFLOP" divides the time of each network by its own floating-point operations.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from dataclasses import replace

from mindspore import nn

from benchmarks import command, flops, inference, setting, step
from src.config.load import CONFIG_FOLDER, Config
from src.engine.networks import Networks
from src.errors import entry_point

PARTS = ("training", "detection")


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Measure one part in this process, or each in its own process."""
    sizes = {"height": 300, "width": 300, "batch_size": 32}
    parser = command.options(__doc__, *sizes, "repeats", "warmup", peer=True, **sizes)
    parser.add_argument("--part", choices=PARTS, help="measure this one only")
    parser.add_argument("--workers", type=int, default=2, help="threads that prepare images (default 2)")
    setting.add_config(parser)
    parser.set_defaults(config_path=str(CONFIG_FOLDER / "ssd_resnet34.yaml"))
    args = command.start(parser, argv)
    command.finish(
        args,
        {args.part: measure_part(args)}
        if args.part
        else command.run_in_processes("--part", {name: [] for name in PARTS}),
    )


def measure_part(args: argparse.Namespace) -> dict:
    """Measure the part --part."""
    config = setting.config(args)
    if args.part == "training":
        steps = 10 * (args.warmup + args.repeats + 10)
        config = replace(
            config,
            strong_view=False,
            batch_size=args.batch_size,
            num_parallel_workers=args.workers,
            max_iter=steps,
            burn_up_iter=steps,
        )
        result = step.measure_config(args, config, False, ["step", "--detector", "ssd"], step_flops)
    else:
        args.batch_size = 1
        result = inference.measure_config(args, config, ["inference", "--detector", "ssd"], image_flops)
    for run in result["runs"].values():
        run["images"] = args.batch_size
        if "peer" in run:
            run["ratio_per_GFLOP"] = run["ratio"] * run["peer"]["GFLOP"] / run["GFLOP"]
    return result


def image_flops(network: nn.Cell, config: Config, training: bool = False) -> float:
    """Floating-point operations per image."""
    return flops.of_network(network, config.img_height, config.img_width, training)


def step_flops(networks: Networks, config: Config, semi: bool) -> float:
    """Floating-point operations of a step."""
    return config.batch_size * image_flops(networks.student, config, training=True)


if __name__ == "__main__":
    main()
