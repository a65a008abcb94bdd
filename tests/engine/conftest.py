"""Runs of a toy in processes of their own, which tests stop and kill; see ``toy_run.py``."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Toys:
    """Starts train.py with a toy network on the tiny data set."""

    process: subprocess.Popen
    options: tuple

    def run(
        self,
        folder: Path,
        *more: object,
        signal: tuple = (),
        die_at: int | None = None,
        reading: float = 0.0,
        upside_down: bool = False,
        untimed: bool = False,
    ) -> int:
        """Start a run and wait for its end.

        Args:
            folder: of the run; more: further words of the command line.
            signal: (text to wait for in what it prints, seconds to wait afterwards, number) of a signal to send.
            die_at: see ``toy_run.die_at``; reading: seconds that reading an image takes longer;
                upside_down: the teacher starts as sure of an object as the student is that there is none;
                untimed: no steps are timed before the run.

        Returns:
            Its exit status; minus the number of the signal that ended it.
        """
        words = [*self.options, "--save_checkpoint_path", folder, *more]
        job = {"words": [str(word) for word in words], "console": f"{folder}.console", "signal": list(signal)}
        job |= {"die_at": die_at, "reading": reading, "upside_down": upside_down, "untimed": untimed}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def toys(tiny_data, tiny_config):
    """See ``Toys``."""
    script = Path(__file__).with_name("toy_run.py")
    data = ("--train_img_dir", tiny_data.img_dir, "--train_ann_file", tiny_data.train_file)
    scores = ("--eval_img_dir", tiny_data.img_dir, "--eval_ann_file", tiny_data.val_file)
    scale = ("--mixed_precision", "true", "--loss_scale", 1024, "--loss_scale_window", 9)
    # With the sum over both views the toy learns within the few steps of a run.
    settings = ("--base_lr", 0.5, "--sup_loss_weight", 2, "--bbox_threshold", 0.5, "--save_checkpoint_interval", 1)
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield Toys(process, ("--config_path", tiny_config, *data, *scores, *scale, *settings))
    process.stdin.close()
    process.wait()
    process.stdout.close()
