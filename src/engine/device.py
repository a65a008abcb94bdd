"""The device of a run. Except for kernels of single functions, only this module depends on CPU, GPU or Ascend.

GPU and Ascend were never run (README.md).
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import mindspore as ms
from mindspore import Tensor, communication, nn, ops

from src.config.load import Config
from src.errors import UserError

MAX_THREADS = 25  # per operator: MindSpore's own limit


@dataclass(frozen=True)
class Device:
    """The device of this process.

    Attributes:
        rank: of this process.
        count: number of processes (world size).
        mixed_precision: float16 compute with dynamic loss scaling and float32 weights.
    """

    rank: int
    count: int
    mixed_precision: bool


def set_up_device(config: Config, distribute: bool = False) -> Device:
    """Set the device and graph mode, initialise communication if `distribute`, seed MindSpore's random numbers.

    Raises:
        UserError: the device is not available, or `distribute` is set without msrun.
    """
    target = config.device_target
    if distribute and "MS_WORKER_NUM" not in os.environ and "RANK_SIZE" not in os.environ:
        raise UserError(
            "run_distribute: start the run through msrun, e.g. bash scripts/run_distribute_train_model_gpu.sh"
        )
    try:
        # Under msrun MindSpore assigns a device to each process.
        ms.set_device(target) if distribute or target == "CPU" else ms.set_device(target, config.device_id)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"device_target: no usable {target} device {config.device_id} on this machine ({reason})"
        ) from error
    if target == "CPU":
        _limit_threads()
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(config.global_seed)
    rank, count = 0, 1
    if distribute:
        communication.init()
        rank, count = communication.get_rank(), communication.get_group_size()
        ms.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True, device_num=count)
    mixed = config.mixed_precision
    return Device(rank, count, target == "Ascend" if mixed == "auto" else mixed)


@cache
def _limit_threads() -> None:
    """Limit the threads per operator to the cores of this process: MindSpore uses several threads even on one core."""
    with suppress(RuntimeError):  # it can be set once per process; an earlier choice is kept
        ms.device_context.cpu.op_tuning.threads_num(min(len(os.sched_getaffinity(0)), MAX_THREADS))


class _AllReduce(nn.Cell):
    """Sums a tensor over all processes."""

    def __init__(self) -> None:
        super().__init__()
        self.add = ops.AllReduce()

    def construct(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        return self.add(value)


def broadcast_from_rank_0(value: float, device: Device) -> float:
    """Broadcast the value of rank 0; all ranks must call this, and it blocks until they do."""
    if device.count == 1:
        return value
    own = value if device.rank == 0 else 0.0
    return float(_AllReduce()(Tensor([own], ms.float32)).asnumpy()[0])
