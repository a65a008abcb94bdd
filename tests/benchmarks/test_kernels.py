"""benchmarks/kernels.py with stand-ins for the two scripts that it runs, and that a kernel can be left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from mindspore import Parameter, Tensor

from benchmarks import kernels, setting
from src.semi import gradient_norms

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = """import json, sys
words = sys.argv[1:]
without = words[words.index("--without") + 1] if "--without" in words else ""
seconds = {"": 2.0, "winograd": 3.0, "pooling": 2.5}.get(without, 2.0)
run = {"seconds": {"median": seconds}, "cpu_seconds": {"median": 2 * seconds}}
report = REPORT
with open(words[words.index("--json") + 1], "w") as file:
    json.dump(report, file)
"""


def test_each_kernel_is_left_out_in_turn(tmp_path, monkeypatch):
    for name, report in (
        ("step.py", "{'supervised': {'runs': {'step': run}}}"),
        ("inference.py", "{'runs': {'inference': run}}"),
    ):
        (tmp_path / name).write_text(STAND_IN.replace("REPORT", report))
    monkeypatch.setattr(kernels, "HERE", tmp_path)
    kernels.main(["--json", str(tmp_path / "kernels.json")])
    found = json.loads((tmp_path / "kernels.json").read_text())
    for what in ("supervised_step", "detection"):
        assert found[what]["with_all"] == {"seconds": 2.0, "processor_seconds": 4.0}
        ratios = {name: row["ratio"] for name, row in found[what].items() if name != "with_all"}
        slower = {"without_winograd": 1.5, "without_pooling": 1.25}
        assert ratios == {f"without_{kernel}": 1.0 for kernel in setting.KERNELS} | slower


def test_a_script_that_fails_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "step.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(kernels, "HERE", tmp_path)
    with pytest.raises(SystemExit):
        kernels.main([])
    assert "step.py ended with status 3" in capsys.readouterr().err


def test_all_kernels_can_be_left_out():
    assert set(setting.KERNELS) == {path.stem for path in (ROOT / "src").rglob("*.cc")}


def test_without_a_kernel_operators_compute_the_same(monkeypatch):
    weights = [Parameter(Tensor(np.zeros(3, np.float32)), name="weight")]
    gradients = (Tensor(np.float32([3, 4, 0])),)
    native = gradient_norms.gradient_norms(weights)
    monkeypatch.setattr(gradient_norms, "compiled", gradient_norms.compiled)  # puts it back afterwards
    setting.leave_out("gradient_norms")
    operators = gradient_norms.gradient_norms(weights)
    assert type(native) is gradient_norms.NativeNorms and type(operators) is gradient_norms.OperatorNorms
    assert native(gradients).asnumpy() == operators(gradients).asnumpy() == [5.0]
