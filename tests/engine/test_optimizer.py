"""Optimizers against their formulas in NumPy, with gradients, rates and weights of a few steps."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor, ops

from src.engine.optimizer import OPTIMIZERS, build_optimizer

pytestmark = pytest.mark.usefixtures("pynative")
DECAY, MOMENTUM = 0.1, 0.9
RATES = (0.01, 0.02, 0.02, 0.005)
RNG = np.random.default_rng(0)
START = {"dense.weight": RNG.normal(size=(3, 2)), "dense.bias": RNG.normal(size=3)}
GRADIENTS = [{name: RNG.normal(size=value.shape) for name, value in START.items()} for _ in RATES]


def by_formula(name: str) -> dict[str, np.ndarray]:
    """The weights after all steps."""
    weights = {key: value.copy() for key, value in START.items()}
    first = {key: np.zeros_like(value) for key, value in START.items()}
    second = {key: np.zeros_like(value) for key, value in START.items()}
    for number, (rate, gradients) in enumerate(zip(RATES, GRADIENTS), start=1):
        for key, gradient in gradients.items():
            if name != "adamw":
                gradient = gradient + DECAY * weights[key]
            elif weights[key].ndim > 1:
                weights[key] -= rate * DECAY * weights[key]
            if name in ("sgd", "momentum"):
                first[key] = (MOMENTUM if name == "momentum" else 0.0) * first[key] + gradient
                weights[key] -= rate * first[key]
            else:
                first[key] = 0.9 * first[key] + 0.1 * gradient
                second[key] = 0.999 * second[key] + 0.001 * gradient**2
                mean, spread = first[key] / (1 - 0.9**number), second[key] / (1 - 0.999**number)
                weights[key] -= rate * mean / (np.sqrt(spread) + 1e-8)
    return weights


def build(name: str) -> tuple[list[Parameter], object]:
    """Parameters at their start, and the optimizer of them."""
    parameters = [Parameter(Tensor(value.astype(np.float32)), name=key) for key, value in START.items()]
    return parameters, build_optimizer(name, parameters, RATES[0], MOMENTUM, DECAY)


def step(optimizer, number: int) -> None:
    """One step, as the training step does it."""
    ops.assign(optimizer.learning_rate, Tensor(RATES[number], optimizer.learning_rate.dtype))
    optimizer(tuple(Tensor(value.astype(np.float32)) for value in GRADIENTS[number].values()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps(name):
    parameters, optimizer = build(name)
    for number in range(len(RATES)):
        step(optimizer, number)
    wanted = by_formula(name)
    for parameter in parameters:
        np.testing.assert_allclose(parameter.asnumpy(), wanted[parameter.name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_its_parameters_are_its_whole_memory(name):
    parameters, whole = build(name)
    for number in range(len(RATES)):
        step(whole, number)

    stopped_parameters, stopped = build(name)
    for number in range(2):
        step(stopped, number)
    resumed_parameters, resumed = build(name)
    saved = {row.name: row.asnumpy() for row in (*stopped_parameters, *stopped.get_parameters())}
    for row in (*resumed_parameters, *resumed.get_parameters()):
        row.set_data(Tensor(saved[row.name], row.dtype))
    for number in range(2, len(RATES)):
        step(resumed, number)
    for one, other in zip(parameters, resumed_parameters, strict=True):
        assert np.array_equal(one.asnumpy(), other.asnumpy())


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="expected one of momentum, sgd, adam, adamw, got 'lion'"):
        build("lion")
