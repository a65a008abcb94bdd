"""The way to an offline model, with a stand-in for Huawei's compiler."""

import os
import sys

import pytest

from src.errors import UserError
from src.exporting.offline_model import check_compiler, write_offline_model

ATC = """#!{python}
import sys
from pathlib import Path

given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
{body}
"""
WORKS = 'Path(given["output"] + ".om").write_text(repr(sorted(given)) + given["framework"] + given["soc_version"])'
FAILS = 'print("ATC start working now"); print("E10001: error: soc_version [X] is wrong"); print("tail"); sys.exit(1)'
LIES = 'print("ATC run success")'


@pytest.fixture
def atc(tmp_path, monkeypatch):
    """Puts a stand-in for atc first on the PATH."""

    def install(body: str) -> None:
        program = tmp_path / "bin" / "atc"
        program.parent.mkdir(exist_ok=True)
        program.write_text(ATC.format(python=sys.executable, body=body))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return install


@pytest.fixture
def model(tmp_path):
    """Stands for an exported model; its name has a dot."""
    path = tmp_path / "models" / "faces.v1.onnx"
    path.parent.mkdir()
    path.write_text("onnx")
    return path


def test_atc_is_called_and_its_file_gets_the_name(atc, model):
    atc(WORKS)
    check_compiler("ONNX")
    written = write_offline_model(model, "ONNX", "Ascend310", overwrite=False)
    assert written == model.with_name("faces.v1.om")
    assert written.read_text() == "['framework', 'model', 'output', 'soc_version']5Ascend310"
    assert sorted(path.name for path in model.parent.iterdir()) == ["faces.v1.om", "faces.v1.onnx"]


@pytest.mark.parametrize(
    ("body", "said"),
    [(FAILS, "status 1: E10001: error: soc_version"), (LIES, "status 0: ATC run success")],
)
def test_its_failure_is_ours_in_one_line(atc, model, body, said):
    atc(body)
    with pytest.raises(UserError) as raised:
        write_offline_model(model, "ONNX", "X", overwrite=False)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert [path.name for path in model.parent.iterdir()] == ["faces.v1.onnx"]


def test_without_atc_or_a_format_for_it_nothing_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="atc is not on the PATH"):
        check_compiler("ONNX")
    with pytest.raises(UserError, match="AIR and ONNX models, not MINDIR"):
        check_compiler("MINDIR")
