from collections import Counter

import numpy as np
import pytest

from src.data.images import read_image
from src.data.same_picture import group_same_pictures
from src.data.synthetic import CLASSES, SIDE, draw_face, main, place_faces
from src.data.voc import pair_files, read_voc


def make(folder, *more):
    main(["--out", str(folder), "--images", "30", *more])
    return pair_files(folder)


def test_the_set_is_deterministic_complete_and_inside_the_picture(tmp_path):
    pairs = make(tmp_path / "a", "--width", "100", "--height", "60")
    make(tmp_path / "b", "--width", "100", "--height", "60")
    assert len(pairs) == 30
    counts = Counter()
    for image, xml in pairs:
        assert (tmp_path / "a" / "images" / image).read_bytes() == (tmp_path / "b" / "images" / image).read_bytes()
        voc = read_voc(tmp_path / "a" / "annotations" / xml)
        assert voc.size == (100, 60) and read_image(tmp_path / "a" / "images" / image).shape == (60, 100, 3)
        assert 1 <= len(voc.objects) <= 5
        for item in voc.objects:
            x1, y1, x2, y2 = item.box
            assert 0 <= x1 and 0 <= y1 and x2 <= 100 and y2 <= 60 and SIDE[0] <= x2 - x1 <= SIDE[1]
        counts.update(item.name for item in voc.objects)
    assert set(counts) == set(CLASSES)
    make(tmp_path / "c", "--seed", "11", "--width", "100", "--height", "60")
    assert (tmp_path / "a" / "images" / image).read_bytes() != (tmp_path / "c" / "images" / image).read_bytes()


def test_no_two_pictures_look_the_same(tmp_path):
    paths = [tmp_path / "images" / image for image, _ in make(tmp_path)]
    assert all(len(group) == 1 for group in group_same_pictures(paths))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_face_fills_its_box_and_only_it(kind):
    box = (40, 20, 140, 150)
    for seed in range(10):
        canvas = np.full((200, 200, 3), 1, np.uint8)
        draw_face(canvas, box, kind, np.random.default_rng(seed))
        rows, columns = np.nonzero((canvas != 1).any(axis=2))
        drawn = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(drawn - box).max() <= 4, drawn


def test_faces_hardly_overlap_and_there_is_always_one():
    for seed in range(200):
        boxes = place_faces(np.random.default_rng(seed), 48, 48)
        assert boxes
        for index, (a, b, c, d) in enumerate(boxes):
            for e, f, g, h in boxes[:index]:
                shared = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
                assert shared < 0.3 * min((c - a) * (d - b), (g - e) * (h - f))


@pytest.mark.parametrize(
    "more, words", [(["--images", "0"], "at least 1"), (["--width", "20"], "at least 48"), ([], "--overwrite")]
)
def test_faults(tmp_path, capsys, more, words):
    if not more:
        make(tmp_path)
    with pytest.raises(SystemExit):
        make(tmp_path, *more)
    assert words in capsys.readouterr().err
