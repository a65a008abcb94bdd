"""Programs that compile networks start again with jemalloc, once, as the same process with the same words, and import without collections."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from src import allocator

ROOT = Path(__file__).resolve().parents[1]
# Says what each start of Python sees; the second one ends there, before MindSpore is imported.
WITNESS = """
import os, sys
maps = open("/proc/self/maps").read()
print(os.getpid(), "libjemalloc" in maps, sys.orig_argv[1:], flush=True)
if "libjemalloc" in maps:
    os._exit(7)
"""
# Says at the end of a program whether Python looks for garbage, and whether it skips what was imported.
COLLECTOR = """
import atexit, gc
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 1000, flush=True))
"""


def _starts(folder: Path, *words: str, witness: str = WITNESS, **environment: str) -> subprocess.CompletedProcess:
    (folder / "sitecustomize.py").write_text(witness)
    usual = {key: value for key, value in os.environ.items() if key not in ("LD_PRELOAD", "MS_ROLE")}
    return subprocess.run(
        [sys.executable, *words],
        check=False,
        env=usual | {"PYTHONPATH": str(folder)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("program", "variables"),
    [
        ("train.py", {}),
        ("train.py", {"MS_ROLE": "MS_WORKER"}),
        ("eval.py", {}),
        ("infer.py", {}),
        ("export.py", {}),
        ("benchmarks/step.py", {}),
    ],
    ids=["train", "train, a rank", "eval", "infer", "export", "a benchmark"],
)
def test_the_second_start_is_the_same_process_with_jemalloc(program, variables, tmp_path):
    done = _starts(tmp_path, str(ROOT / program), "--pre_trained", "a b", **variables)
    assert done.returncode == 7 and not done.stderr
    first, second = done.stdout.splitlines()
    number = first.split()[0]
    words = repr([str(ROOT / program), "--pre_trained", "a b"])
    assert (first, second) == (f"{number} False {words}", f"{number} True {words}")


@pytest.mark.parametrize(
    ("given", "found"), [({}, "dirty_decay_ms:1000,muzzy_decay_ms:0"), ({"MALLOC_CONF": "thp:never"}, "thp:never")]
)
def test_freed_memory_returns_soon_unless_the_user_says_otherwise(given, found, tmp_path):
    witness = WITNESS.replace("sys.orig_argv[1:]", "os.environ.get('MALLOC_CONF')")
    assert _starts(tmp_path, str(ROOT / "train.py"), witness=witness, **given).stdout.splitlines()[-1].endswith(found)


def test_what_the_user_preloads_stays(tmp_path):
    done = _starts(tmp_path, str(ROOT / "train.py"), "--version", LD_PRELOAD="")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2 and " False " in done.stdout


def test_label_tools_start_once(tmp_path):
    done = _starts(tmp_path, str(ROOT / "random_select.py"), "--version")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2 and " False " in done.stdout


def test_programs_that_run_an_onnx_model_start_once(tmp_path):
    done = _starts(tmp_path, str(ROOT / "infer.py"), "--model", "faces.onnx")
    assert len([line for line in done.stdout.splitlines() if " False [" in line]) == 1 and " True [" not in done.stdout


@pytest.mark.parametrize(("program", "paused"), [("train.py", True), ("export.py", True), ("random_select.py", False)])
def test_garbage_is_looked_for_once_everything_is_imported(program, paused, tmp_path):
    done = _starts(tmp_path, str(ROOT / program), "--version", witness=COLLECTOR)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == f"True {paused}"


@pytest.mark.parametrize(
    ("folder", "found"), [("there", True), ("with space", False), ("a:b", False), ("not there", False)]
)
def test_the_library_is_one_that_can_be_preloaded(folder, found, tmp_path, monkeypatch):
    library = tmp_path / folder / "lib" / "libjemalloc.so.2"
    if folder != "not there":
        library.parent.mkdir(parents=True)
        library.touch()
    spec = SimpleNamespace(origin=str(tmp_path / folder / "__init__.py"))
    monkeypatch.setattr(allocator, "find_spec", lambda name: spec)
    assert allocator.jemalloc() == (library if found else None)


def test_without_mindspore_there_is_none(monkeypatch):
    monkeypatch.setattr(allocator, "find_spec", lambda name: None)
    assert allocator.jemalloc() is None
