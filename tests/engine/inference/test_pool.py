"""A pool of images: what is there after a stop stays, broken images are passed over, and processes find what one finds."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.config.load import load_config
from src.data.annotations import unlabelled_entry, unlabelled_folder
from src.engine.device import Device
from src.engine.inference import detection_pool as pool_module
from src.engine.inference.detection_pool import NOT_READ, Pool
from src.engine.inference.images_to_detect import images_to_detect
from src.engine.inference.journal import Journal
from src.engine.inference.output_files import OutputFiles
from src.errors import UserError, entry_point
from src.evaluation.records import Detections
from tests.test_special_files import a_second_or_two

COUNT, BATCH = 11, 2
ONE = Device(0, 1, mixed_precision=False)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """The ranks of these tests run one after the other, so none waits for another."""
    monkeypatch.setattr(pool_module, "broadcast_from_rank_0", lambda value, device: value)


@pytest.fixture
def images(tmp_path):
    """Pictures of different greys; 3 and 4 have a right header and no pixels."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(COUNT):
        data = cv2.imencode(".png", np.full((30, 40, 3), 20 * number, np.uint8))[1].tobytes()
        (folder / f"{number:02}.png").write_bytes(data[:60] if number in (3, 4) else data)
    return unlabelled_folder(folder, 1)


@pytest.fixture
def config(tmp_path):
    words = ["--eval_output_dir", tmp_path / "out", "--img_width", 64, "--img_height", 64, "--test_batch_size", BATCH]
    return load_config("", [*map(str, words), "--num_parallel_workers", "2"])


class Detector:
    """Finds a box in each image whose score is its grey, and one whose score says with what it shared the batch."""

    def __init__(self) -> None:
        self.batches = 0

    def __call__(self, images, sizes):
        self.batches += 1
        count = len(images)
        assert count == BATCH
        grey = images[:, 0, 0, 0].astype(np.float32) / 255
        scores = np.stack([grey, np.full(count, grey.sum() / 3, np.float32)], 1)
        boxes = np.tile(np.array([[1, 2, 20, 30], [3, 4, 9.3, 9.7]], np.float32), (count, 1, 1))
        valid, labels = np.ones((count, 2), bool), np.tile([1, 2], (count, 1))
        return boxes, scores, labels, np.stack([scores] * 3, 2) / 3, valid, np.stack([scores] * 4, 2)


def as_text(found) -> list:
    return [(entry.file_name, [np.asarray(value).tolist() for value in vars(one).values()]) for entry, one in found]


def new_pool(config, images) -> Pool:
    return Pool(Path(config.eval_output_dir), config, images, ["hash of the files"], {})


def detect(config, images, device=ONE, detector=None, stop_after=None):
    """What a start yields; with `stop_after` it is killed after so many images."""
    pool, found = new_pool(config, images), []
    assert pool.resumes() in (True, False)
    generator = pool.detect("infer_results", detector or Detector(), images, device, has_features=True)
    for number, row in enumerate(generator, start=1):
        found.append(row)
        if number == stop_after:
            generator.close()
            break
    return as_text(found), pool


@pytest.fixture
def whole(config, images, tmp_path):
    """What an undisturbed start finds."""
    found, pool = detect(config, images)
    pool._discard()
    return found


def test_images_that_cannot_be_read_are_named_counted_and_passed_over(whole, config, images, tmp_path):
    assert [name for name, _ in whole] == [f"{n:02}.png" for n in range(COUNT) if n not in (3, 4)]
    _, pool = detect(config, images)
    assert pool.count_read(images) == COUNT - 2
    with pytest.raises(SystemExit) as stopped:
        pool.finish(ONE, overwrite=False)
    text = str(stopped.value.code)
    assert text.startswith("error: 2 images cannot be read: passed over") and "03.png: not a readable" in text
    assert "or pass --leave_out_faulty true --faulty_at_most 19 --overwrite)" in text, "2 of 11 are 18.2 percent"
    leaving_out = {"leave_out_faulty": True, "faulty_at_most": 19.0, "infer_img_dir": str(tmp_path / "images")}
    assert len(images_to_detect(pool_module.replace(config, **leaving_out))) == COUNT - 2, "the remedy works"
    assert list(json.loads((tmp_path / "out" / NOT_READ).read_text())) == ["03.png", "04.png"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NOT_READ]


@pytest.mark.parametrize("stop_after", (1, 2, 5))
def test_a_start_that_was_killed_goes_on_with_the_same_results(whole, config, images, stop_after):
    first, _ = detect(config, images, stop_after=stop_after)
    detector = Detector()
    found, _ = detect(config, images, detector=detector)
    assert first == whole[:stop_after] and found == whole
    assert detector.batches <= 6 - stop_after // BATCH, "what was found before is not done again"


@pytest.mark.parametrize("cut", [1, 500])
def test_a_torn_line_is_done_again(whole, config, images, tmp_path, cut):
    detect(config, images, stop_after=6)
    [path] = (tmp_path / "out").glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-cut] + b"\0" * (cut % 7))
    assert detect(config, images)[0] == whole


@pytest.mark.parametrize("count", [2, 8])
def test_several_processes_find_what_one_finds(whole, config, images, count):
    batches = 0
    for rank in reversed(range(count)):
        detector = Detector()
        found, pool = detect(config, images, Device(rank, count, mixed_precision=False), detector)
        batches += detector.batches
        assert found == (whole if rank == 0 else [])
    assert batches == 6 and list(pool.unreadable) == ["03.png", "04.png"]
    with pytest.raises(SystemExit):
        pool.finish(Device(0, count, mixed_precision=False), overwrite=False)


def test_unfinished_detections_of_another_run_are_not_lost_unasked(config, images):
    detect(config, images, stop_after=4)
    assert new_pool(config, images).resumes() and new_pool(config, images).resumes(), "asking changes nothing"
    others = [pool_module.replace(config, test_score_thr=0.7), pool_module.replace(config, img_width=96)]
    for other in others:
        with pytest.raises(UserError, match="unfinished detections of another run .*--overwrite"):
            new_pool(other, images).resumes()
    with pytest.raises(UserError, match="unfinished detections of another run"):
        new_pool(config, images[::-1]).resumes()
    assert not new_pool(pool_module.replace(others[0], overwrite=True), images).resumes()
    assert new_pool(pool_module.replace(config, overwrite=True), images).resumes(), "the same run"


def test_a_start_that_failed_in_its_first_batch_leaves_nothing_in_the_way(config, images):
    def broken(*_):
        raise UserError("the model gives a score of nan")

    with pytest.raises(UserError, match="a score of nan"):
        list(new_pool(config, images).detect("infer_results", broken, images, ONE))
    other = pool_module.replace(config, test_score_thr=0.7)  # or with a model that was exported again
    assert not new_pool(other, images).resumes() and new_pool(config, images).resumes()


def test_a_pool_of_broken_images_writes_nothing(config, images, tmp_path):
    with pytest.raises(UserError, match=r"no image can be read: 2 faults"):
        detect(config, images[3:5])
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_is_one_line(tmp_path):
    journal = Journal(tmp_path / "full.jsonl", "key")
    journal.open(2)
    said = r"full\.jsonl: cannot be written: No space left .* the same command continues"
    with Path("/dev/full").open("ab", buffering=0) as journal.file, pytest.raises(UserError, match=said):
        journal.add("a.png", "a reason")


@pytest.mark.parametrize("kind", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_what_is_no_file_is_no_journal(tmp_path, kind):
    kind(tmp_path / "a.jsonl")
    with a_second_or_two(), pytest.raises(UserError, match=r"a\.jsonl: cannot be written: (not a regular|Is a dir)"):
        Journal(tmp_path / "a.jsonl", "key").open(2)


def damages(lines: list[bytes]):
    """A journal with a line lost, doubled, exchanged, of another run, or with a bit that flipped."""
    head, *rows = lines
    yield [head, *rows[1:]]
    yield [head, rows[0], *rows]
    yield [head, rows[1], rows[0], *rows[2:]]
    yield [head, *(row for row in rows for _ in range(2))]
    yield [head, b'{"name": null}\n', b"{}\n", *rows]
    for place in range(0, len(rows[1]), 23):
        flipped = bytearray(rows[1])
        flipped[place] ^= 4
        yield [head, rows[0], bytes(flipped), *rows[2:]]


def test_a_damaged_journal_changes_no_result(whole, config, images, tmp_path):
    detect(config, images, stop_after=7)
    [path] = (tmp_path / "out").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in damages(lines):
        path.write_bytes(b"".join(damaged))
        assert detect(config, images)[0] == whole


def test_a_second_process_is_refused_while_the_first_detects(whole, config, images):
    first = new_pool(config, images)
    found = first.detect("infer_results", Detector(), images, ONE, has_features=True)
    started = [next(found) for _ in range(3)]
    program = "import sys; from pathlib import Path; from src.engine.inference.journal import Journal; "
    program += "Journal(Path(sys.argv[1]), sys.argv[2]).open(2)"
    [path] = first._journals()
    other = subprocess.run(
        [sys.executable, "-c", program, path, first.key], capture_output=True, text=True, check=False
    )
    assert "another process detects into this folder" in other.stderr
    assert as_text([*started, *found]) == whole
    with pytest.raises(UserError, match="another process detects into this folder; wait until it is done"):
        detect(config, images)  # its results are not written yet
    first._discard()
    assert detect(config, images)[0] == whole


def test_a_start_that_was_interrupted_leaves_the_folder_free(whole, config, images):
    def interrupt(entry, _):
        if entry.file_name == "06.png":
            raise KeyboardInterrupt

    @entry_point
    def main():
        outputs = OutputFiles(config)
        found = new_pool(config, images).detect("infer_results", Detector(), images, ONE, has_features=True)
        outputs.write_detections(outputs.results, found, interrupt)

    with pytest.raises(SystemExit):
        main()
    detector = Detector()
    assert detect(config, images, detector=detector)[0] == whole and detector.batches < 6


@pytest.mark.parametrize("masks", [None, ({"size": [3, 4], "counts": "abc`\u2028"},)])
def test_detections_come_back_to_the_bit(tmp_path, masks):
    rng, count = np.random.default_rng(0), 0 if masks is None else 1
    boxes, scores = rng.normal(size=(count, 4)), rng.random(count)
    found = Detections(
        boxes, scores, np.arange(count), np.float64(np.float32(rng.random((count, 3)))), masks or (), None
    )
    journal = Journal(tmp_path / "a.jsonl", "key")
    journal.open(1)
    journal.add("ü\u2028.png", found)
    journal.add("b.png", "a reason")
    journal.finish()
    (name, back), (_, reason) = journal.read()
    assert (name, reason, back.masks, back.features) == ("ü\u2028.png", "a reason", found.masks, None)
    for one, other in zip(vars(found).values(), vars(back).values(), strict=True):
        assert not isinstance(one, np.ndarray) or (one.tobytes(), one.dtype, one.shape) == (
            other.tobytes(),
            other.dtype,
            other.shape,
        )


def peak_of_a_pool(config, count: int, monkeypatch) -> tuple[int, int]:
    """Most memory in bytes that detections in `count` images take beside the list of the images: of a start, and of one that finds
    all of them in its journal."""
    objects = 20
    images = [unlabelled_entry(1 + number, f"{number:06}.png", (64, 64), "nowhere") for number in range(count)]

    def detect_in(_, entries, *__, **___):
        for entry in entries:
            scores = np.linspace(0.9, 0.1, objects) + entry.image_id * 1e-9
            yield (
                entry,
                Detections(np.ones((objects, 4)), scores, np.ones(objects, int), np.ones((objects, 3)), None, None),
            )

    monkeypatch.setattr(pool_module, "detect_images", detect_in)
    outputs, peaks = OutputFiles(pool_module.replace(config, overwrite=True)), []
    for _ in range(2):
        pool = new_pool(config, images)
        tracemalloc.start()
        outputs.write_detections(outputs.results, pool.detect("infer_results", None, images, ONE))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        for journal in pool._written:
            journal.release()
    assert sum(line.startswith('"') for line in outputs.results.open()) == count
    pool._discard()
    return tuple(peaks)


def test_memory_does_not_grow_with_the_detections_of_a_pool(config, monkeypatch):
    few, many = (peak_of_a_pool(config, count, monkeypatch) for count in (100, 1_100))
    bytes_per_image = [(after - before) / 1_000 for before, after in zip(few, many, strict=True)]
    assert max(bytes_per_image) < 100, "20 objects are 1,440 bytes as arrays"
