"""Batches: order, resuming, sharding, independence of workers, and what becomes of boxes."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from msgspec import Raw

from src.data import dataset
from src.data.annotations import ImageEntry
from src.data.dataset import BatchSettings, evaluation_batches, training_batches
from src.errors import DataError, UserError

COUNT = 5


def input_settings(batch_size: int) -> SimpleNamespace:
    return SimpleNamespace(
        img_height=32,
        img_width=48,
        keep_ratio=True,
        resize_sides=None,
        test_batch_size=batch_size,
        num_parallel_workers=2,
    )


SETTINGS = BatchSettings(
    height=32, width=48, keep_ratio=True, flip_ratio=0.5, max_gts=4, seed=7, batch_size=2, workers=2
)


def _entry(index: int, boxes=((2, 3, 10, 12),), crowd=None, size=(40, 30)) -> ImageEntry:
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return ImageEntry(
        image_id=100 + index,
        file_name=f"{index}.png",
        width=size[0],
        height=size[1],
        labelled=True,
        boxes=boxes,
        labels=np.arange(1, len(boxes) + 1, dtype=np.int32),
        crowd=np.zeros(len(boxes), bool) if crowd is None else np.array(crowd, bool),
    )


@pytest.fixture(scope="module")
def img_dir(tmp_path_factory) -> Path:
    """Images 0.png .. 4.png, 40 x 30, whose red level tells which is which."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(COUNT):
        image = np.full((30, 40, 3), 90, np.uint8)
        image[..., 2] = 20 + 40 * index  # OpenCV writes BGR: channel 2 is red
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return folder


@pytest.fixture(scope="module")
def entries() -> list[ImageEntry]:
    return [_entry(index) for index in range(COUNT)]


def _batches(entries, img_dir, stream="labelled", start=0, stop=6, **changes):
    return list(training_batches(entries, img_dir, replace(SETTINGS, **changes), stream, start, stop))


def _same(first, second) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a, b) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True)
    )


def _indices(batches) -> list[int]:
    """Which image each row shows, by its red level in the weak view."""
    return [(int(image[0, 0, 0]) - 20) // 40 for batch in batches for image in batch[1]]


def test_shapes_and_types(entries, img_dir):
    strong, weak, sizes, boxes, labels, valid, crowd = _batches(entries, img_dir, stop=1)[0]
    assert sizes.shape == (2, 2) and sizes.dtype == np.float32
    assert strong.shape == weak.shape == (2, 3, 32, 48) and strong.dtype == weak.dtype == np.uint8
    assert (boxes.shape, labels.shape, valid.shape, crowd.shape) == ((2, 4, 4), (2, 4), (2, 4), (2, 4))
    assert (boxes.dtype, labels.dtype, valid.dtype, crowd.dtype) == (np.float32, np.int32, bool, bool)
    assert len(_batches(entries, img_dir, "unlabelled", stop=1)[0]) == 3


def test_every_epoch_shows_every_image_once_in_a_new_order(entries, img_dir):
    rows = _indices(_batches(entries, img_dir, stop=25))
    epochs = [rows[start : start + COUNT] for start in range(0, 50, COUNT)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 5


def test_the_same_for_any_number_of_workers_and_after_a_resume(entries, img_dir):
    whole = _batches(entries, img_dir, stop=6)
    assert _same(whole, _batches(entries, img_dir, stop=6, workers=5))
    assert _same(whole[4:], _batches(entries, img_dir, start=4, stop=6, workers=1))


def test_other_seeds_and_other_epochs_differ(entries, img_dir):
    assert not _same(_batches(entries, img_dir), _batches(entries, img_dir, seed=8))
    one = _batches(entries[:1], img_dir, stop=2, batch_size=1)
    assert not np.array_equal(one[0][0], one[1][0])


def test_streams_are_independent(entries, img_dir):
    labelled = _indices(_batches(entries, img_dir, stop=10))
    unlabelled = _indices(_batches(entries, img_dir, "unlabelled", stop=10))
    assert labelled != unlabelled


def test_ranks_share_the_bigger_batch(entries, img_dir):
    whole = _batches(entries, img_dir, batch_size=4)
    shards = [_batches(entries, img_dir, rank=rank, rank_size=2) for rank in range(2)]
    joined = [tuple(np.concatenate(pair) for pair in zip(*step, strict=True)) for step in zip(*shards, strict=True)]
    assert _same(whole, joined)


EVERYTHING = {"flip_ratio": 0.5, "crop_ratio": 0.7, "expand_ratio": 0.5, "multi_scale": (0.5, 1.0), "photo_ratio": 0.5}


@pytest.mark.parametrize("stream", ["labelled", "unlabelled"])
def test_neither_workers_nor_the_order_they_finish_in_nor_ranks_nor_a_resume_change_a_byte(
    entries, img_dir, stream, monkeypatch
):
    """One process with one thread is the truth for every other way to make the same global batches."""
    truth = _batches(entries, img_dir, stream, stop=5, batch_size=6, workers=1, **EVERYTHING)
    read, waits = dataset.read_image, np.random.default_rng(0).uniform(0, 0.004, 1000).tolist()

    def read_late(path, data):
        time.sleep(waits.pop())  # pictures arrive in another order than they were asked for
        return read(path, data)

    monkeypatch.setattr(dataset, "read_image", read_late)
    for workers, rank_size, start in ((8, 1, 0), (3, 2, 0), (2, 3, 2), (5, 6, 1), (1, 2, 4)):
        shards = [
            _batches(
                entries,
                img_dir,
                stream,
                start,
                5,
                batch_size=6 // rank_size,
                workers=workers,
                rank=rank,
                rank_size=rank_size,
                **EVERYTHING,
            )
            for rank in range(rank_size)
        ]
        joined = [tuple(np.concatenate(rows) for rows in zip(*step, strict=True)) for step in zip(*shards, strict=True)]
        assert _same(truth[start:], joined), (workers, rank_size, start)


def test_boxes_are_scaled_padded_and_flipped_with_the_picture(tmp_path):
    image = np.zeros((30, 60, 3), np.uint8)
    image[6:18, 4:20] = 255
    cv2.imwrite(str(tmp_path / "0.png"), image)
    entry = _entry(0, boxes=[(4, 6, 20, 18)], size=(60, 30))
    batches = _batches([entry], tmp_path, stop=8, batch_size=1, strong=False, height=40, width=30)
    corners = set()
    for strong, weak, sizes, boxes, labels, valid, _ in batches:
        bright = np.argwhere(weak[0, 0] > 127)
        (top, left), (bottom, right) = bright.min(axis=0), bright.max(axis=0) + 1
        assert boxes[0, 0].tolist() == [left, top, right, bottom]
        assert labels[0].tolist() == [1, 0, 0, 0] and valid[0].tolist() == [True, False, False, False]
        assert not weak[0, :, 15:].any() and sizes.tolist() == [[15, 30]], "padding is at the bottom"
        assert np.array_equal(strong, weak), "strong=False"
        corners.add(left)
    assert corners == {2, 20}, "flipped and not"


def test_boxes_stay_on_their_objects_at_every_size_and_place(tmp_path):
    image = np.zeros((60, 120, 3), np.uint8)
    image[12:36, 8:40] = 255
    cv2.imwrite(str(tmp_path / "0.png"), image)
    entry = _entry(0, boxes=[(8, 12, 40, 36)], size=(120, 60))
    changes = {
        "batch_size": 1,
        "strong": False,
        "height": 64,
        "width": 128,
        "expand_ratio": 0.7,
        "multi_scale": (0.5, 1.0),
    }
    batches = _batches([entry], tmp_path, stop=40, **changes)
    sizes = []
    for _, weak, _, boxes, *_ in batches:
        rows, columns = np.nonzero(weak[0, 0].max(1) > 127)[0], np.nonzero(weak[0, 0].max(0) > 127)[0]
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(boxes[0, 0], seen, atol=1.0)
        sizes.append(boxes[0, 0, 2] - boxes[0, 0, 0])
    assert min(sizes) < 12 and max(sizes) > 30
    assert _same(batches[7:], _batches([entry], tmp_path, start=7, stop=40, workers=1, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep_ratio": False},
        {"flip_ratio": 1.0},
        {"expand_ratio": 0.5, "multi_scale": (0.6, 1.0)},
        {"resize_sides": (50, 64)},
    ],
)
def test_boxes_stay_on_their_objects_in_every_crop(tmp_path, changes):
    """Two objects, one all red and one all green, that crops cut, and lose one at a time."""
    image = np.zeros((90, 120, 3), np.uint8)
    image[10:50, 8:56, 2] = image[40:85, 70:110, 1] = 255  # OpenCV writes BGR
    cv2.imwrite(str(tmp_path / "0.png"), image)
    entry = _entry(0, boxes=[(8, 10, 56, 50), (70, 40, 110, 85)], size=(120, 90))
    settings = {
        "batch_size": 1,
        "height": 64,
        "width": 64,
        "flip_ratio": 0.5,
        "strong": False,
        "crop_ratio": 0.9,
    } | changes
    batches = _batches([entry], tmp_path, stop=60, **settings)
    counts, sizes = [], []
    for strong, weak, _, boxes, labels, valid, crowd in batches:
        assert np.array_equal(strong, weak) and not crowd.any()
        counts.append(int(valid.sum()))
        assert valid[0, : counts[-1]].all() and labels[0, : counts[-1]].all() and not labels[0, counts[-1] :].any()
        for (x1, y1, x2, y2), label in zip(boxes[0, : counts[-1]], labels[0], strict=False):
            assert 0 <= x1 < x2 <= 64 + 1e-3 and 0 <= y1 < y2 <= 64 + 1e-3
            rows, columns = (np.nonzero(weak[0, label - 1].max(axis) > 127)[0] for axis in (1, 0))
            np.testing.assert_allclose(
                [x1, y1, x2, y2], [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], atol=1.01
            )
            sizes.append(x2 - x1)
    assert set(counts) == {1, 2}, "an image of two objects keeps one of them, or both"
    assert max(sizes) > 1.5 * min(sizes)
    assert _same(batches[9:], _batches([entry], tmp_path, start=9, stop=60, workers=5, **settings))


@pytest.mark.parametrize("stream", ["labelled", "unlabelled"])
@pytest.mark.parametrize("changes", [{}, {"resize_sides": (30, 60)}, EVERYTHING], ids=["plain", "sides", "everything"])
def test_sizes_end_where_the_picture_does(tmp_path, stream, changes):
    """A white picture on black: its last row and column are where the size says, wherever it lies."""
    cv2.imwrite(str(tmp_path / "0.png"), np.full((60, 100, 3), 255, np.uint8))
    entry = _entry(0, boxes=[(20, 10, 80, 50)], size=(100, 60))
    seen = set()
    for strong, weak, sizes, *_ in _batches(
        [entry], tmp_path, stream, stop=30, batch_size=1, strong=False, height=64, width=96, **changes
    ):
        lit = np.argwhere(weak[0].max(0) > 0)
        assert sizes.tolist() == [(lit.max(0) + 1).tolist()]
        seen.add(tuple(sizes[0]))
    assert len(seen) == 1 if changes != EVERYTHING else len(seen) > 10


def test_black_edges_are_part_of_an_image(tmp_path):
    image = np.full((60, 90, 3), 200, np.uint8)
    image[50:], image[:, 70:] = 0, 0
    cv2.imwrite(str(tmp_path / "0.png"), image)
    entry = _entry(0, boxes=[(20, 10, 88, 58)], size=(90, 60))
    batches = _batches([entry], tmp_path, stop=4, batch_size=1, height=64, width=96)
    assert all(sizes.tolist() == [[64, 96]] for _, _, sizes, *_ in batches)
    ((_, sizes, _),) = evaluation_batches([entry], tmp_path, input_settings(2))
    assert sizes.tolist() == [[32, 48]] * 2


def test_a_crop_is_of_both_views_and_of_labelled_images_only(img_dir):
    entry = _entry(0, boxes=[(2, 3, 30, 28)])
    plain, cropped = (
        _batches([entry], img_dir, batch_size=1, keep_ratio=False, flip_ratio=0, strong=False, crop_ratio=ratio)
        for ratio in (0.0, 1.0)
    )
    assert len({one[3].tobytes() for one in plain}) == 1 and len({one[3].tobytes() for one in cropped}) > 2
    assert all(np.array_equal(one[0], one[1]) for one in cropped)
    assert _same(*(_batches([entry], img_dir, "unlabelled", crop_ratio=ratio) for ratio in (0.0, 1.0)))


def test_crowds_are_cropped_with_their_image_and_leave_with_it(img_dir):
    entry = _entry(0, boxes=[(0, 0, 40, 30), (0, 0, 4, 3), (0, 0, 39, 29)], crowd=[False, True, True])
    counts = set()
    for _, _, _, boxes, labels, valid, crowd in _batches([entry], img_dir, stop=40, batch_size=1, crop_ratio=1.0):
        rows = int(valid.sum() + crowd.sum())
        assert valid[0].tolist() == [True, False, False, False] and labels[0, 0] == 1
        assert crowd[0, 1:rows].all() and set(labels[0, 1:rows]) <= {2, 3}
        (x1, y1), (x2, y2) = boxes[0, :rows, :2].T, boxes[0, :rows, 2:].T
        assert (x1 < x2).all() and (y1 < y2).all()
        assert min(x1.min(), y1.min()) > -1e-3 and x2.max() < 48 + 1e-3 and y2.max() < 32 + 1e-3
        counts.add(rows)
    assert counts == {2, 3}


def test_photometric_distortion_is_of_both_views_and_of_labelled_images_only(entries, img_dir):
    plain, changed = (_batches(entries, img_dir, strong=False, photo_ratio=ratio) for ratio in (0.0, 1.0))
    assert not _same(plain, changed)
    for one, other in zip(plain, changed, strict=True):
        assert np.array_equal(other[0], other[1])
        assert all(np.array_equal(a, b) for a, b in zip(one[2:], other[2:], strict=True))
    assert _same(*(_batches(entries, img_dir, "unlabelled", photo_ratio=ratio) for ratio in (0.0, 1.0)))


def test_crowds_are_marked_and_not_valid(img_dir):
    entry = _entry(0, boxes=[(0, 0, 5, 5), (1, 1, 9, 9)], crowd=[False, True])
    _, _, _, _, labels, valid, crowd = _batches([entry], img_dir, stop=1, batch_size=1)[0]
    assert labels[0].tolist() == [1, 2, 0, 0]
    assert valid[0].tolist() == [True, False, False, False]
    assert crowd[0].tolist() == [False, True, False, False]


def test_an_image_without_objects_is_all_padding(img_dir):
    _, _, _, boxes, labels, valid, crowd = _batches([_entry(0, boxes=())], img_dir, stop=1, batch_size=1)[0]
    assert not boxes.any() and not labels.any() and not valid.any() and not crowd.any()


def test_too_many_objects_are_refused_at_once_with_the_remedy(img_dir):
    crowded = [_entry(0), _entry(1, boxes=[(0, 0, 5, 5)] * 5), _entry(2, boxes=[(0, 0, 5, 5)] * 9)]
    with pytest.raises(DataError, match=r"(?s)--num_gts 4; pass --num_gts 9.*1\.png: 5 boxes.*2\.png: 9 boxes"):
        training_batches(crowded, img_dir, SETTINGS, "labelled", 0, 1)


def test_an_empty_stream_is_refused_at_once(img_dir):
    with pytest.raises(UserError, match="no unlabelled images"):
        training_batches([], img_dir, SETTINGS, "unlabelled", 0, 1)


def test_a_broken_image_is_named(entries, img_dir, tmp_path):
    (tmp_path / "0.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"0\.png"):
        _batches(entries[:1], tmp_path)
    with pytest.raises(UserError, match=r"0\.png"):
        list(evaluation_batches(entries[:1], tmp_path, input_settings(2)))


def test_an_image_of_another_size_is_refused(img_dir):
    with pytest.raises(UserError, match=r"0\.png: the image is 40x30 but its entry says 80x30"):
        _batches([_entry(0, size=(80, 30))], img_dir)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7])
def test_evaluation_shows_every_image_once_and_fills_the_last_batch(entries, img_dir, batch_size):
    batches = list(evaluation_batches(entries, img_dir, input_settings(batch_size)))
    assert all(images.shape == (batch_size, 3, 32, 48) for images, _, _ in batches)
    assert all((sizes == [32, 43]).all() and sizes.shape == (batch_size, 2) for _, sizes, _ in batches)
    assert [entry.image_id for _, _, rows in batches for entry, _ in rows] == [entry.image_id for entry in entries]
    levels = [int(images[row, 0, 0, 0]) for images, _, rows in batches for row in range(len(rows))]
    assert levels == [20, 60, 100, 140, 180]
    assert all(scale == pytest.approx((43 / 40, 32 / 30)) for _, _, rows in batches for _, scale in rows)


def test_evaluation_of_no_images(img_dir):
    assert list(evaluation_batches([], img_dir, input_settings(2))) == []


def test_sides_decide_the_size_of_an_image_and_shrink_with_the_frame(entries, img_dir):
    for multi_scale, most in (((1.0, 1.0), (15, 20)), ((0.5, 0.5), (7, 10))):
        settings = replace(SETTINGS, resize_sides=(15, 40), multi_scale=multi_scale, strong=False, flip_ratio=0)
        (_, weak, sizes, gt_boxes, *_) = next(training_batches(entries, img_dir, settings, "labelled", 0, 1))
        rows, columns = np.flatnonzero(weak[0].any((0, 2))), np.flatnonzero(weak[0].any((0, 1)))
        assert (len(rows), len(columns)) == most == tuple(sizes[0])
        np.testing.assert_allclose(
            gt_boxes[0, 0], np.array([2, 3, 10, 12]) * np.tile([most[1] / 40, most[0] / 30], 2), atol=0.1
        )


def test_images_that_outgrow_the_input_are_listed_before_anything_is_read(entries, tmp_path):
    settings = replace(SETTINGS, resize_sides=(40, 60))
    message = "input of 48x32 by resize_sides .40, 60.; pass a larger --img_width(.|\n)*0.png: becomes 53x40"
    with pytest.raises(DataError, match=message):
        training_batches(entries, tmp_path, settings, "unlabelled", 0, 1)
    evaluation = input_settings(2)
    evaluation.resize_sides = (40, 60)
    with pytest.raises(DataError, match="becomes 53x40"):
        evaluation_batches(entries, tmp_path, evaluation)


# The upper left half of the box, cut from corner to corner, and its mirror image.
CORNER = Raw(b"[[2, 3, 10, 3, 2, 12]]")


def test_masks_are_the_last_column_and_are_mirrored_with_the_image(img_dir):
    crowd = replace(_entry(0, [(2, 3, 10, 12)] * 2, [False, True]), outlines=(CORNER, None))
    for flip_ratio in (0.0, 1.0):
        plain = _batches([crowd], img_dir, stop=1, flip_ratio=flip_ratio)
        (batch,) = _batches([crowd], img_dir, stop=1, flip_ratio=flip_ratio, mask_size=8)
        assert _same(plain, [batch[:-1]]) and batch[-1].dtype == np.uint8 and batch[-1].shape == (2, 4, 8, 8)
        triangle = np.tri(8, k=-1, dtype=np.uint8)[::-1]
        for masks in batch[-1]:
            np.testing.assert_array_equal(masks[0][:, ::-1] if flip_ratio else masks[0], triangle)
            assert not masks[1:].any()


def test_no_change_of_size_or_place_changes_a_mask(img_dir):
    entry = replace(_entry(0), outlines=(CORNER,))
    (still,) = _batches([entry], img_dir, stop=1, flip_ratio=0.0, mask_size=8)
    moved = {"multi_scale": (0.5, 1.0), "expand_ratio": 1.0, "keep_ratio": False, "photo_ratio": 1.0}
    (batch,) = _batches([entry], img_dir, stop=1, flip_ratio=0.0, mask_size=8, **moved)
    assert not np.array_equal(still[3], batch[3])
    np.testing.assert_array_equal(still[-1], batch[-1])


def test_masks_that_were_not_read_are_an_error_and_unlabelled_images_need_none(entries, img_dir):
    with pytest.raises(ValueError, match="masks=True"):
        _batches(entries, img_dir, mask_size=8)
    assert len(_batches(entries, img_dir, "unlabelled", mask_size=8)[0]) == 3


def test_a_mask_in_a_crop_covers_what_is_seen_of_its_object(tmp_path):
    image = np.zeros((80, 80, 3), np.uint8)
    image[10:70, 10:30] = image[50:70, 10:70] = 255  # an L
    cv2.imwrite(str(tmp_path / "0.png"), image)
    shape = Raw(b"[[10, 10, 30, 10, 30, 50, 70, 50, 70, 70, 10, 70]]")
    entry = replace(_entry(0, boxes=[(10, 10, 70, 70)], size=(80, 80)), outlines=(shape,))
    changes = {"batch_size": 1, "height": 160, "width": 160, "crop_ratio": 0.8, "strong": False, "mask_size": 20}
    masks = set()
    for _, weak, _, boxes, *_, gt_masks in _batches([entry], tmp_path, stop=30, **changes):
        (x1, y1, x2, y2), centres = boxes[0, 0], (np.arange(20) + 0.5) / 20
        rows, columns = (y1 + centres * (y2 - y1)).astype(int), (x1 + centres * (x2 - x1)).astype(int)
        assert ((weak[0, 0][rows][:, columns] > 127) == gt_masks[0, 0]).mean() > 0.95
        masks.add(gt_masks[0, 0].tobytes())
    assert len(masks) > 5
