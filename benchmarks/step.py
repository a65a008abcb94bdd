"""Cost of a training step: time, FLOPs, memory, compile time, the EMA update of the teacher, and waiting for data.

    python benchmarks/step.py --height 384 --width 640 --peer /path/to/python/with/torchvision --json step.json

supervised        TrainStep on --batch_size / 2 images in two views each, so the network gets --batch_size inputs; compared with
                  forward pass, backward pass and SGD of torchvision on --batch_size images
two_views         TrainStep on --batch_size images in two views each
semi_supervised   TeacherStudentStep on --batch_size labelled images in two views each, and --batch_size unlabelled images

Each is measured in its own process, one after the other, so that memory and compile time are those of this step alone.
The network is that of configs/base.yaml with random weights, or of --config_path: benchmarks/small.yaml is small enough
for a single core.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

from mindspore import Tensor, nn
from mindspore import dtype as mstype

from benchmarks import command, flops, measure, parts, setting
from src.config.load import Config
from src.engine.batches import batches
from src.engine.networks import Networks, build_networks
from src.errors import UserError, entry_point

STEPS = ("supervised", "two_views", "semi_supervised")


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Measure the step --step in this process, or, without it, each in its own process, and their ratio."""
    parser = command.options(__doc__, "height", "width", "batch_size", "repeats", "warmup", peer=True)
    parser.add_argument("--step", choices=STEPS, help="measure this one only")
    parser.add_argument("--workers", type=int, default=2, help="threads that prepare images (default 2)")
    setting.add_config(parser)
    setting.add_without(parser)
    args = command.start(parser, argv)
    setting.leave_out(args.without)
    if args.batch_size % 2 and args.step in (None, "supervised"):
        raise UserError(
            f"--batch_size: must be even for the supervised step, which takes two views per image, "
            f"got {args.batch_size}; or choose another --step"
        )
    command.finish(args, measure_step(args) if args.step else measure_all(args))


def measure_all(args: argparse.Namespace) -> dict:
    """Measure every step in its own process; only the supervised one has a counterpart in torchvision."""
    result = command.run_in_processes(
        "--step", {name: [] if name == "supervised" else ["--peer", ""] for name in STEPS}
    )
    seconds = {name: result[name]["runs"]["step"]["seconds"]["median"] for name in STEPS}
    return result | {"ratio_semi_supervised": seconds["semi_supervised"] / seconds["supervised"]}


def measure_step(args: argparse.Namespace) -> dict:
    """Measure the step --step: first repeatedly on one batch, then with the data loader, as in train.py."""
    images = args.batch_size // 2 if args.step == "supervised" else args.batch_size
    runs = args.warmup + args.repeats
    semi = args.step == "semi_supervised"
    config = replace(
        setting.config(args),
        batch_size=images,
        unlabelled_batch_size=args.batch_size,
        num_parallel_workers=args.workers,
        max_iter=10 * (runs + 10),
        burn_up_iter=0 if semi else 10 * (runs + 10),
    )
    return {args.step: measure_config(args, config, semi, ["step"], step_flops)}


def measure_config(
    args: argparse.Namespace,
    config: Config,
    semi: bool,
    task: list[str],
    flops_of_step: Callable[[Networks, Config, bool], float],
) -> dict:
    """Measure the step of a configuration, supervised or with unlabelled images.

    Args:
        task: arguments of peer.py; flops_of_step: floating-point operations of a step, see `step_flops`.
    """
    runs = args.warmup + args.repeats
    with tempfile.TemporaryDirectory() as folder:
        config, data = setting.data(Path(folder), config)
        device = setting.device(config)
        networks = build_networks(config, data, device)
        setting.scale_residual_branches(networks.student)
        step = networks.mutual if semi else networks.burn_in
        loader = batches(config, data, device, 0)
        batch = [Tensor(column) for column in next(loader)]

        def run() -> None:
            if not step(*batch).asnumpy():
                raise UserError("the gradients of the random network are not finite, so its times are meaningless")

        result = measure.rounds({"step": run}, task, args, {"step": flops_of_step(networks, config, semi)})
        result["peak_memory_MB"] = measure.peak_memory()
        median = result["runs"]["step"]["seconds"]["median"]
        result["compile_s"] = result["runs"]["step"]["first_call"] - median
        result["shares"] = parts.shares(run, 2) | {"waiting_for_data": waiting(step, loader, runs, args.warmup)}
        milliseconds = 1000 * result["runs"]["step"]["cpu_seconds"]["median"]
        result["milliseconds"] = {name: share * milliseconds for name, share in result["shares"]["by_part"].items()}
    if semi:
        result["shares"]["moving_average"] = moving_average(step, args) / median
    return result


def step_flops(networks: Networks, config: Config, semi: bool) -> float:
    """Floating-point operations of a step."""
    student = flops.of_detector(networks.student, config.num_expected_total_stage2, training=True)
    total = (2 if config.strong_view else 1) * config.batch_size * student
    if semi:
        teacher = flops.of_detector(networks.detector, config.rpn_max_num, training=False)
        total += config.unlabelled_batch_size * (student + teacher)
    return total


def waiting(step: nn.Cell, loader, count: int, skipped: int) -> float:
    """Fraction of the time of a training loop, as in train.py, that is spent waiting for the next batch.

    Args:
        count: number of steps; skipped: the first steps, which are not measured.
    """
    waited = spent = 0.0
    for number in range(count):
        started = time.perf_counter()
        batch = [Tensor(column) for column in next(loader)]
        loaded = time.perf_counter()
        step(*batch).asnumpy()
        if number >= skipped:
            waited += loaded - started
            spent += time.perf_counter() - started
    loader.close()
    return waited / spent


def moving_average(step: nn.Cell, args: argparse.Namespace) -> float:
    """Median time of the EMA update of the teacher, in seconds."""
    arguments = Tensor(5, mstype.int32), Tensor(True)

    def update() -> None:
        step.average(*arguments).asnumpy()

    update()  # compiles its graph
    return measure.summary([measure.timed(update) for _ in range(args.repeats)])["median"]


if __name__ == "__main__":
    main()
