"""The small table at the end of a two-stage run."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "_stage_table.py"


def test_a_line_for_each_stage(tmp_path):
    files = []
    for stage, scores in (("first_stage", {"AP": 0.4567, "AP50": 0.8}), ("second_stage", {"AP": None, "AP50": 0.9})):
        files.append(tmp_path / stage / "eval" / "metrics.json")
        files[-1].parent.mkdir(parents=True)
        files[-1].write_text(json.dumps(scores))
    result = subprocess.run([sys.executable, SCRIPT, *files], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        "stage               AP    AP50",
        "first_stage      0.457   0.800",
        "second_stage       n/a   0.900",
    ]
