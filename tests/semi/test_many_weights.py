"""A ResNet-152 has more weights than a loop of graph mode can take: it is a recursion of at most 1000 calls."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, Tensor, nn

from src.engine.optimizer import build_optimizer
from src.network_define import RunState
from src.semi.batch_norm_statistics import MovingStatistics
from src.semi.ema import EmaConfig, MovingAverage
from src.semi.weight_update import Update, UpdateConfig

COUNT = 520


@pytest.fixture(autouse=True)
def graph_mode():
    before = ms.get_context("mode")
    ms.set_context(mode=ms.GRAPH_MODE)
    yield
    ms.set_context(mode=before)


class Network(nn.Cell):
    """Weights and nothing else; weight n is filled with `first` + n."""

    def __init__(self, first: float, prefix: str = "") -> None:
        super().__init__()
        values = [Tensor(np.full((1, 1), first + number, np.float32)) for number in range(COUNT)]
        self.weights = ParameterTuple(
            [Parameter(value, name=f"{prefix}{number}") for number, value in enumerate(values)]
        )

    def values(self) -> np.ndarray:
        return np.array([weight.asnumpy()[0, 0] for weight in self.weights])


def test_moving_average():
    teacher, student = Network(4.0, "teacher."), Network(2.0)
    MovingAverage(teacher, student, EmaConfig(0.5, ramp=False))(Tensor(1, ms.int32), Tensor(True))
    np.testing.assert_array_equal(teacher.values(), np.arange(COUNT) + 3.0)


def test_update_of_two_batches_clipped_together():
    class Step(nn.Cell):
        def __init__(self, update: Update) -> None:
            super().__init__(auto_prefix=False)
            self.update = update

        def construct(self, *gradients: Tensor) -> Tensor:
            return self.update(gradients, gradients[0].sum())[0]

    network = Network(0.0)
    optimizer = build_optimizer("adamw", list(network.weights), 0.5, 0.0, weight_decay=0.1)
    config = UpdateConfig(
        clip_norm=1.0,
        clip_together=True,
        batches=2,
        dynamic_loss_scale=False,
        initial_loss_scale=1.0,
        scale_window=1,
    )
    step = Step(Update(optimizer, np.full(3, 0.5), RunState(1.0), config, device_count=1))
    gradients = [Tensor(np.full((1, 1), 6.0 + number % 2, np.float32)) for number in range(COUNT)]
    for _ in range(2):
        assert bool(step(*gradients).asnumpy())
    # The first step of Adam is as long as the rate, whatever the gradient; the decay takes 0.5 * 0.1 of a weight before.
    np.testing.assert_allclose(network.values(), 0.95 * np.arange(COUNT) - 0.5, atol=1e-3)


def test_moving_statistics_are_restored():
    class Step(nn.Cell):
        def __init__(self) -> None:
            super().__init__(auto_prefix=False)
            self.norms = nn.CellList([nn.BatchNorm2d(1) for _ in range(COUNT // 2)])
            self.statistics = MovingStatistics(self.norms)

        def construct(self, image: Tensor) -> Tensor:
            self.statistics()
            found = self.norms[-1](image)
            self.statistics.restore_unless(Tensor(False))
            return found

    step = Step()
    step.set_train()
    step(Tensor(np.full((1, 1, 2, 2), 5.0, np.float32)))
    assert step.norms[-1].moving_mean.asnumpy()[0] == 0.0 and step.norms[-1].moving_variance.asnumpy()[0] == 1.0
