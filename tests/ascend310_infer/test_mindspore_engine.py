"""The MindSpore engine is built and linked for real; the runtime on PyPI is too old for our models and must say so."""

import contextlib
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mindir(write_metadata, tmp_path_factory) -> Path:
    """A MINDIR of the MindSpore that the project uses, with the metadata of the toy model."""
    # Imported here, because it takes seconds.
    import mindspore as ms

    path = tmp_path_factory.mktemp("mindir") / "tiny.mindir"
    with contextlib.chdir(path.parent):  # MindSpore leaves a folder in the current one
        ms.export(ms.nn.ReLU(), ms.ops.zeros((2, 3, 64, 96)), file_name=str(path), file_format="MINDIR")
    write_metadata(path)
    return path


def refusal(program, model: Path, images: Path, *words: str) -> str:
    """The one line that the program ends with."""
    out = model.parent / "found.json"
    done = program.run("--model", model, "--images", images, "--out", out, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert not out.exists()
    return done.stderr


@pytest.mark.both_builds
def test_the_refusal_of_a_newer_mindir_is_passed_on(program, mindir, pictures):
    line = refusal(program, mindir, pictures)
    assert line.startswith(f"error: {mindir}: MindSpore Lite refuses it on CPU: ")
    assert "can only support the maximum mind ir version: 1" in line


@pytest.mark.both_builds
@pytest.mark.parametrize(
    ("device", "library"), [("Ascend310", "libgraph.so"), ("Ascend", "libgraph.so"), ("GPU", "libcudnn")]
)
def test_a_device_without_its_driver_is_named(program, mindir, pictures, device, library):
    line = refusal(program, mindir, pictures, "--device", device)
    assert f"refuses it on {device}: " in line
    assert library in line
