"""Compiling C++ kernels: once, and with a warning where it cannot be done."""

import logging
import os
import subprocess
from pathlib import Path

import pytest

from src.parts import native

ROOT = Path(__file__).resolve().parents[2]
SOURCE = 'extern "C" int seven() { return 7; }\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A tiny source file, an empty cache, and a `compiled` that remembers nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(native, "compiled", native.compiled.__wrapped__)
    file = tmp_path / "seven.cc"
    file.write_text(SOURCE)
    return file


def test_a_library_is_made_once(source):
    library = native.compiled(source)
    made = library.stat().st_mtime_ns
    assert native.compiled(source) == library and library.stat().st_mtime_ns == made
    assert os.listdir(library.parent) == [library.name]
    source.write_text(SOURCE.replace("7", "8"))
    assert native.compiled(source) != library


def test_a_warning_is_no_failure(source):
    source.write_text("static int unused() { int x; return x; }\n" + SOURCE)
    assert native.compiled(source) is not None


@pytest.mark.parametrize("kernel", sorted((ROOT / "src").rglob("*.cc")), ids=lambda path: path.stem)
def test_our_kernels_have_no_warnings(kernel):
    strict = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    command = ["g++", *native.FLAGS, *strict, "-I", native.HEADERS, kernel]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_compiler_one_warning_says_what_to_install(source, monkeypatch, caplog):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    assert native.compiled(source) is None
    assert "seven.cc was not compiled" in caplog.text and "install g++" in caplog.text


@pytest.mark.parametrize(
    ("text", "compiler", "said"),
    [
        ("int x", None, "error"),
        ('#pragma message("a note")\nint x = nothing;', None, "error"),
        (SOURCE, "no-such-compiler", "no-such-compiler"),
    ],
)
def test_what_the_compiler_says_is_passed_on_in_one_line(source, monkeypatch, caplog, text, compiler, said):
    if compiler:
        monkeypatch.setenv("CXX", compiler)
    source.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert native.compiled(source) is None
    assert said in caplog.text and caplog.text.count("\n") == 1
    assert not [name for name in os.listdir(source.parent / "cache" / "faster_rcnn_ssod") if name.endswith(".so")]
