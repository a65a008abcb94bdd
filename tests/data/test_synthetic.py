from collections import Counter

import numpy as np
import pytest

from src.data.checks.duplicate_images import group_same_pictures
from src.data.drawn_faces import CLASSES, SIDE, draw_face, outlines, place_faces
from src.data.formats.outlines import as_outline, rasterise
from src.data.formats.reading import read_data
from src.data.formats.voc import pair_files, read_voc
from src.data.images import read_image
from src.data.synthetic import main


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


@pytest.mark.parametrize("kind", CLASSES)
def test_the_mask_of_a_face_is_what_it_paints(kind):
    """On two grounds that no face has the colour of both, a pixel that looks alike is painted over altogether."""
    for seed in range(5):
        canvases = [np.full((200, 200, 3), level, np.uint8) for level in (0, 255)]
        covered = [draw_face(canvas, (40, 20, 140, 150), kind, np.random.default_rng(seed)) for canvas in canvases]
        np.testing.assert_array_equal(*covered)
        painted = (canvases[0] == canvases[1]).all(axis=2)
        assert (painted != covered[0]).sum() < 0.03 * painted.sum()  # its edge is half transparent


def test_a_face_behind_another_has_the_mask_of_what_is_seen():
    back, front = np.zeros((80, 80), np.uint8), np.zeros((80, 80), np.uint8)
    back[8:40, 8:72] = 1
    front[20:60, 32:48] = 1
    behind, before = outlines([back, front])
    box = (0, 0, 20, 20)
    wholes = [rasterise(as_outline(polygons), box, (20, 20), 80) for polygons in (behind, before)]
    for whole, wanted in zip(wholes, (back & ~front, front), strict=True):
        assert (whole != wanted).sum() < 0.1 * wanted.sum()
    assert not (wholes[0] & wholes[1]).any()
    split = np.zeros((80, 80), np.uint8)
    split[:, 32:48] = 1
    assert len(outlines([back, split])[0]) == 2


def test_the_coco_file_has_the_objects_of_the_xml_files_and_a_mask_of_each(tmp_path):
    pairs = make(tmp_path, "--width", "100", "--height", "60")
    data = read_data(tmp_path / "instances.json", tmp_path / "images", masks=True)
    assert data.class_names == CLASSES and len(data.images) == len(pairs) == 30
    shares = []
    for entry, (image, xml) in zip(data.images, pairs, strict=True):
        voc = read_voc(tmp_path / "annotations" / xml)
        assert entry.file_name == image and entry.boxes.tolist() == [list(item.box) for item in voc.objects]
        assert [CLASSES[label - 1] for label in entry.labels] == [item.name for item in voc.objects]
        for box, outline, area in zip(entry.boxes, entry.outlines, entry.areas, strict=True):
            shares.append(rasterise(outline, box, (100, 60), 28).mean())
            assert shares[-1] == pytest.approx(area / np.prod(box[2:] - box[:2]), abs=0.05)
    assert 0.6 < min(shares) and max(shares) < 0.9 and np.mean(shares) == pytest.approx(np.pi / 4, abs=0.05)
