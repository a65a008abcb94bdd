"""The moving average against NumPy."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn
from mindspore import dtype as mstype

from src.semi.ema import EmaConfig, MovingAverage

pytestmark = pytest.mark.usefixtures("pynative")


class Network(nn.Cell):
    """A trained, a frozen and a moving parameter, all filled with one number."""

    def __init__(self, value: float, prefix: str = "") -> None:
        super().__init__()
        self.trained = Parameter(Tensor(np.full(3, value, np.float32)), name=f"{prefix}trained")
        self.frozen = Parameter(Tensor(np.full(3, value, np.float32)), name=f"{prefix}frozen", requires_grad=False)
        self.statistic = Parameter(
            Tensor(np.full(3, value, np.float32)), name=f"{prefix}bn.moving_mean", requires_grad=False
        )


def follow(config: EmaConfig, steps: int) -> list[tuple[float, float, float, float]]:
    """Decay and values of the teacher after each step, while the student takes the values 1, 2, 3, ..."""
    teacher, student = Network(-7.0, "teacher."), Network(-7.0)
    average = MovingAverage(teacher, student, config)
    seen = []
    for age in range(steps):
        for parameter in student.get_parameters():
            parameter.set_data(Tensor(np.full(3, age + 1.0, np.float32)))
        decay = float(average(Tensor(age, mstype.int32), Tensor(True)).asnumpy())
        seen.append((decay, *(float(row.asnumpy()[1]) for row in teacher.get_parameters())))
        assert all((row.asnumpy() == age + 1).all() for row in student.get_parameters())
    return seen


@pytest.mark.parametrize(("greatest", "ramp"), [(0.9, False), (0.6, True), (0.9996, True)])
def test_values_against_numpy(greatest, ramp):
    teacher = -7.0
    for age, (decay, trained, frozen, statistic) in enumerate(follow(EmaConfig(greatest, ramp), 6)):
        wanted = min(age / (age + 1) if ramp else min(age, 1), greatest)
        teacher = wanted * teacher + (1 - wanted) * (age + 1)
        assert decay == pytest.approx(wanted, abs=1e-6)
        assert trained == pytest.approx(teacher, abs=1e-4)
        assert statistic == pytest.approx(teacher, abs=1e-4)
        assert frozen == -7.0


def test_the_first_step_copies_and_a_ramp_is_the_mean_of_all_students():
    assert follow(EmaConfig(0.5, ramp=False), 1)[0][1] == 1.0
    assert follow(EmaConfig(0.9996, ramp=True), 5)[-1][1] == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("age", [0, 3])
def test_the_teacher_stays_when_its_student_did(age):
    teacher, student = Network(-7.0, "teacher."), Network(1.0)
    decay = MovingAverage(teacher, student, EmaConfig(0.5, ramp=False))(Tensor(age, mstype.int32), Tensor(False))
    assert float(decay.asnumpy()) == 1.0 and float(teacher.trained.asnumpy()[0]) == -7.0


def test_networks_of_different_size_are_refused():
    with pytest.raises(ValueError):
        MovingAverage(Network(0.0), nn.Dense(2, 2), EmaConfig(0.9, ramp=True))
