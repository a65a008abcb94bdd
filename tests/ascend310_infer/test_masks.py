"""Masks in the C++ program: their run lengths are pycocotools', their pixels those of Python."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from src.data.image_listing import list_images
from src.evaluation.masks import Pasting, decode_mask, paste

HEIGHT, WIDTH = 64, 96
SIDE = 7  # cells of the masks of the toy


def written(program, boxes: np.ndarray, cells: np.ndarray, size: tuple[int, int], how: Pasting, tmp_path) -> list[str]:
    """What the program writes for masks [N, M, M] over boxes [N, 4] in pictures of (height, width)."""
    rows = np.zeros(len(boxes), [("box", "f8", 4), ("cells", "f4", cells.shape[1:])])
    rows["box"], rows["cells"] = boxes, cells
    (tmp_path / "masks").write_bytes(rows.tobytes())
    height, width = size
    words = cells.shape[1], width, height, how.threshold, how.rule, tmp_path / "masks"
    done = program.run(*words, program="pasted_masks")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def counts(mask: np.ndarray) -> str:
    """pycocotools' text of a mask [H, W]."""
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


def boxes_of_pixels(corners: np.ndarray, side: int) -> np.ndarray:
    """Boxes whose cells are pixels, from whole corners (x, y) on: as torchvision pastes, x - 1 to x + side with their ring."""
    spans = np.concatenate([corners - 1.0, corners + side], 1)
    spans += np.where(spans < 0, -0.5, 0.5)  # whole numbers but for what is cut off
    widths = (spans[:, 2:] - spans[:, :2]) * side / (side + 2)
    return np.concatenate([spans[:, :2] + widths / side, spans[:, 2:] - widths / side], 1)


@pytest.mark.both_builds
@pytest.mark.parametrize(("side", "size"), [(1, (1, 1)), (3, (3, 3)), (8, (20, 30)), (40, (40, 60)), (64, (300, 90))])
def test_run_lengths_are_those_of_pycocotools(program, tmp_path, side, size):
    rng = np.random.default_rng(side)
    shapes = [np.zeros((side, side)), np.ones((side, side)), *(rng.random((12, side, side)) < rng.random((12, 1, 1)))]
    for row, column in ((0, 0), (0, side - 1), (side - 1, 0), (side - 1, side - 1)):
        one = np.zeros((side, side))
        one[row, column] = 1
        shapes.append(one)
    bands = np.zeros((2, side, side))
    bands[0, : side // 2 + 1], bands[1, side // 2 :] = 1, 1  # runs that begin or end with each column
    shapes = np.stack([*shapes, *bands]).astype(np.float32)
    room = np.array(size[::-1]) - side
    corners = rng.integers(0, room + 1, (len(shapes), 2))
    corners[1:3] = [[0, 0], room]
    wanted = []
    for shape, (x, y) in zip(shapes, corners, strict=True):
        full = np.zeros(size)
        full[y : y + side, x : x + side] = shape
        wanted.append(counts(full))
    assert (
        written(program, boxes_of_pixels(corners, side), shapes, size, Pasting(0.5, "torchvision"), tmp_path) == wanted
    )


def test_a_box_over_the_whole_picture_and_those_beside_it(program, tmp_path):
    boxes = np.array([[-3, -5, 40, 50], [-9, -9, -2, -2], [50, 60, 70, 80], [-1e30, -1e30, -5, -5]])
    texts = written(program, boxes, np.ones((4, 9, 9), np.float32), (20, 30), Pasting(), tmp_path)
    assert texts == [counts(np.ones((20, 30)))] + [counts(np.zeros((20, 30)))] * 3


@pytest.mark.both_builds
@pytest.mark.parametrize("side", [1, 2, 7, 28])
@pytest.mark.parametrize("how", [Pasting(0.2), Pasting(0.5), Pasting(0.5, "torchvision")])
def test_masks_cover_the_pixels_that_python_names(program, tmp_path, side, how):
    rng, size = np.random.default_rng(side), (45, 37)
    corners = rng.uniform(-20, 45, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.3, 60, (60, 2))], 1)
    cells = rng.random((60, side, side)).astype(np.float32)
    texts = written(program, boxes, cells, size, how, tmp_path)
    wanted = [paste(mask, box, size[::-1], how)["counts"] for mask, box in zip(cells, boxes, strict=True)]
    assert len(set(wanted)) > (20 if side > 1 else 8)
    assert texts == wanted


@pytest.mark.both_builds
def test_records_carry_the_masks_of_the_network(program, toy_with_masks, expected_records, pictures, tmp_path):
    done = program.run("--model", toy_with_masks, "--images", pictures, "--out", tmp_path / "found.json", "--threads=3")
    assert done.returncode == 0, done.stderr
    names = list_images(pictures)
    wanted = expected_records(pictures, names, True, list(range(1, len(names) + 1)), masks=True)
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert len(found) == len(wanted) > 100
    for one, other in zip(found, wanted, strict=True):
        assert one["segmentation"]["size"] == other["segmentation"]["size"]
        differ = decode_mask(one["segmentation"]) != decode_mask(other["segmentation"])
        # A score of the network is another by its last digit, and with it a pixel whose probability is all but the threshold.
        assert differ.sum() <= 1 + differ.size // 10000, one["file_name"]


def test_masks_are_drawn(program, toy_with_masks, tmp_path):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "grey.png"), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    words = ["--images", tmp_path / "photos", "--draw", tmp_path / "drawn", "--out", tmp_path / "found.json"]
    assert program.run("--model", toy_with_masks, *words).returncode == 0
    drawn = cv2.imread(str(tmp_path / "drawn" / "grey.png.jpg")).astype(int)
    masks = [decode_mask(record["segmentation"]) for record in json.loads((tmp_path / "found.json").read_text())]
    painted = (
        np.abs(drawn - 200).max(-1).reshape(HEIGHT, 4, WIDTH, 4).mean((1, 3))
    )  # the picture was enlarged four times
    anywhere = cv2.erode(np.any(masks, 0).astype(np.uint8), np.ones((3, 3))) > 0
    assert anywhere.sum() > 200
    assert painted[anywhere].min() > 20 and painted[anywhere].mean() > 50


@pytest.mark.both_builds
def test_memory_does_not_grow_with_the_number_of_masks(program, toy_with_masks, tmp_path):
    cv2.imwrite(str(tmp_path / "one.jpg"), np.full((750, 1000, 3), 200, np.uint8))
    peaks = []
    for count in (10, 60):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").symlink_to(tmp_path / "one.jpg")
        words = ["--images", folder, "--out", tmp_path / f"{count}.json", "--draw", tmp_path / f"drawn {count}"]
        peaks.append(program.peak_memory("--model", toy_with_masks, *words, "--threads", "2"))
    assert peaks[1] < peaks[0] + 30 * 2**20  # the other 50 pictures are 107 MB
    assert peaks[1] < 400 * 2**20
