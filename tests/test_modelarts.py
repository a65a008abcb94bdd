"""modelarts.py with a stand-in for moxing whose object storage is a folder."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import modelarts

ROOT = Path(__file__).resolve().parents[1]
STUB_MOXING = """
import os, shutil
class file:
    def copy_parallel(source, target):
        source, target = (path.replace("obs://", os.environ["STORAGE"] + "/") for path in (source, target))
        shutil.copytree(source, target, dirs_exist_ok=True)
"""


@pytest.fixture
def storage(tmp_path) -> Path:
    """Object storage with an annotation file of ten images in bucket/faces."""
    faces = tmp_path / "storage" / "bucket" / "faces"
    faces.mkdir(parents=True)
    images = [{"id": number, "file_name": f"{number}.png", "width": 9, "height": 9} for number in range(1, 11)]
    rows = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
        for number in range(1, 11)
    ]
    categories = [{"id": 1, "name": "face"}]
    (faces / "full.json").write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return tmp_path / "storage"


def run(storage: Path, *words: str, moxing: bool = True) -> subprocess.CompletedProcess[str]:
    """Start modelarts.py with a cache of its own."""
    library = storage.parent / "library"
    library.mkdir()
    if moxing:
        (library / "moxing.py").write_text(STUB_MOXING)
    places = [
        "--data_url",
        "obs://bucket/faces",
        "--train_url",
        "obs://bucket/run",
        "--cache",
        storage.parent / "cache",
    ]
    return subprocess.run(
        [sys.executable, str(ROOT / "modelarts.py"), "--program", "random_select.py", *map(str, places), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(library), "STORAGE": str(storage)},
    )


def selection(storage: Path, name: str) -> list[str]:
    """Options of random_select.py for files of the cache."""
    cache = storage.parent / "cache"
    return [
        "--ann_file",
        f"{cache}/data/{name}",
        "--output_ann_file",
        f"{cache}/output/part.json",
        "--label_ratio",
        "50",
    ]


def test_copies_in_runs_and_copies_out(storage):
    done = run(storage, *selection(storage, "full.json"))
    assert done.returncode == 0, done.stderr
    part = json.loads((storage / "bucket" / "run" / "part.json").read_text())
    assert sum(image.get("labelled", True) for image in part["images"]) == 5


def test_the_results_of_a_failed_program_are_kept_and_its_status_too(storage):
    (storage.parent / "cache" / "output").mkdir(parents=True)
    (storage.parent / "cache" / "output" / "log.txt").write_text("until here it went well")
    done = run(storage, *selection(storage, "gone.json"))
    assert done.returncode == 2
    assert "gone.json" in done.stderr
    assert (storage / "bucket" / "run" / "log.txt").exists()


def test_elsewhere_than_on_modelarts(storage):
    done = run(storage, *selection(storage, "full.json"), moxing=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: moxing is not installed; it comes with the images of ModelArts")
    assert not (storage.parent / "cache" / "output").exists(), "told before the work"


def test_results_that_cannot_be_copied_out_are_told_with_their_place_and_the_status(monkeypatch, tmp_path, capsys):
    def refuse(source, target):
        raise modelarts.UserError(f"{source} cannot be copied to {target}: no room")

    for name, stub in (("check_moxing", lambda: None), ("call", lambda command, folder: 3), ("copy", refuse)):
        monkeypatch.setattr(modelarts, name, stub)
    with pytest.raises(SystemExit):
        modelarts.main(["--program", "train.py", "--train_url", "obs://b", "--cache", str(tmp_path)])
    told = capsys.readouterr().err
    assert f"no room; the results are still in {tmp_path / 'output'}, and the program ended with status 3" in told


PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("saved") or 143))
print("running", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_request_reaches_the_program_whose_results_are_copied_out_then(number):
    start = f"import modelarts, sys; print(modelarts.call([sys.executable, '-c', {PROGRAM!r}], modelarts.ROOT))"
    command = ["env", "--default-signal=INT,HUP", sys.executable, "-c", start]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        assert (process.stdout.read(), process.wait()) == ("saved\n143\n", 0)


def test_every_program_gets_its_words_and_finds_the_leaves(monkeypatch, tmp_path):
    calls, copies = [], []
    monkeypatch.setattr(modelarts, "call", lambda command, folder: calls.append((command[1:], folder)) or 0)
    monkeypatch.setattr(modelarts, "check_moxing", lambda: None)
    monkeypatch.setattr(modelarts, "copy", lambda source, target: copies.append((source, target)))
    for program in ("train.py", "eval.py", "infer.py", "export.py"):
        words = ["--config_path", "configs/ssd_resnet34.yaml", "--backbone=resnet_v1_18"]
        own = ["--program", program, "--train_url", "obs://bucket/run", "--cache", str(tmp_path)]
        with pytest.raises(SystemExit) as ended:
            modelarts.main([*own, *words])
        assert ended.value.code == 0
        (command, folder), *_ = calls[-1:]
        assert command == [str(ROOT / program), *words]
        assert (folder / "configs" / "base.yaml").is_file()
    assert copies == [(str(tmp_path / "output"), "obs://bucket/run")] * 4
