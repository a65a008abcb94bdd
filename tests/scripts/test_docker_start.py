"""docker_start.sh with a stand-in for docker."""

import csv
import itertools
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start the script in a folder; its docker prints its arguments, one a line."""
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    docker.chmod(0o755)
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "docker_start.sh"), *words],
        cwd=folder,
        env={**os.environ, "PATH": f"{docker.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_folders_keep_their_paths(tmp_path):
    for name in ('my "data", 2:1', "models"):
        (tmp_path / name).mkdir()
    done = start(tmp_path, "detector:1", 'my "data", 2:1', "models", "python", "eval.py", "--help")
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert words[0] == "run"
    mounts = [next(csv.reader([after])) for word, after in itertools.pairwise(words) if word == "--mount"]
    folders = [f'{tmp_path}/my "data", 2:1', f"{tmp_path}/models"]
    assert mounts == [["type=bind", f"source={folder}", f"target={folder}"] for folder in folders]
    assert words[-4:] == ["detector:1", "python", "eval.py", "--help"]


def test_mistakes(tmp_path):
    done = start(tmp_path, "detector:1", str(tmp_path), "far/gone")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: there is no folder {tmp_path}/far/gone\n"
    assert (
        "usage: bash"
        in subprocess.run(
            ["bash", str(ROOT / "scripts" / "docker_start.sh")], capture_output=True, text=True, check=False
        ).stdout
    )
