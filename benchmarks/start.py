"""Seconds until the programs do their work, without the compile cache, with an empty one, and with one that has their graphs.

    python benchmarks/start.py --config_path benchmarks/small.yaml --height 256 --width 320 --json start.json

Each start is a process of its own: train.py (one supervised step, then semi-supervised ones), a run that is killed and resumed, eval.py
and infer.py. Imports are timed apart. Losses, weights and detections must be equal to the bit in all starts.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import command, setting
from src.checkpoint.detector_file import read_checkpoint
from src.errors import UserError, entry_point
from src.files import file_hash

ROOT = Path(__file__).resolve().parents[1]
STEPS = 4
PERIOD = 0.05  # seconds between two looks at the files of a run
PATIENCE = 1200  # seconds for a run to write its first checkpoint


@dataclass(frozen=True)
class Starter:
    """Starts the programs of the project on one data set.

    Attributes:
        folder: holds images/, part.json, full.json; runs are written below it.
        settings: words of the command line that all programs get.
    """

    folder: Path
    settings: Sequence[str]

    def program(self, name: str, *words: str, cache: Path | None) -> subprocess.Popen:
        """Start an entry script.

        Args:
            cache: folder of the compile cache; None: without one.
        """
        environment = {key: value for key, value in os.environ.items() if key != "MS_COMPILER_CACHE_ENABLE"}
        if cache:
            environment["XDG_CACHE_HOME"] = str(cache)
        command = [sys.executable, name, *self.settings, "--compile_cache", str(cache is not None).lower(), *words]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def seconds(self, name: str, *words: str, cache: Path | None) -> float:
        """Wall time of an entry script from start to end.

        Raises:
            UserError: it failed.
        """
        begin = time.perf_counter()
        process = self.program(name, *words, cache=cache)
        _, said = process.communicate()
        if process.returncode:
            raise UserError(f"{name} ended with status {process.returncode}: {said.strip()[-500:]}")
        return time.perf_counter() - begin

    def run_words(self, run: Path) -> list[str]:
        """The command line of a training run."""
        data = ("--train_img_dir", str(self.folder / "images"), "--train_ann_file", str(self.folder / "part.json"))
        lengths = {"max_iter": STEPS, "burn_up_iter": 1, "warmup_step": 1, "save_checkpoint_interval": 2}
        lengths |= {"print_interval_iter": 1, "eval_interval_iter": 0}
        return [*data, *(f"--{key}={value}" for key, value in lengths.items()), "--save_checkpoint_path", str(run)]

    def train(self, run: Path, cache: Path | None) -> dict[str, float]:
        """Train a run; seconds of the process, and of the first step of both kinds."""
        total = self.seconds("train.py", *self.run_words(run), cache=cache)
        steps = [row["iter_time"] for row in rows(run)]
        return {"process": total, "first_supervised_step": steps[0], "first_semi_supervised_step": steps[1]}

    def kill_and_resume(self, run: Path, cache: Path | None) -> dict[str, float]:
        """Kill a run after its first checkpoint and resume it; seconds of the second process and of its first step."""
        process = self.program("train.py", *self.run_words(run), cache=cache)
        deadline = time.monotonic() + PATIENCE
        while not (run / "state.ckpt").exists():
            time.sleep(PERIOD)
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"train.py wrote no checkpoint: {process.communicate()[1].strip()[-500:]}")
        process.kill()
        process.communicate()
        total = self.seconds("train.py", *self.run_words(run), "--resume=true", cache=cache)
        first = [row for row in rows(run) if row["step"] == 2][-1]  # step 2 of the killed run may have been logged, too
        return {"process": total, "first_semi_supervised_step": first["iter_time"]}

    def detect(self, run: Path, output: Path, cache: Path | None) -> dict[str, float]:
        """Evaluate a run, and detect with it; seconds of both processes."""
        checkpoint = ("--checkpoint_path", str(run / "model_0.ckpt"))
        images, labels = str(self.folder / "images"), str(self.folder / "full.json")
        evaluated = ("--eval_img_dir", images, "--eval_ann_file", labels, "--eval_output_dir", str(output / "eval"))
        found = ("--infer_img_dir", images, "--eval_output_dir", str(output / "infer"))
        return {
            "eval_process": self.seconds("eval.py", *checkpoint, *evaluated, cache=cache),
            "infer_process": self.seconds("infer.py", *checkpoint, *found, cache=cache),
        }


def rows(run: Path) -> list[dict]:
    """The rows of the steps of a run, in order."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").split("\n")
    return [row for line in lines if line and "iter_time" in (row := json.loads(line))]


def outcome(run: Path, output: Path) -> dict[str, object]:
    """What must be equal in all starts: losses of every step, weights, detections."""
    losses = [{key: value for key, value in row.items() if key.endswith("loss")} for row in rows(run)]
    weights = [run / f"model_step_{STEPS}.ckpt", run / f"teacher_model_step_{STEPS}.ckpt"]
    files = [output / "infer" / "infer_results.json", output / "eval" / "eval_results.json"]
    hashes = {file.name: weights_hash(file) for file in weights} | {file.name: file_hash(file) for file in files}
    return {"losses": losses, **hashes}


def weights_hash(checkpoint: Path) -> str:
    """The SHA-256 of the parameters of a checkpoint; its metadata name the run and its settings."""
    found = hashlib.sha256()
    for name, values in sorted(read_checkpoint(checkpoint).items()):
        if not isinstance(values, str):
            found.update(repr((name, values.dtype.str, values.shape)).encode() + values.tobytes())
    return found.hexdigest()


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time all starts and check that their results are equal."""
    parser = command.options(__doc__, "height", "width", "batch_size", height=256, width=320, batch_size=1)
    parser.add_argument("--images", type=int, default=8, help="images, half of them labelled (default 8)")
    setting.add_config(parser)
    args = command.start(parser, argv)
    with tempfile.TemporaryDirectory() as folder:
        command.finish(args, measured(args, Path(folder)))


def measured(args: argparse.Namespace, folder: Path) -> dict:
    """Seconds of all starts; see the module."""
    make_data(folder, args)
    sizes = {"img_height": args.height, "img_width": args.width}
    sizes |= {"batch_size": args.batch_size, "unlabelled_batch_size": args.batch_size}
    sizes |= {"frozen_stages": 0, "frozen_batch_norm": "false"}  # as there are no pre-trained weights
    words = [*(("--config_path", args.config_path) if args.config_path else ())]
    starter = Starter(folder, [*words, *(f"--{key}={value}" for key, value in sizes.items())])
    cache = folder / "cache"
    result: dict[str, dict] = {"seconds": {"imports": imports()}}
    for name, where in (("without_cache", None), ("empty_cache", cache), ("second_start", cache)):
        run, output = folder / name, folder / f"{name}_output"
        result["seconds"][name] = starter.train(run, where) | starter.detect(run, output, where)
        check_equal(name, outcome(run, output), outcome(folder / "without_cache", folder / "without_cache_output"))
    resumed = folder / "resumed"
    result["seconds"]["resumed"] = starter.kill_and_resume(resumed, cache)
    last = f"model_step_{STEPS}.ckpt"
    weights = ({last: weights_hash(folder / run / last)} for run in ("resumed", "without_cache"))
    check_equal("resumed", *weights)
    return result


def check_equal(name: str, found: dict[str, object], expected: dict[str, object]) -> None:
    """Compare the outcome of a start with that without the compile cache.

    Raises:
        UserError: they differ.
    """
    if different := [key for key, value in expected.items() if found[key] != value]:
        raise UserError(f"{name}: differs from the start without the compile cache in {', '.join(different)}")


def make_data(folder: Path, args: argparse.Namespace) -> None:
    """Write images/, full.json (all labelled) and part.json (half of them) of the practice set."""
    numbers = {"images": args.images, "width": args.width, "height": args.height}
    made = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    full, part = str(folder / "full.json"), str(folder / "part.json")
    for words in (
        ("-m", "src.data.synthetic", "--out", str(folder), *made),
        ("-m", "src.xml2coco", "--data_path", str(folder), "--save_path", full),
        ("random_select.py", "--ann_file", full, "--label_ratio", "50", "--output_ann_file", part),
    ):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def imports() -> dict[str, float]:
    """Seconds to import each program, in a process of its own."""
    result = {}
    for name in ("train", "eval", "infer"):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, check=True)
        result[name] = time.perf_counter() - begin
    return result


if __name__ == "__main__":
    main()
