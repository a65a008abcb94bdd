"""The C++ program, run for real with a small ONNX model: its records are those of Python."""

import contextlib
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src import __version__
from src.data.image_listing import list_images
from src.data.images import read_image
from src.errors import UserError
from tests.ascend310_infer.models import copied
from tests.hostile import damaged, obey_permissions


def assert_same(found: list[dict], wanted: list[dict]) -> None:
    """Equal but for rounding in a network."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert (one["image_id"], one["category_id"]) == (other["image_id"], other["category_id"])
        assert one["bbox"] == pytest.approx(other["bbox"], abs=0.01)
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)


@pytest.mark.both_builds
@pytest.mark.parametrize(("batch", "keep_ratio"), [(2, True), (1, False), (7, True)])
def test_records_of_a_folder_are_those_of_python(
    program, write_toy, expected_records, pictures, tmp_path, batch, keep_ratio
):
    model = write_toy(tmp_path / "toy.onnx", batch, keep_ratio)
    done = program.run("--model", model, "--images", pictures, "--out", tmp_path / "new" / "found.json", "--threads=3")
    assert done.returncode == 0, done.stderr
    names = list_images(pictures)
    assert f"{len(names)} images, 0 skipped" in done.stdout
    found = json.loads((tmp_path / "new" / "found.json").read_text(encoding="utf-8"))
    assert_same(found, expected_records(pictures, names, keep_ratio, list(range(1, len(names) + 1))))
    assert all(record["file_name"] == names[record["image_id"] - 1] for record in found)
    assert not list((tmp_path / "new").glob(".*"))


def coco_file(path: Path, names: list[str], classes: list[str]) -> Path:
    """An annotation file with ids 70, 71, ..., and category ids 20, 21, ... in this order of classes."""
    images = [{"id": 70 + place, "file_name": name, "width": 9, "height": 9} for place, name in enumerate(names)]
    categories = [{"id": 20 + place, "name": name} for place, name in enumerate(classes)]
    rows = [{"id": 1, "image_id": 70, "category_id": 20, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}]
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}), encoding="utf-8")
    return path


def test_ids_and_categories_come_from_the_annotation_file(program, toy, expected_records, pictures, tmp_path):
    names = ["Ordner ä/turned_6.jpg", "97x33.png", "16bit.png"]
    annotations = coco_file(tmp_path / "ann.json", names, ["Kreis ä", "square"])
    out = tmp_path / "found.json"
    done = program.run("--model", toy, "--images", pictures, "--annotations", annotations, "--out", out)
    assert done.returncode == 0, done.stderr
    wanted = expected_records(pictures, names, True, [70, 71, 72])
    assert_same(
        json.loads(out.read_text()), [row | {"category_id": {4: 21, 5: 20}[row["category_id"]]} for row in wanted]
    )
    assert "file_name" not in out.read_text()


def test_broken_pictures_are_named_and_skipped(program, toy, pictures, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a broken one.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((pictures / "97x33.png").read_bytes()[:30])
    shutil.copy(pictures / "97x33.png", folder / "good.png")
    out = tmp_path / "found.json"
    done = program.run("--model", toy, "--images", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped: ")]
    assert [Path(line.split(": ")[1]).name for line in skipped] == ["a broken one.jpg", "cut.png", "empty.png"]
    assert "1 image, 3 skipped" in done.stdout
    assert {record["file_name"] for record in json.loads(out.read_text())} == {"good.png"}

    (folder / "good.png").unlink()
    done = program.run("--model", toy, "--images", folder, "--out", tmp_path / "none.json")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: none of the 3 images can be read"
    assert not (tmp_path / "none.json").exists()


@pytest.mark.both_builds
def test_pictures_are_drawn(program, toy, tmp_path):
    folder = tmp_path / "photos" / "sub"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "bright.png"), np.full((64, 96, 3), 200, np.uint8))
    cv2.imwrite(str(folder / "dark.png"), np.full((64, 96, 3), 100, np.uint8))
    words = ["--model", toy, "--images", tmp_path / "photos", "--draw", tmp_path / "drawn"]
    done = program.run(*words, "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    bright = cv2.imread(str(tmp_path / "drawn" / "sub" / "bright.png.jpg"))
    dark = cv2.imread(str(tmp_path / "drawn" / "sub" / "dark.png.jpg"))
    assert bright.shape == dark.shape == (256, 384, 3)  # small pictures are enlarged
    assert np.abs(dark.astype(int) - 100).max() < 3  # a score of 100 / 255 is not shown
    painted = np.flatnonzero(np.abs(bright[120].astype(int) - 200).max(1) > 40)
    assert abs(painted[0] - 4 * (2 + 200 / 25.5)) < 4  # the left side of the first box

    again = program.run(*words, "--out", tmp_path / "again.json")
    assert again.returncode == 2
    assert "bright.png.jpg: exists already; give --overwrite" in again.stderr
    assert program.run(*words, "--out", tmp_path / "again.json", "--overwrite").returncode == 0


def test_nothing_is_overwritten_unless_told(program, toy, pictures, tmp_path):
    out = tmp_path / "found.json"
    out.write_text("precious")
    words = ["--model", toy, "--images", pictures, "--out", out]
    done = program.run(*words)
    assert done.returncode == 2
    assert done.stderr == f"error: {out}: exists already; give --overwrite to replace it, or another name\n"
    assert out.read_text() == "precious"
    assert program.run(*words, "--overwrite").returncode == 0
    assert json.loads(out.read_text())


def test_no_output_takes_the_place_of_an_input(program, toy, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "a.png.jpg"):
        cv2.imwrite(str(folder / name), np.full((64, 96, 3), 200, np.uint8))
    model = copied(toy, tmp_path)
    annotations = coco_file(tmp_path / "val.json", ["a.png"], ["square", "Kreis ä"])
    (tmp_path / "link.json").symlink_to(annotations)
    before = {path: path.read_bytes() for path in (model, model.with_suffix(".json"), annotations, *folder.iterdir())}
    words = ["--model", model, "--images", folder, "--overwrite"]
    for out, more in [
        *((path, []) for path in (model, model.with_suffix(".json"), folder / "a.png")),
        *((path, ["--annotations", annotations]) for path in (annotations, tmp_path / "link.json")),
        (tmp_path / "found.json", ["--draw", folder]),
    ]:
        done = program.run(*words, "--out", out, *more)
        assert done.returncode == 2 and "would replace the input " in done.stderr, done.stderr
    assert {path: path.read_bytes() for path in before} == before and not (tmp_path / "found.json").exists()


def test_no_output_takes_the_place_of_what_is_no_file(program, toy, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((64, 96, 3), 200, np.uint8))
    (tmp_path / "drawn").mkdir()
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "drawn" / "a.png.jpg")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "nowhere").symlink_to("unmounted")
    words = ["--model", toy, "--images", folder]
    for out, more, told in [
        ("fifo", ["--overwrite"], "fifo: is a FIFO, device or socket"),
        ("device", ["--overwrite"], "device: is a FIFO, device or socket"),
        ("photos", ["--overwrite"], "photos: is a folder, expected the name of a file"),
        ("nowhere", [], "nowhere: exists already; give --overwrite"),
        ("photos/a.png/found.json", [], f"found.json: cannot be written: {folder / 'a.png'} is not a folder"),
        ("x" * 300, [], "xxx: cannot be written: File name too long"),
        ("found.json", ["--overwrite", "--draw", tmp_path / "drawn"], "a.png.jpg: is a FIFO, device or socket"),
    ]:
        done = program.run(*words, "--out", tmp_path / out, *more)
        assert done.returncode == 2 and told in done.stderr, done.stderr
    assert all(os.path.islink(tmp_path / name) for name in ("device", "nowhere")) and (tmp_path / "fifo").is_fifo()


def test_what_is_told_apart_by_nothing_is_refused(program, toy, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "photos" / name), np.zeros((64, 96, 3), np.uint8))
    path = coco_file(tmp_path / "val.json", ["a.png", "b.png"], ["square", "Kreis ä"])
    good = json.loads(path.read_text(encoding="utf-8"))
    for key, place, change, told in [
        ("images", 1, {"id": 70}, "two images have the id 70"),
        ("images", 1, {"file_name": "a.png"}, "two images have the file_name a.png"),
        ("categories", 1, {"id": 20}, "two categories have the id 20"),
        ("categories", 1, {"name": "square"}, "two categories have the name 'square'"),
    ]:
        rows = list(good[key])
        rows[place] = rows[place] | change
        path.write_text(json.dumps(good | {key: rows}), encoding="utf-8")
        words = ["--model", toy, "--images", tmp_path / "photos", "--out", tmp_path / "found.json"]
        done = program.run(*words, "--annotations", path)
        assert (done.returncode, done.stderr) == (2, f"error: {path}: {told}\n")


def test_a_picture_longer_than_jpeg_can_be_is_drawn_smaller(program, toy, tmp_path):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "long.png"), np.full((20, 70_000, 3), 200, np.uint8))
    words = ["--model", toy, "--images", tmp_path / "photos", "--out", tmp_path / "found.json"]
    done = program.run(*words, "--draw", tmp_path / "drawn")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "drawn" / "long.png.jpg")).shape == (19, 65_500, 3)


def small_disk() -> None:
    """Files may have 200 bytes from now on; writing more fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


@pytest.mark.parametrize("drawn", [False, True])
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(program, toy, pictures, tmp_path, drawn):
    out = tmp_path / "out" / "found.json"
    out.parent.mkdir()
    out.write_text("old")
    words = [program.folder / "main", "--model", toy, "--images", pictures, "--out", out, "--overwrite"]
    words += ["--draw", tmp_path / "drawn"] if drawn else []
    done = subprocess.run(
        list(map(str, words)),
        preexec_fn=small_disk,
        restore_signals=False,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large; " in done.stderr and "ulimit -f" in done.stderr, done.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["found.json"]
    assert out.read_text() == "old"


def test_a_folder_that_may_not_be_written_to_is_told_with_a_remedy_that_works(program, toy, pictures, tmp_path):
    output = tmp_path / "It's here"
    output.mkdir()
    output.chmod(0o500)
    words = [program.folder / "main", "--model", toy, "--images", pictures, "--out", output / "new" / "found.json"]
    options = {"preexec_fn": obey_permissions, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run(list(map(str, words)), check=False, **options)
    said = f"found.json: cannot be written: Permission denied; allow to write to {output} ("
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    remedy = done.stderr.split(f"{output} (")[1].split("), or choose another folder")[0]
    subprocess.run(remedy, shell=True, check=True)
    subprocess.run(list(map(str, words)), check=True, **options)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--help=1"], "unknown option --help=1"),
        (["--colour", "red"], "unknown option --colour"),
        (["--threads", "many"], "--threads must be a number from 1 to 1024, not 'many'"),
        (["--threads", "0"], "--threads must be a number from 1 to 1024, not '0'"),
        (["--device_id", "-1"], "--device_id must be a number from 0"),
        (["--device", "TPU"], "--device must be CPU, GPU, Ascend or Ascend310, not 'TPU'"),
        (["--device", "GPU"], "an ONNX model runs on CPU here"),
        (["--model"], "--model needs a value"),
        (["photos"], "what is 'photos'?"),
        (["--model", "gone.onnx"], "gone.onnx: there is no such model"),
        (["--images", "gone"], "gone: there is no such folder of images"),
        (["--images", "{empty}"], "no images there"),
        (["--annotations", "gone.json"], "gone.json: cannot be read"),
        (["--annotations", "{other_classes}"], "it has no category 'square', which the detector detects"),
        (["--annotations", "{other_images}"], "1 of its images are not in"),
        (["--annotations", "{outside}"], "the file_name ../16bit.png must be a path inside the image folder"),
        (["--images", "{not_text}"], "a file name in it is not UTF-8 text"),
        (["--out", "{empty}/file/found.json"], "cannot be written"),
    ],
)
def test_mistakes_are_one_line(program, toy, pictures, tmp_path, words, message):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "file").write_text("")
    not_text = tmp_path / "latin"
    not_text.mkdir()
    (not_text / os.fsdecode(b"gr\xfc\xdfe.png")).touch()
    places = {
        "empty": empty,
        "other_classes": coco_file(tmp_path / "classes.json", ["16bit.png"], ["Kreis ä", "cat"]),
        "outside": coco_file(tmp_path / "outside.json", ["../16bit.png"], ["Kreis ä", "square"]),
        "not_text": not_text,
        "other_images": coco_file(tmp_path / "images.json", ["other.png"], ["Kreis ä", "square"]),
    }
    given = ["--model", toy, "--images", pictures, "--out", tmp_path / "found.json"]
    done = program.run(*given, *(word.format(**places) for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "found.json").exists()


@pytest.mark.parametrize("kind", ["metadata", "metadata of masks", "annotations"])
@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_one_line(program, toy, toy_with_masks, pictures, tmp_path, kind, data):
    model = copied(toy_with_masks if kind == "metadata of masks" else toy, tmp_path)
    annotations = coco_file(tmp_path / "ann.json", ["16bit.png"], ["Kreis ä", "square"])
    file = annotations if kind == "annotations" else model.with_suffix(".json")
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    words = ["--model", model, "--images", pictures, "--annotations", annotations, "--out", tmp_path / "found.json"]
    done = program.run(*words, "--overwrite")
    assert done.returncode in (0, 2), done.stderr
    assert done.returncode == 0 or (done.stderr.startswith("error: ") and done.stderr.count("\n") == 1), done.stderr


def test_help_version_and_missing_options(program):
    assert program.run("--version").stdout == f"{__version__}\n"
    assert "--annotations FILE" in program.run("--help").stdout
    assert program.run().stderr == "error: missing: --model --images --out (main --help tells all options)\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [("cut.onnx", "OpenVINO refuses it"), ("model.pt", "must end in .onnx, .mindir, .ms or .om"), ("alone.onnx", "")],
)
def test_models_that_are_none(program, toy, write_metadata, pictures, tmp_path, name, message):
    model = tmp_path / name
    model.write_bytes(toy.read_bytes()[:200])
    if message:
        write_metadata(model)
    else:
        message = "alone.json: cannot be read; export.py writes it beside the model"
    done = program.run("--model", model, "--images", pictures, "--out", tmp_path / "found.json")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.both_builds
@pytest.mark.parametrize("asked_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_leaves_nothing(program, toy, tmp_path, asked_by):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8))
    for number in range(1, 500):
        (folder / f"{number}.png").symlink_to(folder / "0.png")
    out = tmp_path / "out" / "found.json"
    command = ["env", "--default-signal=HUP", program.folder / "main", "--model", toy, "--images", folder, "--out", out]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/.found.json.*.tmp")):
        time.sleep(0.01)
    process.send_signal(asked_by)
    said, complaint = process.communicate(timeout=60)
    assert (process.returncode, said, complaint) == (130, "", "stopped from outside; nothing was written\n")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.both_builds
def test_memory_does_not_grow_with_the_number_of_images(program, toy, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    peaks = []
    for count in (20, 200):
        folder = tmp_path / str(count)
        folder.mkdir()
        cv2.imwrite(str(tmp_path / "one.jpg"), picture)
        for number in range(count):
            (folder / f"{number}.jpg").symlink_to(tmp_path / "one.jpg")
        words = ["--model", toy, "--images", folder, "--out", tmp_path / f"{count}.json", "--threads", "2"]
        peaks.append(program.peak_memory(*words))
    assert peaks[1] < peaks[0] + 30 * 2**20  # the other 180 pictures are 260 MB
    assert peaks[1] < 400 * 2**20


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def test_what_is_no_regular_file_is_named_and_skipped(program, toy, pictures, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(pictures / "97x33.png", folder / "good.png")
    for kind in (fifo, device, link_to_itself):
        kind(folder / f"{kind.__name__}.png")
    (folder / "folder.png").mkdir()
    out = tmp_path / "found.json"
    done = program.run("--model", toy, "--images", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    skipped = [Path(line.split(": ")[1]).name for line in done.stderr.splitlines() if line.startswith("skipped: ")]
    assert skipped == ["device.png", "fifo.png", "link_to_itself.png"]
    assert "1 image, 3 skipped" in done.stdout
    assert {record["file_name"] for record in json.loads(out.read_text())} == {"good.png"}


@pytest.mark.parametrize("kind", [fifo, device, link_to_itself, Path.mkdir], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("place", ["--model", "metadata", "--annotations"])
def test_what_is_no_regular_file_is_refused(program, toy, pictures, tmp_path, kind, place):
    model, path = copied(toy, tmp_path), tmp_path / "wrong.json"
    kind(path)
    words = {"--model": model, "--images": pictures, "--out": tmp_path / "found.json"}
    if place == "metadata":
        path = model.with_suffix(".json")
        path.unlink()
        kind(path)
    else:
        words[place] = path
    done = program.run(*(word for pair in words.items() for word in pair))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["--model", "--images", "--out", "--annotations", "--draw", "a file_name"])
def test_names_of_300_letters_are_one_line(program, toy, pictures, tmp_path, place):
    name = "x" * 300
    words = {"--model": toy, "--images": pictures, "--out": tmp_path / "found.json"} | {place: tmp_path / name}
    if place == "a file_name":
        del words[place]
        words["--annotations"] = coco_file(tmp_path / "ann.json", [f"{name}.png"], ["Kreis ä", "square"])
    done = program.run(*(word for pair in words.items() for word in pair))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and name in done.stderr and done.stderr.count("\n") == 1


def test_control_characters_do_not_reach_the_terminal(program, toy, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a\x1b[2J\nb\x85.png").touch()
    done = program.run("--model", toy, "--images", tmp_path / "photos", "--out", tmp_path / "found.json")
    assert done.returncode == 2
    assert r"photos/a\x1b[2J\x0ab\x85.png: not a readable image" in done.stderr


def is_open(path: Path, process: int) -> bool:
    """Whether a process has a file open."""
    with contextlib.suppress(OSError):  # files are closed meanwhile
        return any(file.resolve() == path for file in Path(f"/proc/{process}/fd").iterdir())
    return False


@pytest.mark.parametrize(("asked_by", "signals"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGTERM, 1)])
def test_a_program_that_is_busy_ends_too(program, toy, pictures, tmp_path, asked_by, signals):
    model = copied(toy, tmp_path)
    os.truncate(model, 2**41)  # its SHA-256 takes an hour; it has no place on the disk
    words = ["--model", model, "--images", pictures, "--out", tmp_path / "found.json"]
    process = subprocess.Popen(list(map(str, [program.folder / "main", *words])), stderr=subprocess.PIPE, text=True)
    while not is_open(model, process.pid):
        time.sleep(0.01)
    process.send_signal(asked_by)
    if signals == 2:
        time.sleep(2.5)
        assert process.poll() is None
        process.send_signal(asked_by)
    start = time.monotonic()
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (130, "stopped from outside, at once; the records were not written\n")
    assert time.monotonic() - start > 5 or signals == 2
    assert not list(tmp_path.glob("*found*"))


def png_of_zeros(path: Path, width: int, height: int) -> None:
    """A grey PNG, however large, from a few bytes."""
    squeeze = zlib.compressobj(1)
    row = bytes(1 + width)
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in chunks:
            file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


@pytest.mark.both_builds
def test_a_large_picture_takes_its_own_pixels_and_no_copies(program, toy, tmp_path):
    peaks = []
    for side in (64, 8000):
        folder = tmp_path / str(side)
        folder.mkdir()
        png_of_zeros(folder / "one.png", side, side)
        words = ["--model", toy, "--images", folder, "--out", tmp_path / f"{side}.json", "--threads", "1"]
        peaks.append(program.peak_memory(*words))
    assert peaks[1] - peaks[0] < 1.3 * 3 * 8000**2


@pytest.mark.both_builds
@pytest.mark.parametrize(("width", "height"), [(2**20 + 1, 1), (1, 2**20 + 1), (2**15 + 1, 2**15)])
def test_both_languages_have_one_limit_of_size(program, toy, tmp_path, width, height):
    (tmp_path / "photos").mkdir()
    picture = tmp_path / "photos" / "large.png"
    png_of_zeros(picture, 1, 1)
    header = struct.pack(">II", width, height) + picture.read_bytes()[24:29]
    content = picture.read_bytes()
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    picture.write_bytes(content[:16] + header + checksum + content[33:])
    done = program.run("--model", toy, "--images", tmp_path / "photos", "--out", tmp_path / "found.json")
    assert done.returncode == 2 and "larger than 2^20 pixels a side or 2^30 in all" in done.stderr
    with pytest.raises(UserError):
        read_image(picture)
