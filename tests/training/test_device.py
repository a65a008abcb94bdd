"""Devices: what is there is set up, what is not is named in one line."""

import mindspore as ms
import pytest

from src.errors import UserError
from src.training.device import Device, set_up_device

pytestmark = pytest.mark.usefixtures("pynative")


def test_the_cpu_alone_computes_in_float32_graphs():
    assert set_up_device("CPU", 0, False, "auto", 1) == Device(0, 1, False)
    assert ms.get_context("mode") == ms.GRAPH_MODE
    assert set_up_device("CPU", 0, False, True, 1).mixed_precision is True
    assert set_up_device("CPU", 0, False, False, 1).mixed_precision is False


@pytest.mark.parametrize("target", ["GPU", "Ascend"])
def test_a_device_that_is_not_there_is_named_in_one_line(target):
    with pytest.raises(UserError, match=rf"^device_target: no usable {target} device 2 on this machine \(") as raised:
        set_up_device(target, 2, False, "auto", 1)
    assert "\n" not in str(raised.value)
    assert set_up_device("CPU", 0, False, "auto", 1).count == 1


def test_several_processes_need_msrun(monkeypatch):
    for name in ("MS_WORKER_NUM", "RANK_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="run_distribute: start the run through msrun"):
        set_up_device("CPU", 0, True, "auto", 1)


def test_the_seed_decides_fresh_weights():
    def fresh():
        set_up_device("CPU", 0, False, "auto", 5)
        return ms.nn.Dense(3, 3).weight.asnumpy()

    assert (fresh() == fresh()).all()
