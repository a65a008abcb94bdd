"""The small table at the end of a two-stage run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def table(*files: Path) -> subprocess.CompletedProcess[str]:
    """What the script prints for these metrics files."""
    command = [sys.executable, ROOT / "scripts" / "_stage_table.py", *files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_line_for_each_stage(tmp_path):
    files = []
    for stage, scores in (("first_stage", {"AP": 0.4567, "AP50": 0.8}), ("second_stage", {"AP": None, "AP50": 0.9})):
        files.append(tmp_path / stage / "eval" / "metrics.json")
        files[-1].parent.mkdir(parents=True)
        files[-1].write_text(json.dumps(scores))
    result = table(*files)
    assert result.returncode == 0 and result.stdout.splitlines() == [
        "stage               AP    AP50",
        "first_stage      0.457   0.800",
        "second_stage       n/a   0.900",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b'{"AP": "x", "AP50": 1}', b'{"AP": true, "AP50": 1}', b"\xff", b"[" * 9999]
)
def test_metrics_that_are_none_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "metrics.json").write_bytes(content)
    for file in (tmp_path / "metrics.json", tmp_path / "missing.json"):
        result = table(file)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {file}") and "Traceback" not in result.stderr
