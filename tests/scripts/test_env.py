"""scripts/_env.sh: the environment is made once, renewed when the requirement files change, and otherwise left alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# `python -c` answers the question for the version, `-m venv DIR` puts a copy of itself there, `-m pip install` is noted.
STUB_PYTHON = """#!/bin/sh
case "$1 $2" in
"-c "*) exit {wrong_version} ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip") [ "$3" = --version ] || echo "$@" >>"{record}"; exit "${{PIP_FAILS:-0}}" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the requirement files and _env.sh, and python3.11 and old-python in bin/ that note what they install."""
    project = tmp_path / "my project"
    (project / "scripts").mkdir(parents=True)
    for name in ("_env.sh", "_packages.sh", "_requirements.py"):
        shutil.copy(ROOT / "scripts" / name, project / "scripts")
    for name in ("requirements.txt", "requirements-deploy.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, project)
    (project / "bin").mkdir()
    for name, wrong_version in (("python3.11", 0), ("old-python", 1)):
        file = project / "bin" / name
        file.write_text(STUB_PYTHON.format(wrong_version=wrong_version, record=project / "pip.txt"))
        file.chmod(0o755)
    return project


def start(project: Path, requirements: str = "requirements.txt", **variables: str) -> subprocess.CompletedProcess[str]:
    """Source _env.sh, make the environment ready, print PYTHON."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHON", "VENV")}
    script = f'set -euo pipefail; source scripts/_env.sh; environment {requirements}; echo "PYTHON=$PYTHON"'
    return subprocess.run(
        ["bash", "-c", script],
        cwd=project,
        env={**clean, "PATH": f"{project / 'bin'}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def installs(project: Path) -> list[str]:
    """The requirement files that were installed, in order."""
    record = project / "pip.txt"
    return [Path(line).name for line in record.read_text().splitlines()] if record.exists() else []


def test_installs_once(project):
    for _ in range(3):
        result = start(project)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == f"PYTHON={project}/.venv/bin/python"
    assert installs(project) == ["requirements.txt"]


def test_development_needs_include_the_others(project):
    start(project, "requirements-dev.txt")
    start(project)
    start(project, "requirements-deploy.txt")
    start(project, "requirements-dev.txt")
    assert installs(project) == ["requirements-dev.txt"]


def test_changed_requirements_are_installed_again(project):
    start(project, "requirements-dev.txt")
    (project / "requirements.txt").write_text("numpy\n")
    start(project, "requirements-dev.txt")
    assert installs(project) == ["requirements-dev.txt"] * 2


def test_a_broken_installation_is_not_taken_for_a_good_one(project):
    assert start(project, PIP_FAILS="1").returncode == 1
    assert start(project).returncode == 0
    assert installs(project) == ["requirements.txt"] * 2


def test_an_environment_without_pip_is_made_whole(project):
    """Debian's Python without its venv module leaves such a one."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$2" != pip ]\n')
    python.chmod(0o755)
    assert start(project).returncode == 0
    assert installs(project) == ["requirements.txt"]


def test_the_root_is_found_whatever_cd_searches(project):
    (project / "elsewhere" / "scripts").mkdir(parents=True)
    result = start(project, CDPATH=str(project / "elsewhere"))
    assert result.stdout.splitlines()[-1] == f"PYTHON={project}/.venv/bin/python"


def test_a_wrong_python_is_refused_in_one_line(project):
    result = start(project, PYTHON=str(project / "bin" / "old-python"))
    assert result.returncode == 2
    assert result.stderr.startswith("error: PYTHON=")
    assert "is not Python 3.11" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not installs(project)


def test_no_python_is_said_in_one_line(project):
    for name in ("python3.11", "python3", "python"):
        shutil.copy(project / "bin" / "old-python", project / "bin" / name)
    result = start(project)
    assert result.returncode == 2
    assert result.stderr.startswith("error: found no Python 3.11: install it")
    assert result.stderr.count("\n") == 1


def test_an_environment_of_ones_own_is_left_alone(project):
    own = project / "conda" / "bin"
    own.mkdir(parents=True)
    shutil.copy(project / "bin" / "python3.11", own / "python")
    result = start(project, VENV="conda")
    assert result.stdout == f"PYTHON={own}/python\n"
    assert not installs(project)
    assert not (project / ".venv").exists()
    assert "has no bin/python" in start(project, VENV="elsewhere").stderr
    shutil.copy(project / "bin" / "old-python", own / "python")
    assert "VENV=conda is not an environment of Python 3.11" in start(project, VENV="conda").stderr
