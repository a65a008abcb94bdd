"""A stand-in for the Python environment: its `python` notes how it is called and writes what the real program would.

Its environment variables: STUB_FAILS=PROGRAM lets a program fail, STUB_STOPS=PROGRAM stops the launch script
while it runs, STUB_RANKING is the text of the ranking, with STUB_REAL_PICK the real pick_select.py runs, and with
STUB_REAL_OPTIONS the real check of the names of options. What only checks is noted as "check PROGRAM".
"""

import ast
import os
import string
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAPS = (
    *string.ascii_letters,
    "_",
    "*",
    "?",
    "[",
    "-",
    "-n",
    "--key",
    "0",
    "[PRE_TRAINED]",
    "two words",
    "two\nlines\n",
)

# It runs a thousand times, so it starts without site packages and imports little.
STUB_PYTHON = """#!{python} -S
import os, sys

arguments = sys.argv[1:]
name = os.path.basename(arguments[0])
if name in ("_backbone.py", "_requirements.py", "_options.py") and not ("STUB_REAL_OPTIONS" in os.environ and name == "_options.py"):
    sys.exit(0)
if name == "-c":
    exec(arguments[1])
    sys.exit(0)

def run_the_real_one():
    sys.stdout.flush()
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])

def note(file, what):
    with open(file, "a", encoding="utf-8") as record:
        print(ascii(what), file=record)

if name in ("_options.py", "_stage_table.py", "_setting.py", "_model_metadata.py", "_kept_ranking.py"):
    run_the_real_one()
program, arguments = (arguments[1], arguments[2:]) if name == "-m" else (name, arguments[1:])
if program == "pick_select.py" and not {{"--top_value_file", "--picked_file"}} & set(arguments):
    program = "check pick_select.py"
if program == "sorted_values.py" and "--check" in arguments:
    program = "check sorted_values.py"
given = dict(zip(arguments, arguments[1:]))
if program == "src.recipe":
    note({record!r} + ".recipes", arguments)
    with open(given["--output"], "x", encoding="utf-8") as file:
        file.write("max_iter: 7\\nburn_up_iter: 3\\nwarmup_step: 2\\n")
    sys.exit(3 if program == os.environ.get("STUB_FAILS") else 0)
note({record!r}, [program, *arguments])
print(f"{{program}} speaks")
if program == os.environ.get("STUB_FAILS"):
    sys.exit(3)
if program == os.environ.get("STUB_STOPS"):
    import time
    os.kill(os.getppid(), 15)
    time.sleep(60)
if program == "check sorted_values.py" or program.endswith("pick_select.py") and "STUB_REAL_PICK" in os.environ:
    run_the_real_one()
if program == "check pick_select.py":
    sys.exit(0)
OUTPUTS = {{
    "train.py": ("--save_checkpoint_path", "model_0.ckpt"),
    "_msrun.py": ("--save_checkpoint_path", "model_0.ckpt"),
    "infer.py": ("--eval_output_dir", "infer_results.json"),
    "sorted_values.py": ("--exp_dir", "top_value_data.json"),
    "pick_select.py": ("--output_ann_file", ""),
    "eval.py": ("--eval_output_dir", "metrics.json"),
    "src.evaluation.page": ("--run", "report.html"),
}}
option, name = OUTPUTS[program]
output = os.path.join(given[option], name) if name else given[option]
if program == "pick_select.py" and "--resume" in arguments and os.path.exists(output):
    sys.exit(0)
with open(output, "x") as file:
    file.write(os.environ.get("STUB_RANKING", '{{"1.png": 0.5}}') if name == "top_value_data.json" else '{{"AP": 0.25, "AP50": null}}')
"""


@dataclass(frozen=True)
class Workshop:
    """A folder of inputs with difficult names, and the scripts run in it with the stand-in environment."""

    folder: Path
    environment: Path
    record: Path

    def run(
        self, script: str, *arguments: str | Path, before: Sequence[str | Path] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Start scripts/SCRIPT in the folder, by the command `before` if there is one; `variables` join the environment."""
        return subprocess.run(
            [*before, "bash", str(ROOT / "scripts" / script), *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "VENV": str(self.environment), **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def calls(self) -> list[list[str]]:
        """What was started, in order: [program, argument, ...]."""
        if not self.record.exists():
            return []
        return [ast.literal_eval(line) for line in self.record.read_text(encoding="utf-8").splitlines()]

    def recipes(self) -> list[list[str]]:
        """The arguments of each start of `python -m src.recipe`, which `calls` leaves out."""
        record = self.record.with_name(self.record.name + ".recipes")
        if not record.exists():
            return []
        return [ast.literal_eval(line) for line in record.read_text(encoding="utf-8").splitlines()]

    def programs(self) -> list[str]:
        """The names of what was started, in order."""
        return [call[0] for call in self.calls()]

    def path(self, name: str) -> str:
        """The absolute path of a file of the folder."""
        return str(self.folder / name)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Inputs: images, eval images (folders); train.json, full.json, val.json, net.ckpt, net.onnx, rank table.json (files).

    The other folders are traps: a word like `[PRE_TRAINED]` that bash takes for a pattern becomes one of their names.
    """
    folder = tmp_path / "mes données 数据"
    for name in ("images", "eval images", *TRAPS):
        (folder / name).mkdir(parents=True)
    for name in ("train.json", "full.json", "val.json", "net.ckpt", "net.onnx", "rank table.json"):
        (folder / name).write_text("{}")
    interpreter = tmp_path / "env" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    record = tmp_path / "calls.jsonl"
    interpreter.write_text(STUB_PYTHON.format(python=sys.executable, record=str(record)))
    interpreter.chmod(0o755)
    return Workshop(folder, interpreter.parents[1], record)


@pytest.fixture
def coco(workshop: Workshop) -> Path:
    """A folder of the workshop that is laid out as COCO's."""
    folder = workshop.folder / "coco"
    for name in ("train2017", "val2017", "annotations"):
        (folder / name).mkdir(parents=True)
    for part in ("train", "val"):
        (folder / "annotations" / f"instances_{part}2017.json").write_text("{}")
    return folder
