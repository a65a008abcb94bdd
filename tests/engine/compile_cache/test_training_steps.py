"""Training steps from the compile cache do with every parameter what compiled ones do, also with those that nothing else reads."""

import mindspore as ms
import pytest
from mindspore import Parameter, Tensor, nn

from src.engine.compile_cache import cached_cells
from src.engine.compile_cache.cached_cells import cached_step
from src.network_define import RunState, TeacherStudentStep, TrainStep
from tests.engine.compile_cache.test_cached_cells import settings
from tests.test_network_define import CONFIG, RATES, Toy, changed, labels, picture

LABELLED = (picture(0.2, 0.4), picture(0.6, 0.8), Tensor([[4.0, 4.0]] * 2))
UNLABELLED = (picture(0.3), picture(0.5), Tensor([[4.0, 4.0]]))


def build(kind: str) -> tuple[nn.Cell, tuple[Tensor, ...], list[nn.Cell]]:
    """A step of a kind, its inputs, and the cells whose parameters are the state of a run."""
    student, teacher = Toy(), Toy("teacher.", (0.9, 0.9, 0.9, 0.9))
    batches = 2 if "accumulate" in kind else 1
    config = changed(CONFIG, batches=batches, dynamic_loss_scale="scale" in kind)
    state = RunState(config.update.initial_loss_scale)
    optimizer = (nn.AdamWeightDecay if "adam" in kind else nn.Momentum)(student.trainable_params(), 0.1, 0.9)
    cells = [student, teacher, optimizer, state]
    if "teacher" in kind:
        step = TeacherStudentStep(student, teacher, optimizer, RATES, state, config)
        return step, (*LABELLED, *UNLABELLED, *labels(1, 2)), cells
    averaged = teacher if "average" in kind else None
    step = TrainStep(student, optimizer, RATES, state, config, averaged=averaged)
    return step, (*LABELLED, *labels(1, 2)), cells


def state_after_four(kind: str) -> dict[str, bytes]:
    """Every parameter, and the sums for the log, after four batches."""
    step, inputs, cells = build(kind)
    call = cached_step(step, settings(offset=0.5))
    for _ in range(4):
        call(*inputs)
    state = {each.name: each.asnumpy().tobytes() for cell in [*cells, step] for each in cell.get_parameters()}
    return state | {"sums": repr(step.sums.values()).encode()}


@pytest.mark.parametrize("kind", ["average", "average accumulate scale", "teacher accumulate", "teacher scale"])
def test_every_parameter_has_the_same_bits(kind, written, monkeypatch):
    with monkeypatch.context() as off:
        off.setattr(cached_cells, "_mindspore_cache", lambda: None)
        expected = state_after_four(kind)
    assert len(set(expected.values())) > 6
    for _ in ("cold", "warm"):
        found = state_after_four(kind)
        assert {name for name in expected if found[name] != expected[name]} == set()
    assert len(written) == 1


class Loose(nn.Cell):
    """Adds 1 to a parameter of another cell, which it holds in a tuple."""

    def __init__(self, other: Parameter) -> None:
        super().__init__()
        self.others = (other,)

    def construct(self, x: Tensor) -> Tensor:
        return ms.ops.assign_add(self.others[0], x)


def test_parameters_that_a_cached_graph_would_lose_are_noticed(written, caplog):
    for _ in range(2):
        other = Parameter(Tensor(1.0, ms.float32), name="other")
        cached_step(Loose(other), settings())(Tensor(1.0, ms.float32))
        assert float(other.asnumpy()) == 2.0
    assert not written and "Loose is compiled without it because of other" in caplog.text
