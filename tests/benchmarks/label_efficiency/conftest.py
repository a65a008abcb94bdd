"""Programs that stand in for those of the product which train and detect, so that a plan is done in seconds."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.benchmarks.label_efficiency.plans import draw_set, write_plan

ROOT = Path(__file__).resolve().parents[3]
REAL = ("random_select.py", "sorted_values.py", "pick_select.py", "src/xml2coco.py")
START = "import sys; from pathlib import Path; from benchmarks.label_efficiency.__main__ import main; "
START += "main(sys.argv[2:], programs=Path(sys.argv[1]))"


def write_shim(folder: Path, name: str, before: str = "") -> None:
    """A program that does something and then is a real one."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    lines = ("import runpy, sys", f"sys.path.insert(0, {str(ROOT)!r})", before)
    (folder / name).write_text("\n".join((*lines, f"runpy.run_path({str(ROOT / name)!r}, run_name='__main__')\n")))


@dataclass
class Bench:
    """Starts the harness on a practice set.

    Attributes:
        folder: of the plan and the outputs; programs: folder of train.py and the others; data: the practice set.
    """

    folder: Path
    programs: Path
    data: Path
    environment: dict = field(default_factory=dict)

    def plan(self, **changes) -> None:
        """Write the plan."""
        write_plan(self.folder, {"backbone": "resnet_v1_10", "batch_size": 1}, **changes)

    def command(self, *more: object) -> list[str]:
        """The command line of the harness."""
        words = ["--plan", self.folder / "plan.yaml", "--data", self.data, "--out", self.folder / "out", *more]
        return [sys.executable, "-c", START, str(self.programs), *map(str, words)]

    def start(self, *more: object) -> subprocess.Popen:
        """Start it; the output is text."""
        environment = os.environ | {"STAND_IN_STARTS": str(self.folder / "starts.txt")} | self.environment
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(self.command(*more), cwd=ROOT, env=environment, **pipes)

    def run(self, *more: object, status: int = 0) -> str:
        """Start it, wait for its end, and return what it said."""
        process = self.start(*more)
        said, _ = process.communicate()
        assert process.returncode == status, said
        return said

    def starts(self) -> list[str]:
        """A line for each start of a training: cell, process id, and whether it was resumed."""
        file = self.folder / "starts.txt"
        return file.read_text().splitlines() if file.is_file() else []

    @property
    def results(self) -> Path:
        return self.folder / "out" / "results" / "practice"

    @property
    def cells(self) -> Path:
        return self.folder / "out" / "practice" / "cells"


@pytest.fixture(scope="session")
def practice_set(tmp_path_factory) -> Path:
    """Fifteen pictures; read only."""
    return draw_set(tmp_path_factory.mktemp("practice") / "set")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory) -> Path:
    """The folder of the programs; read only."""
    folder = tmp_path_factory.mktemp("programs")
    for file in Path(__file__).with_name("stand_ins").glob("*.py"):
        shutil.copy(file, folder)
    for name in REAL:
        write_shim(folder, name)
    return folder


@pytest.fixture
def bench(practice_set, stand_ins, tmp_path) -> Bench:
    """See ``Bench``; with stand-ins."""
    bench = Bench(tmp_path, stand_ins, practice_set)
    bench.plan()
    return bench
