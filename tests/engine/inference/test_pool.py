"""A pool of images: what is there after a stop stays, broken images are passed over, and processes find what one finds."""

import json

import cv2
import numpy as np
import pytest

from src.config.load import load_config
from src.data.annotations import unlabelled_folder
from src.engine.device import Device
from src.engine.inference import detection_pool as pool_module
from src.engine.inference.detection_pool import NOT_READ, Pool
from src.engine.inference.journal import Journal
from src.errors import UserError
from src.evaluation.records import Detections

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
    return Pool(pool_module.Path(config.eval_output_dir), config, images, {})


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
    assert text.startswith("error: 2 images cannot be read and were passed over") and "03.png: not a readable" in text
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


def test_a_pool_of_broken_images_writes_nothing(config, images, tmp_path):
    with pytest.raises(UserError, match=r"no image can be read: 2 faults"):
        detect(config, images[3:5])
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_is_one_line(tmp_path, images):
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"full\.jsonl: cannot be written: No space left .* the same command goes on"):
        Journal(tmp_path / "full.jsonl", "key").open(2)


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
    journal.close()
    (name, back), (_, reason) = journal.read()
    assert (name, reason, back.masks, back.features) == ("ü\u2028.png", "a reason", found.masks, None)
    for one, other in zip(vars(found).values(), vars(back).values(), strict=True):
        assert not isinstance(one, np.ndarray) or (one.tobytes(), one.dtype, one.shape) == (
            other.tobytes(),
            other.dtype,
            other.shape,
        )
