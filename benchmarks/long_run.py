"""Memory growth of a long run, over training steps and over evaluations, in one process as train.py runs it.

    python benchmarks/long_run.py --config_path tiny.yaml --height 64 --width 64 --json long_run.json

--steps steps, half of them burn-in and half with a teacher, with their loader, log and checkpoints; the memory of the process is
read after each step. Then --evaluations evaluations. The first steps of a phase, which compile its
graph and fill the memory pools, are left out: the growth is the difference of medians over the first and the last quarter of the rest.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from benchmarks import command, measure, setting
from src.checkpoint.run_folder import RunFolder
from src.checkpoint.run_state import StateFiles
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.evaluation import evaluate_networks
from src.engine.health.monitor import build_watch
from src.engine.log import RunLog
from src.engine.loop import train
from src.engine.networks import build_networks
from src.engine.resume import run_metadata
from src.engine.run import Run
from src.engine.stopping import StopRequest
from src.errors import UserError, entry_point

SETTLING = 0.2  # share of the steps of a phase in which its graph is compiled and pools are filled


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Train, evaluate, and report the growth of memory."""
    parser = command.options(__doc__, "height", "width", "batch_size")
    parser.add_argument("--steps", type=int, default=500, help="training steps (default 500)")
    parser.add_argument("--evaluations", type=int, default=3, help="evaluations afterwards (default 3)")
    parser.add_argument("--save_interval", type=int, default=50, help="steps between checkpoints (default 50)")
    setting.add_config(parser)
    args = command.start(parser, argv)
    if args.steps < 20 or args.steps % 2 or args.evaluations < 2 or args.save_interval < 1:
        raise UserError(
            "--steps: expected an even number of at least 20; --evaluations: at least 2; --save_interval: at least 1"
        )
    with tempfile.TemporaryDirectory() as folder:
        command.finish(args, measured(args, Path(folder)))


def measured(args: argparse.Namespace, folder: Path) -> dict:
    """Memory in MB of each phase and of the evaluations, and the peak."""
    config, data = setting.data(folder, run_config(args, folder))
    with (
        open(os.devnull, "w") as null,
        contextlib.redirect_stdout(null),
        StopRequest(rank=0) as stop,
    ):
        run = prepared(config, replace(data, evaluation=None), stop)
        with contextlib.closing(run.log):
            train(run, 0)
            scored = evaluated(run, args.evaluations)
    half = args.steps // 2
    return {
        "memory_MB": {
            "burn_in": growth(run.log.memory[:half]),
            "with_teacher": growth(run.log.memory[half:]),
            "evaluations": {"after_each": scored, "growth": scored[-1] - scored[0]},
            "peak": measure.peak_memory(),
        }
    }


def run_config(args: argparse.Namespace, folder: Path) -> Config:
    """Half of the steps with a teacher, a line of the log per step, and no evaluation during training."""
    return replace(
        setting.config(args),
        batch_size=args.batch_size,
        unlabelled_batch_size=args.batch_size,
        max_iter=args.steps,
        burn_up_iter=args.steps // 2,
        print_interval_iter=1,
        save_checkpoint_interval=args.save_interval,
        eval_interval_iter=0,
        save_checkpoint_path=str(folder / "run"),
    )


def prepared(config: Config, data: TrainingData, stop: StopRequest) -> Run:
    """A run before its first step, with a log that records memory; the caller closes the log."""
    device = setting.device(config)
    folder = RunFolder(config.save_checkpoint_path)
    metadata = run_metadata(config, data, device.count)
    networks = build_networks(config, data, device)
    setting.scale_residual_branches(networks.student)
    return Run(
        config=config,
        data=data,
        device=device,
        networks=networks,
        folder=folder,
        states=StateFiles(folder.state, folder.state_before),
        log=MemoryLog(folder.path, device.rank, 0, config.max_iter),
        stop=stop,
        metadata=metadata,
        watch=build_watch(config, data, memory=None),
    )


def evaluated(run: Run, times: int) -> list[float]:
    """Evaluate on the training images; the memory in MB after each evaluation."""
    run.config = replace(run.config, eval_img_dir=run.config.train_img_dir)
    run.data = replace(run.data, evaluation=run.data.annotations)
    memory = []
    for _ in range(times):
        evaluate_networks(run, run.config.max_iter)
        memory.append(measure.memory())
    return memory


class MemoryLog(RunLog):
    """A log that records the memory after each of its lines.

    Attributes:
        memory: MB after each line.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.memory: list[float] = []

    def steps(self, *args: object) -> None:
        """Write a line of the log."""
        super().steps(*args)
        self.memory.append(measure.memory())


def growth(memory: Sequence[float]) -> dict:
    """Growth of the memory over a phase, from its value in MB after each step; the first SETTLING of the steps are left out.

    Returns:
        "settled" and "end", medians of the first and the last quarter of the other steps, in MB; "growth", their
        difference; "growth_per_100_steps" (half a quarter away from each end).
    """
    settled = memory[int(len(memory) * SETTLING) :]
    quarter = max(1, len(settled) // 4)
    start, end = median(settled[:quarter]), median(settled[-quarter:])
    steps = len(settled) - quarter
    return {
        "settled": start,
        "end": end,
        "growth": end - start,
        "growth_per_100_steps": 100 * (end - start) / steps,
    }


if __name__ == "__main__":
    main()
