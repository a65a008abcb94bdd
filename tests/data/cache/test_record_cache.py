"""Batches from the cache are those from the files; a cache is used only for what it was made of, and only whole."""

import os

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import Annotations, ImageEntry, content_hash, image_path
from src.data.cache.record_cache import open_cache
from src.data.dataset import BatchSettings, evaluation_batches, training_batches
from src.errors import DataError, UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Seven images of different sizes and kinds, with their annotations."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    entries = []
    for number in range(7):
        width, height = 40 + number, 60 - 3 * number
        name = f"day {number % 2}/ä_{number}.{('png', 'jpg')[number % 2]}"
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(folder / name)
        boxes = np.array([[1, 2, 20, 30 + number]], np.float32)
        entries.append(ImageEntry(number, name, width, height, True, boxes, np.ones(1, np.int32), np.zeros(1, bool)))
    return folder, Annotations(("cat",), (1,), tuple(entries))


def opened(data, parent, say=print, annotations=None):
    folder, known = data
    paths = [image_path(entry, folder) for entry in known.images]
    return open_cache(parent, paths, annotations or content_hash(known), 30, say)


@pytest.fixture(scope="module")
def cache(data, tmp_path_factory):
    return opened(data, tmp_path_factory.mktemp("caches"))


def same(batches, others):
    pairs = list(zip(batches, others, strict=True))
    for batch, other in pairs:
        for column, again in zip(batch, other, strict=True):
            assert column.dtype == again.dtype
            np.testing.assert_array_equal(column, again)
    return len(pairs)


@pytest.mark.parametrize("stream", ["labelled", "unlabelled"])
def test_training_batches_are_the_same_bit_for_bit_over_several_epochs(data, cache, stream):
    settings = BatchSettings(
        height=64, width=96, keep_ratio=True, flip_ratio=0.5, max_gts=4, seed=3, batch_size=2, workers=2
    )
    made = [training_batches(data[1].images, data[0], settings, stream, 3, 14, stored) for stored in (None, cache)]
    assert same(*made) == 11


def test_evaluation_batches_are_the_same(data, cache):
    class Settings:
        img_height, img_width, keep_ratio, resize_sides = 64, 96, True, None
        test_batch_size, num_parallel_workers = 3, 2

    plain, stored = (list(evaluation_batches(data[1].images, data[0], Settings, source)) for source in (None, cache))
    assert same([batch[:2] for batch in plain], [batch[:2] for batch in stored]) == 3
    assert [rows for _, _, rows in plain] == [rows for _, _, rows in stored]


def test_whoever_may_read_new_files_may_read_it(cache, tmp_path):
    (tmp_path / "new").touch()
    assert {file.stat().st_mode for file in cache.folder.iterdir()} == {(tmp_path / "new").stat().st_mode}


def test_any_order_and_repetition_across_reading_pipelines(data, cache, monkeypatch):
    monkeypatch.setattr("src.data.cache.record_cache._ROWS_READ", 4)
    paths = list(cache.row_of)
    wanted = [paths[place] for place in (3, 3, 0, 6, 1, 3, 2, 2, 2)]
    assert list(cache.read(wanted)) == [path.read_bytes() for path in wanted]
    first = next(cache.read(wanted))  # left alone after one image
    assert first == wanted[0].read_bytes()


def test_it_is_made_once_and_anew_when_images_or_labels_change(data, tmp_path):
    said = []
    first = opened(data, tmp_path, said.append)
    again = opened(data, tmp_path, said.append)
    assert first.folder == again.folder and len(said) == 1 and "is not there: creating it" in said[0]
    other = opened(data, tmp_path, said.append, annotations="other labels")
    assert other.folder != first.folder and first.folder.name in said[2]
    path = image_path(data[1].images[0], data[0])
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    changed = opened(data, tmp_path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed.folder not in (first.folder, other.folder)


@pytest.mark.parametrize("harm", ["cut off", "no index", "no description", "wrong description"])
def test_a_broken_one_is_made_anew_and_says_so(data, tmp_path, harm):
    cache = opened(data, tmp_path)
    file = cache.folder / "images.mindrecord"
    if harm == "cut off":
        file.chmod(0o600)
        os.truncate(file, file.stat().st_size - 1)
    elif harm == "no index":
        (cache.folder / "images.mindrecord.db").unlink()
    elif harm == "no description":
        (cache.folder / "about.json").unlink()
    else:
        (cache.folder / "about.json").write_text("{")
    said = []
    cache = opened(data, tmp_path, said.append)
    assert len(said) == 1 and ("damaged" in said[0] or "incomplete" in said[0])
    path = next(iter(cache.row_of))
    assert list(cache.read([path])) == [path.read_bytes()]


@pytest.mark.parametrize("file", ["images.mindrecord", "images.mindrecord.db"])
def test_a_damaged_description_is_seen_before_mindspore_reads_it(data, tmp_path, file):
    """A wrong letter in the JSON at the start of the file ended the program."""
    cache = opened(data, tmp_path)
    path = cache.folder / file
    content = bytearray(path.read_bytes())
    content[content.index(b"header_size" if file == "images.mindrecord" else b"SQLite")] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    said = []
    again = opened(data, tmp_path, said.append)
    assert len(said) == 1 and "is damaged: the checksum of its metadata is wrong: creating it" in said[0]
    wanted = list(again.row_of)[:2]
    assert list(again.read(wanted)) == [path.read_bytes() for path in wanted]


def test_what_mindspore_cannot_read_is_told_as_damage(data, tmp_path):
    cache = opened(data, tmp_path)
    (cache.folder / "images.mindrecord.db").chmod(0o600)
    (cache.folder / "images.mindrecord.db").write_bytes(b"no index")
    with pytest.raises(UserError, match=r"the cached copy of .*_0\.png is damaged; delete this folder"):
        list(cache.read(cache.row_of))


def test_damage_inside_is_seen_when_it_is_read(data, tmp_path):
    cache = opened(data, tmp_path)
    file, path = cache.folder / "images.mindrecord", list(cache.row_of)[2]
    content, image = bytearray(file.read_bytes()), path.read_bytes()
    content[content.index(image) + len(image) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    with pytest.raises(UserError, match="is damaged; delete this folder"):
        list(cache.read([path]))


def test_pages_grow_with_the_largest_image_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("src.data.cache.record_cache._PAGES", (2**15, 2**18))
    paths = [tmp_path / "small.png", tmp_path / "large.png", tmp_path / "too large.png"]
    for path, size in zip(paths, (2**10, 2**17, 2**18), strict=True):
        path.write_bytes(np.random.default_rng(size).bytes(size))
    cache = open_cache(tmp_path / "caches", paths[:2], "", 1, print)
    assert list(cache.read(paths[:2])) == [path.read_bytes() for path in paths[:2]]
    with pytest.raises(UserError, match="too large.png: larger than 0 MB"):
        open_cache(tmp_path / "caches", paths, "", 1, print)


def test_missing_images_and_too_little_room_are_told(data, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="none.png: No such file"):
        open_cache(tmp_path / "caches", [tmp_path / "none.png"], "", 1, print)
    monkeypatch.setattr("src.data.cache.record_cache.shutil.disk_usage", lambda folder: type("", (), {"free": 10**6}))
    with pytest.raises(UserError, match="0.1 GB are needed for the cache, 0.0 are free"):
        opened(data, tmp_path)
    assert not list(tmp_path.glob("*/about.json"))
