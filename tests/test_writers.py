"""Who writes files: everybody through src/files.py, and nobody replaces a file unasked."""

import ast
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.hostile import obey_permissions

ROOT = Path(__file__).resolve().parents[1]

WRITING_CALLS = {
    "write_text",
    "write_bytes",
    "imwrite",
    "save",
    "savefig",
    "savez",
    "dump",
    "save_checkpoint",
    "copyfile",
}
WRITING_CALLS |= {"copytree", "move", "rename", "FileHandler", "_LogFile", "EventsWriter", "tofile"}

# Where something is written otherwise than by a plain write_text or write_json, and why that is right.
# Inside write_atomically the function that is handed over writes to a temporary name.
EXCEPTIONS = {
    ("src/files.py", "write_bytes"): "the one place",
    ("src/files.py", "replace"): "the one place",
    ("src/files.py", "open"): "inside write_atomically",
    ("src/engine/inference/output_files.py", "open"): "inside write_atomically",
    ("src/report/detection_pictures.py", "write_bytes"): "inside write_atomically",
    ("src/data/formats/feature_file.py", "open"): "inside write_atomically",
    ("src/data/formats/feature_file.py", "savez"): "inside write_atomically",
    ("src/data/synthetic.py", "save"): "into memory",
    (
        "src/engine/compile_cache/graph_store.py",
        "copyfile",
    ): "inside write_atomically, or into the temporary folder of the process",
    ("src/engine/progress/terminal_line.py", "open"): "the terminal",
    ("src/labelling/outgoing.py", "copyfile"): "into a folder that gets its name when it is complete",
    ("src/labelling/outgoing.py", "replace"): "such a folder gets its name",
    ("src/labelling/outgoing.py", "write_bytes"): "into such a folder",
    ("src/report/chart_style.py", "savefig"): "inside write_atomically, or into memory",
    ("src/data/synthetic.py", "write_bytes"): "inside write_atomically",
    ("src/report/contact_sheet.py", "save"): "into a folder that gets its name when it is complete",
    ("src/report/contact_sheet.py", "replace"): "such a folder gets its name",
    ("src/checkpoint/convert/backbone.py", "save_checkpoint"): "inside write_atomically",
    ("src/checkpoint/detector_file.py", "save_checkpoint"): "inside write_atomically",
    ("src/checkpoint/checksum.py", "open"): "inside write_atomically",
    ("src/checkpoint/run_state.py", "replace"): "inside write_atomically: the newest state becomes the one before",
    ("src/checkpoint/run_folder.py", "replace"): "weights that would be lost are renamed",
    ("src/exporting/exported.py", "export"): "inside write_atomically of src/exporting/checked_export.py",
    ("src/exporting/exported.py", "save"): "inside write_atomically of src/exporting/checked_export.py",
    ("src/split_data.py", "copyfile"): "all files of a split or none: into a staging folder, synced, then renamed",
    ("src/split_data.py", "replace"): "all files of a split or none",
    ("src/data/cache/record_cache.py", "write_text"): "into a folder that gets its name when it is complete",
    ("src/data/cache/locked_folder.py", "open"): "the lock of such a folder",
    ("src/data/cache/locked_folder.py", "replace"): "such a folder gets its name",
    ("src/errors.py", "replace"): "a list of faults in the temporary folder, complete before it gets its name",
    ("src/parts/native.py", "replace"): "a compiled library of the cache, made in a folder of its own",
    ("src/engine/inference/journal.py", "open"): "grows line by line; a torn last line is done again",
    ("src/engine/log.py", "open"): "grows line by line; readers of it take a torn last line for none",
    ("src/engine/log.py", "_LogFile"): "grows line by line",
    ("src/engine/progress/tensorboard_curves.py", "EventsWriter"): "grows point by point",
}


def writes(source: str) -> set[str]:
    """Names of the calls in a program that write files."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {call: getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    return {name for call, name in names.items() if _writes_a_file(call, name)}


def _writes_a_file(call: ast.Call, name: str) -> bool:
    """Whether a call of this name is one that writes; `copy`, `replace`, `save` and `export` are harmless elsewhere."""
    owner = getattr(getattr(call.func, "value", None), "id", "")
    if name == "open":
        texts = [word.value for word in call.args[isinstance(call.func, ast.Name) :] if isinstance(word, ast.Constant)]
        return any(re.fullmatch(r"[wax]b?\+?", str(text)) for text in texts)
    if name in ("copy", "export"):
        return owner in ("shutil", "ms", "mindspore")
    if name == "replace":
        return owner == "os" or (len(call.args) == 1 and not call.keywords)  # not that of texts and of dataclasses
    # The functions write_text of src.files and save of a run are right; methods of these names write to a file.
    return name in WRITING_CALLS and (name not in ("save", "write_text") or isinstance(call.func, ast.Attribute))


def test_every_file_is_written_atomically():
    found = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in [*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")]
        for name in writes(file.read_text(encoding="utf-8"))
    }
    new = sorted(found - EXCEPTIONS.keys())
    assert not new, f"{new}: write through src.files.write_atomically, or say in EXCEPTIONS why not"
    assert not sorted(EXCEPTIONS.keys() - found), "these exceptions are not needed any more"


def test_writing_calls_are_seen():
    for line in (
        "open('a', 'w')",
        "p.open('ab')",
        "p.write_bytes(b'')",
        "shutil.copy(a, b)",
        "os.replace(a, b)",
        "x.save(f)",
    ):
        assert writes(line), line
    for line in ("open('a')", "p.open('rb')", "a.copy()", "'a'.replace('b', 'c')", "replace(entry, image_id=1)"):
        assert not writes(line), line


@pytest.fixture
def folder(tmp_path):
    """A COCO file, a ranking, detections, a list, and a VOC folder."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 9, "height": 9} for i in (1, 2, 3, 4)]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 4, 4], "iscrowd": 0} for i in (1, 2, 3, 4)]
    coco = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "a.json").write_text(json.dumps(coco))
    (tmp_path / "values.json").write_text(json.dumps({f"{i}.png": i for i in (1, 2, 3, 4)}))
    detection = {"pred box": [1, 1, 4, 4], "confidence score": 0.6, "pred score": [0.4, 0.6], "pred class": 0}
    (tmp_path / "infer.json").write_text(json.dumps({f"{i}.png": [detection] for i in (1, 2, 3, 4)}))
    xml = "<annotation><size><width>9</width><height>9</height></size></annotation>"
    for i in (1, 2, 3, 4):
        for kind in ("images", "annotations"):
            (tmp_path / "voc" / kind).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (i * 50, 0, 0)).save(tmp_path / f"voc/images/{i}.png")
        (tmp_path / f"voc/annotations/{i}.xml").write_text(xml)
    return tmp_path


# program and its arguments -> its outputs; {} is the folder
PROGRAMS = {
    "random_select.py --ann_file {}/a.json --label_ratio 50 --output_ann_file {}/o/part.json": ["part.json"],
    "sorted_values.py --infer_json {}/infer.json --exp_dir {}/o": ["top_value_data.json", "top_value_data_terms.csv"],
    "pick_select.py --ann_file {}/a.json --pick_ratio 50 --top_value_file {}/values.json --output_ann_file {}/o/n.json": [
        "n.json",
        "n_picked.txt",
        "n_picked.csv",
    ],
    "-m src.xml2coco --data_path {}/voc --save_path {}/o/coco.json --classes cat": ["coco.json"],
    "-m src.split_data --data_path {}/voc --output_path {}/o --val_ratio 0.5 --same_from 2": ["train/images/1.png"],
    "-m src.data.synthetic --out {}/o --images 1": ["images/face_00000.png", "annotations/face_00000.xml"],
}


@pytest.mark.parametrize("command, output", [(words, name) for words, names in PROGRAMS.items() for name in names])
def test_no_program_replaces_an_output_unasked(folder, command, output):
    path = folder / "o" / output
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    words = [sys.executable, *command.replace("{}", str(folder)).split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--overwrite" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert [p for p in (folder / "o").rglob("*") if p.is_file()] == [path], "nothing else was written before"
    assert path.read_text() == "precious"
    if "split_data" in command:  # it replaces only files of the very same split
        shutil.rmtree(folder / "o")
    done = subprocess.run([*words, "--overwrite"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


LONG_WORK = {  # programs whose outputs are refused before the work
    "train.py --train_img_dir {}/voc/images --train_ann_file {}/a.json --save_checkpoint_path {}/o/run": "o",
    "export_tasks.py --ann_file {}/a.json --img_dir {}/voc/images --picked_file {}/list.txt --format coco --output_dir {}/o/t": "o",
}


@pytest.mark.parametrize("command", [*PROGRAMS, *LONG_WORK])
def test_a_folder_that_may_not_be_written_to_is_told_with_a_remedy_that_works(folder, command):
    (folder / "list.txt").write_text("1.png\n")
    output = folder / "o"
    output.mkdir()
    output.chmod(0o500)
    words = [sys.executable, *command.replace("{}", str(folder)).split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=obey_permissions)
    said = f"cannot be written: Permission denied; allow to write to {output} (chmod u+rwx {output}), or choose another folder"
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and said in done.stderr, done.stderr
    if command in PROGRAMS:
        subprocess.run(["chmod", "u+rwx", str(output)], check=True)
        subprocess.run(words, cwd=ROOT, capture_output=True, check=True, preexec_fn=obey_permissions)


@pytest.mark.parametrize("limit", [300, 1200, 2000])
def test_on_a_full_disk_nothing_is_left_and_the_same_command_works_when_there_is_room(tmp_path, limit):
    """The list, its reasons and the annotation file of a first pick belong together; files may have ``limit`` bytes."""

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    (tmp_path / "images").mkdir()
    for number in range(40):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    words = ["--img_dir", "images", "--class_names", "cat", "--budget_images", "20", "--output_ann_file", "out/a.json"]
    command = [sys.executable, "-B", str(ROOT / "first_pick.py"), *words]
    options = {"cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, preexec_fn=small_disk, restore_signals=False, **options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert re.match(r"error: .*: cannot be written: File too large; .* allows no file of this size", done.stderr)
    assert not list((tmp_path / "out").glob("*"))
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 0, done.stderr
