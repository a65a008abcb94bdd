"""train.py with a toy in place of the detector, in processes that may be killed; started by ``conftest.py``.

Everything but the network is the product's: data, steps, optimizer, teacher, log, evaluation, saving, resuming. Each line of the
standard input is a job in JSON; it runs in a process forked from this one, which has imported everything and computed nothing, so
that a run of the toy starts in a fraction of a second. The answer is a line with the exit status (minus the signal if one ended it).
"""

import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import train
from src.checkpoint import detector_file as checkpoint
from src.checkpoint.detector_file import TEACHER_PREFIX
from src.data import dataset
from src.engine import loop, networks
from src.engine.schedule import ScheduleConfig, learning_rates
from src.network_define import TeacherStudentStep, TrainStep

# Under nohup SIGHUP is ignored, here and in what is started, and a run then outlives its terminal.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The objects of the tiny data set, in pixels of the 64 x 64 input: a square and a circle in turn.
OBJECTS = np.array([[5 + 12 * i, 10 + 3 * i, 15 + 12 * i, 20 + 3 * i] for i in range(4)], np.float32) * (64 / 60)


class Toy(nn.Cell):
    """Knows where objects are and learns how sure to be of each, from mean colours; has moving statistics and an optimizer's slots."""

    loss_terms = ("rpn_cls_loss", "rpn_reg_loss", "rcnn_cls_loss", "rcnn_reg_loss")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.sure = nn.Dense(3, 4, weight_init=Tensor(rng.normal(size=(4, 3)).astype(np.float32)))

    def scores(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 4]."""
        return ops.sigmoid(self.sure(self.norm(images.astype(mstype.float32).mean((2, 3)) / 255.0)))

    def losses(self, images, boxes, labels, valid, crowd, step, image_sizes):
        wanted = ops.minimum(valid.astype(mstype.float32).sum(-1, keepdims=True), 4.0)
        there = (Tensor([0.0, 1.0, 2.0, 3.0], mstype.float32) < wanted).astype(mstype.float32)
        errors = ops.square(self.scores(images) - there)
        return errors[:, 0], errors[:, 1], errors[:, 2], errors[:, 3]

    def construct(self, images, image_sizes):
        batch = images.shape[0]
        scores = self.scores(images)
        labels = ops.tile(Tensor([[1, 2, 1, 2]], mstype.int32), (batch, 1))
        boxes = ops.tile(Tensor(OBJECTS[None]), (batch, 1, 1))
        return boxes, scores, labels, ops.ones((batch, 4, 3), mstype.float32), scores > 0.05


def toy_networks(config, data, device) -> networks.Networks:
    """What ``build_networks`` returns, of toys."""
    ms.set_context(mode=ms.PYNATIVE_MODE, pynative_synchronize=True)  # nothing to compile
    rng = np.random.default_rng(1)
    student, teacher, detector = Toy(rng), Toy(rng), Toy(rng)
    for network, training in ((student, True), (teacher, False), (detector, False)):
        network.set_train(training)
    teacher.update_parameters_name(TEACHER_PREFIX)
    optimizer = nn.Momentum(student.trainable_params(), config.base_lr, config.momentum, config.weight_decay)
    rates = learning_rates(ScheduleConfig("cosine", config.base_lr, 3, 0.1), config.max_iter)
    step = networks.step_config(config, device)
    state = networks.run_state(config, step, len(data.annotations.class_names))
    averaged = teacher if config.supervised_ema else None
    burn_in = TrainStep(student, optimizer, rates, state, step, averaged=averaged)
    mutual = TeacherStudentStep(student, teacher, optimizer, rates, state, step)
    return networks.Networks(student, teacher, burn_in, mutual, state, optimizer, detector)


def die_at(number: int) -> None:
    """Kill this process at the n-th of the moments at which a file is half written, written, or takes its name."""
    moments = itertools.count(1)

    def deadly(call, is_half_done):
        def run(*args, **kwargs):
            if next(moments) == number:
                if is_half_done:
                    call(*args, **kwargs)
                    os.truncate(args[1], os.path.getsize(args[1]) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return run

    checkpoint.ms.save_checkpoint = deadly(ms.save_checkpoint, True)
    os.fsync, os.replace = deadly(os.fsync, False), deadly(os.replace, False)


def slow(call, seconds: float):
    """A function that takes so much longer."""

    def wait_and_call(*args, **kwargs):
        time.sleep(seconds)
        return call(*args, **kwargs)

    return wait_and_call


def copy_upside_down(student: Toy, teacher: Toy) -> None:
    """A teacher that is sure where its student is not."""
    checkpoint.copy_weights(student, teacher)
    for parameter in (teacher.sure.weight, teacher.sure.bias):
        ops.assign(parameter, -parameter)


def run(job: dict) -> None:
    """One run in this process: `words` of its command line, `console` for what it prints, the others as for ``Toys.run``."""
    console = os.open(job["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(console, 1)
    os.dup2(console, 2)
    if job["reading"]:
        dataset.read_image = slow(dataset.read_image, job["reading"])
    if job["upside_down"]:
        loop.copy_weights = copy_upside_down
    if job["untimed"]:
        train.forecast = lambda run: None
    if job["die_at"]:
        die_at(job["die_at"])
    train_toy(job["words"])


def train_toy(words: list[str]) -> None:
    """train.py with these words of its command line."""
    train.build_networks = toy_networks
    train.load_initial_weights = lambda config, student: "a toy"
    train.main(words)


def serve(job: dict) -> int:
    """Fork, send the `signal` ([text to wait for, seconds after it, number]) if there is one, and wait for the end."""
    printed_before = os.path.getsize(job["console"]) if os.path.exists(job["console"]) else 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(job)
            status = 0
        except SystemExit as stop:
            status = stop.code
        finally:
            sys.stdout.flush()
            os._exit(status)
    if job["signal"]:
        text, seconds, number = job["signal"]
        while text not in printed(job["console"], printed_before):
            time.sleep(0.01)
        time.sleep(seconds)
        os.kill(child, number)  # not waited for yet, so the number is still its own
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def printed(console: str, start: int) -> str:
    """What a file holds from a place on."""
    if not os.path.exists(console):
        return ""
    with open(console, "rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
